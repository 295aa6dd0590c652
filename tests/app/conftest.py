"""Yards for the pages, and a page run as a reader's visit."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from streamlit.testing.v1 import AppTest

sys.path.insert(0, str(Path(__file__).parent))

from yards import empty_yard, full_yard

MAIN = Path(__file__).resolve().parents[2] / "app" / "main.py"
Visit = Callable[..., AppTest]


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, UUID]]:
    """A yard with runs in every state, and their ids by name."""
    home = tmp_path_factory.mktemp("full")
    return home, full_yard(home)


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A yard without a run."""
    home = tmp_path_factory.mktemp("empty")
    empty_yard(home)
    return home


@pytest.fixture
def visit(monkeypatch: pytest.MonkeyPatch) -> Visit:
    """Open a page of a yard with an address, and fail on anything that would be a traceback."""

    def open_page(home: Path, page: str = "overview", **address: str) -> AppTest:
        monkeypatch.setenv("RUNYARD_HOME", str(home))
        at = AppTest.from_file(str(MAIN), default_timeout=30)
        at.run()
        if page != "overview":
            at.switch_page(f"page/{page}.py")
            for name, value in address.items():
                at.query_params[name] = value
            at.run()
        assert not at.exception, at.exception
        return at

    return open_page
