"""Real yards in temporary folders, and the tools that read and write them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "app"))

from ready import ready_yard

from runyard.cli import main
from runyard.core.paths import Yard
from runyard.store import Store


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    """A yard with a store that holds no run."""
    return ready_yard(tmp_path / "yard")


@pytest.fixture
def home(yard: Yard) -> Path:
    """The folder of that yard."""
    return yard.home


@pytest.fixture
def bare_yard(tmp_path: Path) -> Yard:
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


@dataclass(frozen=True)
class Said:
    """What a command line left behind."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        rows = json.loads(self.out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
        assert isinstance(rows, list)
        return rows


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    """Run `runyard` in this process on the yard `tmp_path / "yard"`, unless `--yard` names another."""
    monkeypatch.setenv("RUNYARD_HOME", str(tmp_path / "yard"))

    def run(*arguments: str | Path) -> Said:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Said(code, out, err)

    return run
