"""constraints.txt pins everything that the project needs, down to the last package of a package."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    split = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {normal(name): version for name, version in split}


@pytest.fixture(scope="module")
def needed() -> dict[str, set[str]]:
    """Every needed package and what asks for it, following the installed packages' own requirements."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    roots = [
        *project["project"]["dependencies"],
        *(item for extra in project["project"]["optional-dependencies"].values() for item in extra),
        *project["build-system"]["requires"],
    ]
    found: dict[str, set[str]] = {}
    waiting = [(Requirement(item), "pyproject.toml") for item in roots]
    while waiting:
        requirement, asked_by = waiting.pop()
        name = normal(requirement.name)
        seen = name in found
        found.setdefault(name, set()).add(asked_by)
        if not seen or requirement.extras:
            waiting += [(inner, name) for inner in _requirements(name, requirement.extras)]
    return found


def _requirements(name: str, extras: set[str]) -> Iterator[Requirement]:
    for line in metadata.requires(name) or []:
        requirement = Requirement(line)
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in extras | {""}):
            yield requirement


def test_every_needed_package_is_pinned(needed: dict[str, set[str]], pins: dict[str, str]) -> None:
    assert not {name: sorted(asked_by) for name, asked_by in needed.items() if name not in pins}


def test_pins_are_exact_and_allowed_by_the_project(pins: dict[str, str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [item for extra in project["optional-dependencies"].values() for item in extra]
    wrong = [
        f"{requirement} but {pins[normal(requirement.name)]}"
        for requirement in map(Requirement, [*project["dependencies"], *extras])
        if not requirement.specifier.contains(pins[normal(requirement.name)])
    ]
    assert not wrong


def test_torch_is_the_one_version_that_the_makefile_installs_first(pins: dict[str, str]) -> None:
    assert f"torch=={pins['torch']}" in (ROOT / "Makefile").read_text()


def test_what_runs_here_is_what_is_pinned(needed: dict[str, set[str]], pins: dict[str, str]) -> None:
    installed = {name: metadata.version(name).split("+")[0] for name in needed}
    assert {name: version for name, version in installed.items() if pins.get(name) != version} == {}
