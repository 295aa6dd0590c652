"""Pages are thin scripts: query, chart, show; form, service, say."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "app" / "page").glob("*.py"))
MOST_LINES = 100
SQL = re.compile(
    r"\b(SELECT\s.+\sFROM|FROM\s+\w+\s+(SELECT|WHERE|ORDER)|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM)\b",
    re.S,
)


def strings(path: Path) -> list[str]:
    """Every string of a file but its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    documented = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    ]


def test_there_are_pages() -> None:
    assert PAGES


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_is_short(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= MOST_LINES, f"{path.name} has {len(lines)} lines; move what is not show into ui/ or queries/"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_holds_no_sql(path: Path) -> None:
    found = [text for text in strings(path) if SQL.search(text)]
    assert not found, f"{path.name} holds SQL; put it into sql/views and queries/: {found}"


def test_the_sql_pattern_tells_sql_from_english() -> None:
    assert SQL.search("SELECT name FROM runs")
    assert SQL.search("FROM overtraining_waste WHERE agent_id = ?")
    assert not SQL.search("Select a run from the list")
    assert not SQL.search("Update the form")
