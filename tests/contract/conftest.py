"""Real yards in temporary folders, and the tools that read and write them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "journals"))

from runyard.core.paths import Yard
from runyard.store import Store


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    """A yard's folders, without a store."""
    yard = Yard(tmp_path / "yard")
    yard.create()
    return yard


@pytest.fixture
def store(yard: Yard) -> Iterator[Store]:
    """The store of that yard, as this process holds it."""
    store = Store(yard)
    yield store
    store.close()
