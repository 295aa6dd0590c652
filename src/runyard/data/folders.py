"""Texts in a folder: a folder for each class, in it a .txt file for each example."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runyard.core.errors import Invalid

_SHAPE = "Expected: a folder for each class, in it one .txt file for each text."


def files_of(folder: Path) -> list[Path]:
    """Return the texts of a folder of classes, in order; hidden folders are passed over.

    Raises:
        Invalid: there are none, or a text lies beside the classes.
    """
    stray = sorted(path.name for path in folder.glob("*.txt"))
    if stray:
        raise Invalid(f"{folder} has {len(stray)} texts of no class, {stray[0]} first.", hint=_SHAPE)
    classes = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    files = [path for name in classes for path in sorted(name.glob("*.txt"))]
    empty = [name.name for name in classes if not any(name.glob("*.txt"))]
    if empty or not files:
        what = f"no .txt file in {', '.join(empty[:5])}" if empty else "no folders of classes"
        raise Invalid(f"{folder} has {what}.", hint=_SHAPE)
    return files


def folder_rows(folder: Path, text: str, label: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield text, label and file name of each example, numbered from 1.

    Raises:
        Invalid: as `files_of`, or a file is not UTF-8.
    """
    for number, path in enumerate(files_of(folder), start=1):
        try:
            yield number, {text: path.read_text("utf-8-sig"), label: path.parent.name, "file": path.name}
        except UnicodeDecodeError as error:
            raise Invalid(f"{path} is not UTF-8 text ({error.reason}).", hint="Save it as UTF-8.") from error


def folder_sha256(folder: Path) -> str:
    """Return one sum over the names and contents of all texts of a folder."""
    whole = hashlib.sha256()
    for path in files_of(folder):
        whole.update(f"{path.parent.name}/{path.name}\0".encode())
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()
