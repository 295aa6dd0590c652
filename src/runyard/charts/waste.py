"""What was spent for nothing, and what an early-stopping rule would have saved and cost."""

from __future__ import annotations

import altair as alt

from runyard.charts.spec import Spec, compiled
from runyard.charts.theme import palette

# The order is the order of the stack: a reader finds a part by its place too, not by its colour alone.
LINES = {
    "overtrained_tail": "overtrained tail",
    "failed": "failed",
    "cancelled": "cancelled",
    "repeated_configuration": "repeated configuration",
}


def waste_bars(*, part_title: str, value_title: str, dark: bool) -> Spec:
    """Return stacked bars, one per part, of what each kind of waste took.

    Data: `bars` has part, what (a value of LINES), place (its place in the stack), value and runs.
    """
    colours = palette(dark)
    names = list(LINES.values())
    bars = (
        alt.Chart(alt.NamedData("bars"))
        .mark_bar(stroke=colours.background, strokeWidth=1, size=22)
        .encode(
            y=alt.Y("part:N", title=part_title, axis=alt.Axis(labelLimit=200)),
            x=alt.X("value:Q", title=value_title, stack="zero", axis=alt.Axis(format=",.3~g", tickCount=8)),
            color=alt.Color(
                "what:N",
                sort=names,
                scale=alt.Scale(domain=names, range=[colours.lines[i] for i in (1, 0, 2, 3)]),
                legend=alt.Legend(title=None, orient="top", labelLimit=240),
            ),
            order=alt.Order("place:Q"),
            tooltip=[
                alt.Tooltip("part:N", title=part_title),
                alt.Tooltip("what:N", title="spent on"),
                alt.Tooltip("value:Q", title=value_title, format=",.4~g"),
                alt.Tooltip("runs:Q"),
            ],
        )
    )
    return compiled(bars.properties(height=alt.Step(36)))


def rule_lines(*, value_title: str, dark: bool, limit: float | None = None) -> Spec:
    """Return one quantity over patience, a line for each min_delta; the best is a diamond, the chosen one a ring.

    Data: `rules` has patience, delta (a word), value, is_best, is_chosen. `limit` is a line not to be crossed.
    """
    colours = palette(dark)
    rules = alt.NamedData("rules")
    base = alt.Chart(rules).encode(
        x=alt.X("patience:O", title="patience (evaluations without improvement)", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("value:Q", title=value_title, scale=alt.Scale(zero=True), axis=alt.Axis(format=",.3~g")),
    )
    by_delta = alt.Color("delta:N", title="min_delta", legend=alt.Legend(orient="top", titleOrient="left"))
    shape = alt.Shape("delta:N", title="min_delta", legend=alt.Legend(orient="top", titleOrient="left"))
    lines = base.mark_line(strokeWidth=2).encode(
        color=by_delta, strokeDash=alt.StrokeDash("delta:N", title="min_delta", legend=None)
    )
    tooltip = [
        alt.Tooltip("patience:O"),
        alt.Tooltip("delta:N", title="min_delta"),
        alt.Tooltip("value:Q", title=value_title, format=",.4~g"),
    ]
    dots = base.mark_point(filled=True, size=50).encode(color=by_delta, shape=shape, tooltip=tooltip)
    best = (
        base.transform_filter("datum.is_best")
        .mark_point(shape="diamond", size=260, filled=True, color=colours.best)
        .encode(tooltip=tooltip)
    )
    chosen = (
        base.transform_filter("datum.is_chosen")
        .mark_point(shape="circle", size=420, filled=False, strokeWidth=2.5, color=colours.text)
        .encode(tooltip=tooltip)
    )
    layers: list[alt.Chart] = [lines, best, dots, chosen]
    if limit is not None:
        rule = alt.Chart(rules).transform_calculate(limit=str(limit))
        layers.append(rule.mark_rule(strokeDash=[4, 4], color=colours.waste).encode(y="max(limit):Q"))
    return compiled(alt.layer(*layers).properties(height=280))


def convergence_dots(*, dark: bool) -> Spec:
    """Return the epoch at which a run was as good as done over the epochs it ran.

    Data: `dots` has name, agent, status, total_epochs, convergence_epoch; `diagonal` has x and y.
    """
    colours = palette(dark)
    diagonal = (
        alt.Chart(alt.NamedData("diagonal"))
        .mark_line(strokeDash=[4, 4], color=colours.muted, strokeWidth=1.5)
        .encode(x="x:Q", y="y:Q")
    )
    dots = (
        alt.Chart(alt.NamedData("dots"))
        .mark_point(filled=True, size=90, opacity=0.85)
        .encode(
            x=alt.X("total_epochs:Q", title="epochs run", axis=alt.Axis(tickMinStep=1, tickCount=12)),
            y=alt.Y("convergence_epoch:Q", title="epoch within 1 % of the best", axis=alt.Axis(tickMinStep=1)),
            color=alt.Color("status:N", legend=alt.Legend(title=None, orient="top")),
            shape=alt.Shape("status:N", legend=alt.Legend(title=None, orient="top")),
            tooltip=[
                alt.Tooltip("name:N", title="run"),
                alt.Tooltip("agent:N"),
                alt.Tooltip("total_epochs:Q", title="epochs run"),
                alt.Tooltip("convergence_epoch:Q", title="within 1 % of the best at"),
            ],
        )
    )
    return compiled(alt.layer(diagonal, dots).properties(height=320))
