"""Many more tearings of journals than `make test` looks at."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

PATH = Path(__file__).resolve().parents[1] / "contract" / "test_interleavings.py"


def _load() -> Any:
    spec = importlib.util.spec_from_file_location("interleavings", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


interleavings = _load()


@pytest.mark.timeout(1800)
def test_hundreds_of_tearings(short: bool) -> None:
    @settings(max_examples=10 if short else 400, deadline=None, suppress_health_check=list(HealthCheck))
    @given(world=interleavings.tearings())
    def check(world: Any) -> None:
        interleavings.check(world)

    check()
