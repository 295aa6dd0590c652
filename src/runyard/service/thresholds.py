"""The thresholds behind verdicts and the rules of retention: as they are defined, and what was set instead."""

from __future__ import annotations

import math
import re
from functools import cache

import polars as pl

from runyard.core.errors import Invalid, Problem
from runyard.core.paths import resource
from runyard.runtime import Runtime
from runyard.service.retention import RULES

PEAK = "peak_flops "
COUNTS = ("early_stopping_patience", "still_evaluations")  # of evaluations
MOST = 2**31 - 1
_CALL = re.compile(r"threshold\(of_workspace, '([a-z_]+)', ([0-9.]+)\)")
_CHOSEN = """
SELECT workspace, name, TRY_CAST(value AS DOUBLE) AS value
FROM settings
WHERE TRY_CAST(value AS DOUBLE) IS NOT NULL
ORDER BY name, workspace NULLS FIRST
"""


@cache
def defined() -> dict[str, float]:
    """Return the name of each threshold that may be set, and its value in the definitions, as the macros have them."""
    text = (resource("sql") / "macros.sql").read_text(encoding="utf-8")
    return dict(sorted((name, float(value)) for name, value in _CALL.findall(text)))


def listing(rt: Runtime) -> pl.DataFrame:
    """Return a row for each threshold and workspace that set it; without any, the one of the definitions.

    Columns: name, workspace (NULL is every one), value, as_defined (NULL for the peak of a device).
    """
    all_defined: dict[str, float | None] = {**defined(), **RULES}
    chosen = rt.store.read(_CHOSEN).to_dicts() if rt.store.version else []
    rows = [(row["name"], row["workspace"], row["value"], all_defined.get(row["name"])) for row in chosen]
    named = {name for name, *_ in rows}
    rows += [(name, None, value, value) for name, value in all_defined.items() if name not in named]
    schema = {"name": pl.String, "workspace": pl.String, "value": pl.Float64, "as_defined": pl.Float64}
    return pl.DataFrame(sorted(rows, key=lambda row: (row[0], row[1] or "")), schema, orient="row")


def choose(rt: Runtime, name: str, value: float | None, *, workspace: str | None = None) -> None:
    """Set a threshold for a workspace, or for every one that has none of its own; None takes the setting away.

    `peak_flops DEVICE` is the peak of a device, in FLOP/s.

    Raises:
        Invalid: no such threshold, or the value is no finite number above 0, or no whole one of what is counted.
        Unavailable: the yard is busy or cannot be written.
    """
    problems = []
    if name not in {**defined(), **RULES} and not (name.startswith(PEAK) and name.removeprefix(PEAK).strip()):
        problems.append(Problem("name", f"{name!r} is no threshold", (*defined(), *RULES, f"{PEAK}DEVICE")))
    if name in RULES and workspace is not None:
        problems.append(Problem("workspace", f"{name} holds for the whole yard"))
    if value is not None and not (math.isfinite(value) and value > 0):
        problems.append(Problem("value", f"{value!r} is no number above 0"))
    elif value is not None and name in COUNTS and not (float(value).is_integer() and value <= MOST):
        problems.append(Problem("value", f"{value:g} is no count", (f"a whole number up to {MOST}",)))
    if workspace is not None and not workspace.strip():
        problems.append(Problem("workspace", "is empty"))
    if problems:
        raise Invalid("This cannot be set.", problems=problems)
    statements: list[tuple[str, list[str | None]]] = [
        ("DELETE FROM settings WHERE name = ? AND workspace IS NOT DISTINCT FROM ?", [name, workspace])
    ]
    if value is not None:
        statements.append(("INSERT INTO settings VALUES (?, ?, ?)", [workspace, name, repr(float(value))]))
    # What was kept of ended sessions was worked out with the patience of before.
    statements += [("DELETE FROM kept_curve_facts", []), ("DELETE FROM kept_metric_facts", [])]
    rt.store.change(statements, verb="settings")
