"""What the columns of views mean: said beside them in the view's file, or by the column that they pass on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

# `…, -- what it is` after the name of a column, which is the last word before it.
_SAID = re.compile(r"^(?! *--).*?(\w+),? -- (.+)$", re.MULTILINE)
_READ = re.compile(r"\b(?:FROM|JOIN) (\w+)")

Columns = Mapping[str, Mapping[str, str | None]]


def said(text: str) -> dict[str, str]:
    """Return the comments that stand in the text of a view, by the name of the column."""
    return {match[1]: match[2] for match in _SAID.finditer(text)}


def passed_on_by(text: str, column: str, known: Columns) -> str | None:
    """Return the relation that a column has its comment from when the view's text says nothing of it.

    That is the first one read that has a column of that name with a comment, those of the last SELECT before those of
    the CTEs; a test holds this against the column's lineage.

    Args:
        known: the comments of the columns of tables, and of the views of lower floors.
    """
    read = _READ.findall(text[text.rfind("\nSELECT") :]) + _READ.findall(text)
    return next((name for name in read if known.get(name, {}).get(column)), None)


def of_views(texts: Iterable[tuple[str, str]], columns: Columns) -> dict[str, dict[str, str | None]]:
    """Return the comments of the columns of views; None where nobody has said anything.

    Args:
        texts: name and text of each view, lower floors first.
        columns: those of every table and view, with the comments of the tables'.
    """
    known = dict(columns)
    found: dict[str, dict[str, str | None]] = {}
    for view, text in texts:
        comments: dict[str, str | None] = {**dict.fromkeys(columns[view]), **said(text)}
        for column in [column for column, comment in comments.items() if comment is None]:
            if relation := passed_on_by(text, column, known):
                comments[column] = known[relation][column]
        known[view] = found[view] = comments
    return found
