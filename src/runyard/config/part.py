"""The base of every part of a configuration, and the marks that forms read."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

BASIC: JsonDict = {"group": "basic"}
ADVANCED: JsonDict = {"group": "advanced"}


def _no_switch(value: Any) -> Any:
    """YAML reads `yes` as true, and pydantic would read true as 1."""
    if isinstance(value, bool):
        raise PydanticCustomError("number", "must be a number")
    return value


Whole = Annotated[int, BeforeValidator(_no_switch)]
Real = Annotated[float, BeforeValidator(_no_switch)]


class Part(BaseModel):
    """A frozen piece of configuration that knows all its keys."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        validate_default=True,
        protected_namespaces=(),
        str_strip_whitespace=True,
    )


def named(value: Any) -> Any:
    """Let a bare name stand for a part with its defaults: `adamw` for `{kind: adamw}`."""
    return {"kind": value} if isinstance(value, str) else value


def with_default(values: Any, key: str, default: Any) -> Any:
    """Fill a key whose default depends on its neighbours; anything but a mapping is left to pydantic."""
    if isinstance(values, Mapping) and values.get(key) is None:
        return {**values, key: default}
    return values
