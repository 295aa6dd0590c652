"""Suggested search spaces: every setting is one of the model's, and every value that they hold is accepted."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.config.combinations import METHODS
from runyard.config.run import canonical, parse_run_config
from runyard.config.search_space import Span, suggested_space

KINDS = [
    (str(part.model_fields["model_type"].default), method) for part, methods in METHODS.items() for method in methods
]


def values_of(span: Span) -> list[Any]:
    return list(span.choices) or [span.low, span.high]


@pytest.mark.parametrize(("kind", "method"), KINDS)
def test_every_value_of_the_space_makes_a_config(kind: str, method: str) -> None:
    config = parse_run_config({"model": {"model_type": kind}, "method": method, "training_data": {"source": "x"}})
    space = suggested_space(config)
    assert space or kind not in ("text_encoder", "causal_lm", "cnn1d", "mlp", "lstm", "tfidf_logreg", "encoder_logreg")
    for span in space:
        for value in values_of(span):
            values = canonical(config)
            *path, name = span.setting.split(".")
            part: dict[str, Any] = values
            for key in path:
                part = part[key]
            assert name in part, f"{kind} has no {span.setting}"
            part[name] = value
            found = canonical(parse_run_config(values))
            for key in path:
                found = found[key]
            assert found[name] == value


def test_rates_are_searched_by_their_size_and_lower_for_pretrained_weights() -> None:
    spans = {}
    for method in ("lora", "full"):
        config = parse_run_config(
            {"model": {"model_type": "text_encoder"}, "method": method, "training_data": {"source": "x"}}
        )
        spans[method] = suggested_space(config)[0]
    assert all(span.log for span in spans.values())
    assert spans["full"].high < spans["lora"].high  # type: ignore[operator]
