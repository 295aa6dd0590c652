"""The floors of the house: who may import whom, and one door for each heavy library."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "runyard"
APP = ROOT / "app"

# Each library and the only places that may import it, as prefixes of paths below src/runyard, or `app/`.
DOORS = {
    "duckdb": ("store/",),
    "streamlit": ("ui/", "app/"),
    "starlette": ("ui/", "api/", "app/"),
    "fastapi": ("api/",),
    "uvicorn": ("api/", "ui/", "app/", "cli"),
    "typer": ("cli",),
    "rich": ("cli",),
    "altair": ("charts/", "ui/"),
    "optuna": ("train/",),
    "subprocess": ("service/processes.py", "store/", "core/provenance.py", "train/", "demodata/fetch.py"),
}
# Never at the top of a module outside the training wing: they cost seconds and hundreds of megabytes.
HEAVY = {
    "torch",
    "transformers",
    "peft",
    "accelerate",
    "safetensors",
    "optuna",
    "scipy",
    "statsmodels",
    "sklearn",
}
CORE_MAY_USE = {"orjson", "runyard"}


@dataclass(frozen=True)
class Import:
    """One imported module, where it stands, whether importing its file runs it, and whether anything ever does."""

    file: str
    line: int
    module: str
    at_top: bool
    for_types: bool

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}"


def imports(folder: Path, prefix: str = "") -> Iterator[Import]:
    for path in sorted(folder.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        in_functions = _inside(tree, _is_function)
        for_types = _inside(tree, _is_for_types)
        for node in ast.walk(tree):
            for module in _named(node):
                yield Import(
                    prefix + path.relative_to(folder).as_posix(),
                    node.lineno,  # type: ignore[attr-defined]
                    module,
                    at_top=id(node) not in in_functions | for_types,
                    for_types=id(node) in for_types,
                )


def _inside(tree: ast.AST, is_outer: Callable[[ast.AST], bool]) -> set[int]:
    return {id(inner) for node in ast.walk(tree) if is_outer(node) for inner in ast.walk(node)}


def _is_function(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def _is_for_types(node: ast.AST) -> bool:
    """`if TYPE_CHECKING:` never runs."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _named(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute in this house"
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


@pytest.fixture(scope="module")
def every_import() -> list[Import]:
    return [*imports(SOURCE), *imports(APP, "app/")]


def test_the_floors_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_heavy_library_has_one_door(every_import: list[Import]) -> None:
    wrong = [
        str(found)
        for found in every_import
        if (doors := DOORS.get(found.module.split(".")[0])) and not found.file.startswith(doors) and not found.for_types
    ]
    assert not wrong, "\n".join(wrong)


def test_training_libraries_are_not_imported_at_module_level_outside_the_wing(
    every_import: list[Import],
) -> None:
    wrong = [
        str(found)
        for found in every_import
        if found.at_top and found.module.split(".")[0] in HEAVY and not found.file.startswith("train/")
    ]
    assert not wrong, "\n".join(wrong)


def test_core_needs_the_standard_library_and_orjson_only(every_import: list[Import]) -> None:
    known = set(sys.stdlib_module_names) | CORE_MAY_USE
    wrong = [
        str(found)
        for found in every_import
        if found.file.startswith("core/") and found.at_top and found.module.split(".")[0] not in known
    ]
    assert not wrong, "\n".join(wrong)


def test_the_training_wing_uses_config_data_core_and_ingest_only(every_import: list[Import]) -> None:
    allowed = (
        "runyard.train",
        "runyard.config",
        "runyard.data",
        "runyard.core",
        "runyard.store.ingest",
        "runyard.__version__",
    )
    wrong = [
        str(found)
        for found in every_import
        if found.file.startswith("train/")
        and found.module.split(".")[0] == "runyard"
        and not found.module.startswith(allowed)
    ]
    assert not wrong, "\n".join(wrong)


def test_the_walker_sees_what_it_must(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(
        "import torch.nn\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import peft\n"
        "class A:\n    import scipy\ndef f():\n    from sklearn import svm\n"
    )
    found = {item.module: item.at_top for item in imports(tmp_path)}
    assert [item.module for item in imports(tmp_path) if item.for_types] == ["peft"]
    assert found == {
        "torch.nn": True,
        "typing.TYPE_CHECKING": True,
        "peft": False,
        "scipy": True,
        "sklearn.svm": False,
    }
