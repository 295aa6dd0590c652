"""A form knows its fields from the model alone: bounds, choices, variants."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from runyard.ui.fields import FormField, form_fields, kind_of


class Red(BaseModel):
    kind: Literal["red"] = "red"
    depth: int = Field(3, ge=1, le=9, title="Depth")


class Blue(BaseModel):
    kind: Literal["blue"] = "blue"


class Small(BaseModel):
    name: str = Field(min_length=1, max_length=20, pattern="^[a-z]+$", description="What you call it.")
    rate: float = Field(1e-3, gt=0, le=10, json_schema_extra={"group": "advanced", "scale": "log"})
    limit: float | None = None
    loud: bool = False
    mode: Literal["fast", "slow"] = "slow"
    tags: tuple[str, ...] = ()
    widths: tuple[Annotated[int, Field(ge=1)], ...] = (8, 16)
    weights: Literal["balanced"] | dict[str, float] | None = None
    colour: Annotated[Red | Blue, Field(discriminator="kind")] = Blue()
    inner: Red = Red()


@pytest.fixture(scope="module")
def fields() -> dict[str, FormField]:
    return {field.name: field for field in form_fields(Small)}


def test_each_type_has_its_widget(fields: dict[str, FormField]) -> None:
    assert {name: field.widget for name, field in fields.items()} == {
        "name": "text",
        "rate": "number",
        "limit": "number",
        "loud": "toggle",
        "mode": "choice",
        "tags": "words",
        "widths": "numbers",
        "weights": "json",
        "colour": "union",
        "inner": "group",
    }


def test_bounds_and_patterns_reach_the_browser(fields: dict[str, FormField]) -> None:
    name, rate = fields["name"], fields["rate"]
    assert (name.required, name.longest, name.pattern, name.help) == (True, 20, "^[a-z]+$", "What you call it.")
    assert (rate.minimum, rate.maximum, rate.log_scale, rate.advanced) == (0, 10, True, True)
    assert fields["limit"].optional
    assert not fields["rate"].optional
    assert fields["mode"].choices == ("fast", "slow")


def test_a_union_offers_its_variants_and_does_not_ask_their_kind_twice(fields: dict[str, FormField]) -> None:
    colour = fields["colour"]
    assert [kind_of(part, colour.discriminator) for part in colour.parts] == ["red", "blue"]
    assert [field.path for field in form_fields(colour.parts[0], "colour.")] == ["colour.depth"]
