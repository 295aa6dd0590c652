"""How a notebook shows a run: status, best epoch and loss curves, as a Vega-Lite chart beside plain text."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from runyard.core.errors import RunyardError

if TYPE_CHECKING:
    import polars as pl

    from runyard.runtime import Runtime

# One chart under two names: notebooks know it by the version of Vega-Lite that they draw with.
CHART_TYPES = ("application/vnd.vegalite.v5+json", "application/vnd.vegalite.v6+json")
_MOST_POINTS = 400  # they stay in the notebook's file
_WIDTH = 640


@dataclass(frozen=True, repr=False)
class RunCard:
    """A run of a yard, to be shown: in a notebook with its curves, printed as two lines, always as it is now."""

    id: UUID
    home: Path

    def __repr__(self) -> str:
        return str(bundle(self.home, self.id)["text/plain"])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return bundle(self.home, self.id)


def card(ref: str, home: str | Path | None) -> RunCard:
    """Return the card of a run named by id, unique prefix, name, `@latest` or `@best:METRIC`; errors as in `query`."""
    from runyard.runtime import open_runtime
    from runyard.service.runs import resolve

    runtime = open_runtime(home)
    try:
        runtime.store.ingest(verb="show", wait_seconds=5.0)
        return RunCard(resolve(runtime, ref), runtime.yard.home)
    finally:
        runtime.close()


def bundle(home: Path, run_id: UUID) -> dict[str, Any]:
    """Return the run in every form a notebook may want, by MIME type; what is in the way is said as text."""
    from runyard.runtime import open_runtime

    try:
        runtime = open_runtime(home)
        try:
            return _bundle(runtime, run_id)
        finally:
            runtime.close()
    except RunyardError as error:
        return {"text/plain": f"Run {run_id} cannot be shown: {error.message} {error.hint}".strip()}


def _bundle(rt: Runtime, run_id: UUID) -> dict[str, Any]:
    from runyard.queries import epochs, runs

    rt.store.ingest(verb="show", wait_seconds=5.0, snapshot=True)
    found = runs.report(run_id).frame(rt)
    if found.is_empty():
        return {"text/plain": f"Run {run_id} is not in the yard yet."}
    run = found.row(0, named=True)
    lines = _words(run)
    curves = epochs.curve(run_id, *epochs.LOSSES, most=_MOST_POINTS).frame(rt)
    charts = dict.fromkeys(CHART_TYPES, _chart(run, curves, lines)) if curves.height else {}
    return {"text/plain": "\n".join(lines), **charts}


def _words(run: dict[str, Any]) -> list[str]:
    from runyard.ui.text import dollars, number

    parts = []
    if run["best_epoch"]:
        of = run["completed_epochs"] or run["total_epochs"]
        parts.append(f"best {number(run['best_validation_loss'])} at epoch {run['best_epoch']} of {of}")
    else:
        parts.append(f"{run['completed_epochs'] or 0} of {run['total_epochs'] or '?'} epochs")
    if run["wasted_epochs"]:
        parts.append(f"{run['wasted_epochs']} {'epoch' if run['wasted_epochs'] == 1 else 'epochs'} wasted since")
    if run["cost_usd"] is not None:
        parts.append(dollars(float(run["cost_usd"])))
    lines = [f"{run['name'] or 'unnamed'}: {run['status']}, agent {run['agent_id']}, {run['id']}", ", ".join(parts)]
    return [*lines, run["error_message"]] if run["error_message"] else lines


def _chart(run: dict[str, Any], curves: pl.DataFrame, lines: list[str]) -> dict[str, Any]:
    from runyard.charts.loss import loss_curves
    from runyard.charts.theme import palette
    from runyard.ui.marks import best_mark, stop_marks, waste_band

    shown = curves.select("epoch", "train_loss", "val_loss")
    named = {"curve": shown, "best": best_mark(run, curves), "waste": waste_band(run), "stops": stop_marks(run)}
    total = curves["points"][0]
    colours = palette(dark=False)  # a notebook does not say how it looks
    below = [*lines[1:], *([f"{shown.height:,} of {total:,} points shown"] if shown.height < total else [])]
    return {
        **loss_curves(log=False, dark=False),
        "title": {"text": lines[0], "subtitle": below, "anchor": "start"},
        "width": _WIDTH,
        "background": colours.background,
        "config": {"range": {"category": list(colours.lines)}},
        # Where the run is heading is said on its page.
        "datasets": {name: _rows(table) for name, table in named.items()} | {"forecast": []},
    }


def _rows(table: pl.DataFrame) -> list[dict[str, Any]]:
    """Return rows that are JSON: what is not finite is null."""
    return [
        {name: None if isinstance(value, float) and not isfinite(value) else value for name, value in row.items()}
        for row in table.to_dicts()
    ]
