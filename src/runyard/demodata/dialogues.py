"""What a small language model can learn from in the demo: chat pairs of a corpus, and this Python's own functions."""

from __future__ import annotations

import ast
import json
import sysconfig
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from runyard.core.errors import Corrupt

_MOST_LINES = 25
_LONGEST_DOCSTRING = 400


def write_chats(folder: Path, target: Path) -> None:
    """Write the dialogues of a folder of YAML files as JSONL: messages, and the topic and first question of each.

    Raises:
        Corrupt: a file has no conversations.
    """
    rows = [row for path in sorted(folder.glob("*.yml")) for row in _chats(path)]
    if not rows:
        raise Corrupt(f"{folder.name} holds no conversations.")
    _write_lines(target, rows)


def _chats(path: Path) -> Iterator[dict[str, Any]]:
    about = yaml.safe_load(path.read_text("utf-8"))
    if not isinstance(about, dict) or not isinstance(about.get("conversations"), list):
        raise Corrupt(f"{path.name} has no conversations.")
    for turns in about["conversations"]:
        said = [str(turn).strip() for turn in turns]
        said = said[: len(said) // 2 * 2]  # a question without an answer ends some
        if said and all(said):
            roles = ("user", "assistant")
            messages = [{"role": roles[place % 2], "content": text} for place, text in enumerate(said)]
            yield {"messages": messages, "topic": path.stem, "question": said[0]}


def write_functions(target: Path, library: Path | None = None) -> None:
    """Write the short functions of a folder of modules as JSONL: what they do as prompt, the code as completion.

    Args:
        library: the standard library if not given; its packages are left out: there are enough.
    """
    _write_lines(target, list(_functions(library or Path(sysconfig.get_paths()["stdlib"]))))


def _functions(library: Path) -> Iterator[Mapping[str, str]]:
    for path in sorted(library.glob("*.py")):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(path.read_text("utf-8"))
        except (SyntaxError, UnicodeDecodeError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and (pair := _pair(node)):
                yield {**pair, "module": path.stem}


def _pair(node: ast.FunctionDef) -> Mapping[str, str] | None:
    """Return a function as its docstring and its code without it; None where there is too little or too much."""
    told = ast.get_docstring(node)
    rest = node.body[1:]
    if not told or not rest or len(told) > _LONGEST_DOCSTRING:
        return None
    bare = ast.FunctionDef(**{**dict(ast.iter_fields(node)), "body": rest, "decorator_list": []})
    code = ast.unparse(ast.copy_location(bare, node))
    if code.count("\n") >= _MOST_LINES:
        return None
    first = " ".join(told.split("\n\n")[0].split())
    return {"prompt": f"Write the Python function {node.name}: {first}", "completion": code}


def _write_lines(target: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    target.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
