"""`datasets list|show|add`: the data that models learn from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runyard.cli.output import Format, FormatOption, say, write_rows
from runyard.cli.session import opened

if TYPE_CHECKING:
    from runyard.service.datasets import Shown

_LISTED = ("name", "format", "size_bytes", "rows", "versions", "newest_version", "path")
_COLUMNS = ("name", "kind", "looks_like", "missing", "distinct", "median", "longest", "example")
_ADDED = ("name", "version", "format", "size_bytes", "rows", "label")
_WHOLE = (*_ADDED, "sha256", "path", "classes", "unlabelled", "words")

datasets = typer.Typer(no_args_is_help=True, help="Data sets: which there are, what is in them, new ones.")


def add_to(app: typer.Typer) -> None:
    """Register the verbs of this module."""
    app.add_typer(datasets, name="datasets")


@datasets.command("list")
def list_datasets(context: typer.Context, layout: FormatOption = Format.table) -> None:
    """List the data sets of the yard, with their newest version that was added or trained on."""
    from runyard.service import datasets as service

    with opened(context) as rt:
        rows = service.list_datasets(rt)
    write_rows(rows, _LISTED, layout, shown=_LISTED[:-1])


@datasets.command()
def show(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(metavar="NAME_OR_PATH", help="A data set of the yard, a file or a folder.")],
    layout: FormatOption = Format.table,
) -> None:
    """Show what is in a data set: columns, types, gaps, classes, and what each column looks like.

    Nothing has to be trained for that, and a file need not be in the yard. JSON is an array of one, with all columns;
    csv has a line for each column.
    """
    from runyard.service import datasets as service

    with opened(context) as rt:
        found = service.show(rt, dataset)
    about = _about(found)
    columns = found.survey.plain()["columns"]
    if layout is Format.json:
        write_rows([about | {"columns": columns}], (*_WHOLE, "columns"), layout)
        return
    write_rows(columns, _COLUMNS, layout)
    if layout is Format.table:
        counts = ", ".join(f"{name} {count}" for name, count in found.survey.classes.items())
        say(f"{about['name']}: {found.survey.rows} rows, sha256 {about['sha256']}. Classes: {counts or 'none'}.")
        for sentence in about["words"]:
            say(sentence)


@datasets.command()
def add(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, JSONL, Parquet, NPZ, NPY, or a folder of texts.")],
    name: Annotated[str | None, typer.Option("--name", help="What to call it; the file's name if not given.")] = None,
    layout: FormatOption = Format.table,
) -> None:
    """Copy a file, or a folder of texts, into the yard, where a config names it as training_data.source."""
    from runyard.service import datasets as service

    with opened(context, create=True) as rt:
        found = service.add(rt, file, name)
    about = _about(found)
    write_rows([about], _WHOLE, layout, shown=_ADDED)
    say(f"Train on it with training_data.source: {about['name']}")


def _about(found: Shown) -> dict[str, Any]:
    survey = found.survey
    return {
        "name": found.source.name if found.version is None else found.version.name,
        "version": None if found.version is None else found.version.id,
        "sha256": None if found.version is None else found.version.sha256,
        "format": found.source.format,
        "size_bytes": found.size_bytes,
        "path": None if found.source.path is None else str(found.source.path),
        "rows": survey.rows,
        "label": survey.label,
        "classes": survey.classes,
        "unlabelled": survey.unlabelled,
        "words": survey.words(),
    }
