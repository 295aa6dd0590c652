"""Training several models here and now: a bar each, then their ranking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import typer

from runyard.cli.errors import DONE, FAILED, INTERRUPTED
from runyard.cli.output import Format, say, write_rows
from runyard.cli.progress import ENDED, follow
from runyard.cli.session import opened

if TYPE_CHECKING:
    from runyard.config.comparison import Comparison
    from runyard.runtime import Runtime

_SHOWN = ("place", "model_name", "role", "mean", "low", "high", "tie", "p", "seeds", "minutes")
_COLUMNS = (
    *(
        "place",
        "model_name",
        "model_type",
        "is_baseline",
        "metric",
        "higher_is_better",
        "mean",
        "low",
        "high",
        "method",
    ),
    *("ties", "p", "seeds", "runs", "results", "validation_size", "compute_hours", "cost_usd", "first_run"),
    "comparison_id",
)


def compare_here(context: typer.Context, comparison: Comparison, layout: Format) -> int:
    """Train all models of a comparison through the queue, follow them, and print their ranking; returns the exit code.

    The workers are those of the yard: other runs that are queued take their turn.
    """
    from runyard.service import comparisons

    with opened(context, create=True) as rt:
        parent = comparisons.start(rt, comparison, launched_by="cli")
        say(f"comparison {parent}: {len(comparison.runs())} runs, {rt.settings.max_workers} at once")
        code = _follow(rt, parent)
        rows = show_ranking(rt, parent, layout)
        return code or (DONE if any(row["mean"] is not None for row in rows) else FAILED)


def _follow(rt: Runtime, parent: UUID) -> int:
    from runyard.service import families, runs
    from runyard.service.pump import pump

    def look() -> None:
        pump(rt)

    children = families.children(rt, parent)
    code = DONE
    try:
        rows = follow(rt, children, is_over=lambda: False, on_look=look)
        for row in rows:
            if row["status"] in ENDED and row["status"] != "completed":
                say(f"{row['name']}: {row['status']}: {row['error_message'] or 'somebody asked for it.'}")
    except KeyboardInterrupt:
        code = INTERRUPTED
        say("Stopping: each run finishes its step and keeps a checkpoint.")
        runs.cancel(rt, str(parent), by="cli")
    pump(rt, wait_seconds=5.0)
    return code


def show_ranking(rt: Runtime, parent: UUID, layout: Format) -> list[dict[str, Any]]:
    """Print the models of a comparison in order, and what that means."""
    from runyard.queries import comparisons
    from runyard.queries.ranking import ranked, summary

    rt.store.ingest(verb="compare", wait_seconds=5.0, snapshot=True)
    rows = ranked(comparisons.models(parent).frame(rt))
    for row in rows:
        row["tie"] = (
            "best"
            if row["place"] == 1 and row["mean"] is not None
            else {True: "tie", False: "", None: None}[row["ties"]]
        )
        row["role"] = "baseline" if row["is_baseline"] else "model"
        row["minutes"] = None if row["compute_hours"] is None else 60 * row["compute_hours"]
    write_rows(rows, _COLUMNS, layout, shown=_SHOWN)
    say(summary(rows))
    return rows
