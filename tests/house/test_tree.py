"""The tree of the repository: names, sizes, and the README's picture of it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EMPTY_WORDS = re.compile(r"(^|_)(utils?|helpers?|managers?|commons?|misc)(_|$)")
LONGEST_MODULE = 400


def tracked(*patterns: str) -> list[Path]:
    """Files that git knows and that are there."""
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for line in listed.stdout.splitlines() if (path := ROOT / line).is_file()]


def test_no_name_hides_that_a_noun_is_missing() -> None:
    paths = tracked("*.py", "*.sql")
    assert not [
        str(path) for path in paths for part in path.relative_to(ROOT).with_suffix("").parts if EMPTY_WORDS.search(part)
    ]


def test_modules_stay_readable() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked("src/*.py", "app/*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST_MODULE
    }
    assert not long


def test_modules_open_with_what_they_are_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in tracked("src/*.py", "app/*.py", "tests/*.py")
        if (text := path.read_text(encoding="utf-8").strip()) and not text.startswith(('"""', 'r"""', "#!"))
    ]
    assert not silent


def test_the_readme_draws_the_tree_as_it_is() -> None:
    """Each line of the README's tree names something that exists, and no folder is left out."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    tree = re.search(r"```text\nrunyard/\n(.*?)```", text, re.S)
    assert tree, "README.md has no folder tree"
    stack: list[str] = []
    drawn: set[str] = set()
    for line in tree.group(1).splitlines():
        name = line.strip().split()[0]
        depth = (len(line) - len(line.lstrip())) // 2
        stack = [*stack[: depth - 1], name.rstrip("/")]
        drawn.add("/".join(stack))
    missing = sorted(path for path in drawn if not (ROOT / path).exists())
    assert not missing, f"drawn, but not there: {missing}"
    files = [path.relative_to(ROOT) for path in tracked()]
    top = {path.parts[0] for path in files if len(path.parts) > 1 and not path.parts[0].startswith(".")}
    floors = {
        f"src/runyard/{path.parts[2]}" for path in files if path.parts[:2] == ("src", "runyard") and len(path.parts) > 3
    }
    left_out = sorted((top | floors) - drawn)
    assert not left_out, f"there, but not drawn: {left_out}"


def test_no_machine_is_named() -> None:
    """No path of a developer's machine and no registry host in any file."""
    words = [
        "/ho" + "me/",
        "/wo" + "rk/",
        "/ro" + "ot/",
        "pypi" + ".org",
        "files.python" + "hosted",
        "index" + "-url",
    ]
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in tracked()
        if path.suffix not in {".png", ".parquet", ".npz", ".duckdb"}
        for word in words
        if word in path.read_text(encoding="utf-8", errors="replace")
    ]
    assert not found
