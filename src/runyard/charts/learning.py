"""An agent that goes on learning: what it forgets as a grid, scores with their trend, a share, its updates in time."""

from __future__ import annotations

from typing import Any

import altair as alt

from runyard.charts.spec import Spec, compiled
from runyard.charts.theme import palette

_CELL_PIXELS = 54
# Status of an update: its word, its shape; each has a lane of its own too.
STATUSES = {
    "success": ("success", "circle"),
    "failed": ("failed", "cross"),
    "rolled_back": ("rolled back", "triangle-left"),
    "other": ("other", "square"),
}


def forgetting(*, dark: bool) -> Spec:
    """Return a grid of a cell per update and task: its score, and under it the change since the task was learned.

    Data: `cells` has update (its number), task and place (name and order of the task), score and change (as text), tint
    (the change over the largest, -1 to 1; null before the task is learned), is_learned. Blue is better, orange worse.
    """
    colours = palette(dark)
    base = alt.Chart(alt.NamedData("cells")).encode(
        x=alt.X(
            "task:N",
            title="score on task",
            sort=alt.EncodingSortField("place", op="min"),
            axis=alt.Axis(labelAngle=0, labelLimit=120, orient="top"),
        ),
        y=alt.Y("update:O", title="after update", axis=alt.Axis(labelLimit=120)),
    )
    scale = alt.Scale(domain=[-1, 0, 1], range=[colours.waste, colours.surface, colours.lines[0]], interpolate="lab")
    edge: dict[str, Any] = {"stroke": colours.border, "cornerRadius": 4}
    tooltip = [
        alt.Tooltip("update:O", title="after update"),
        alt.Tooltip("task:N"),
        alt.Tooltip("score:N"),
        alt.Tooltip("change:N", title="since it was learned"),
    ]
    bare = base.mark_rect(fill=colours.background, **edge).encode(tooltip=tooltip)
    cells = base.transform_filter("isValid(datum.tint)").mark_rect(**edge)
    cells = cells.encode(color=alt.Color("tint:Q", legend=None, scale=scale), tooltip=tooltip)
    learned = base.transform_filter("datum.is_learned").mark_rect(
        filled=False, stroke=colours.text, strokeWidth=2, cornerRadius=4
    )
    ink = alt.when("abs(datum.tint) > 0.75").then(alt.value(colours.background)).otherwise(alt.value(colours.text))
    scores = base.mark_text(fontSize=15, fontWeight="bold", dy=-7).encode(text="score:N", color=ink)
    changes = base.mark_text(fontSize=11, dy=12).encode(text="change:N", color=ink)
    return compiled(alt.layer(bare, cells, learned, scores, changes).properties(height=alt.Step(_CELL_PIXELS)))


def drifting(*, dark: bool, height: int = 260) -> Spec:
    """Return scores over time as points, and their trend as a dashed line.

    Data: `points` has at (time, UTC), score, version; `trend` has at and score of both ends of the line, or no row.
    """
    colours = palette(dark)
    axis = alt.Axis(grid=False, format="%m-%d %H:%M", tickCount=8, labelOverlap=True)
    x = alt.X("at:T", title="time (UTC)", axis=axis, scale=alt.Scale(type="utc", padding=12))
    y = alt.Y("score:Q", title="score", scale=alt.Scale(zero=False, padding=12))
    points = alt.Chart(alt.NamedData("points")).encode(x=x, y=y)
    line = points.mark_line(strokeWidth=1, color=colours.muted, opacity=0.6)
    marks = points.mark_point(filled=True, size=70, opacity=1, color=colours.lines[0]).encode(
        tooltip=[
            alt.Tooltip("at:T", title="time (UTC)", format="%Y-%m-%d %H:%M", timeUnit="utcyearmonthdatehoursminutes"),
            alt.Tooltip("score:Q", format=".4~g"),
            alt.Tooltip("version:N"),
        ]
    )
    trend = alt.Chart(alt.NamedData("trend")).mark_line(strokeWidth=2.5, strokeDash=[7, 4], color=colours.text)
    return compiled(alt.layer(line, marks, trend.encode(x=x, y=y)).properties(height=height))


def positive_share(*, dark: bool) -> Spec:
    """Return a share from 0 to 1 with its interval, and a mark at one half.

    Data: `shares` has name, share, low, high.
    """
    colours = palette(dark)
    base = alt.Chart(alt.NamedData("shares")).encode(y=alt.Y("name:N", title=None, axis=None))
    scale, axis = alt.Scale(domain=[0, 1]), alt.Axis(format=".0%", tickCount=5)
    tooltip = [
        alt.Tooltip("share:Q", title="positive", format=".1%"),
        alt.Tooltip("low:Q", title="at least (95 %)", format=".1%"),
        alt.Tooltip("high:Q", title="at most (95 %)", format=".1%"),
    ]
    x = alt.X("low:Q", title="positive feedback", scale=scale, axis=axis)
    interval = base.mark_bar(size=14, cornerRadius=4, color=colours.lines[0], opacity=0.35)
    point = base.mark_point(filled=True, size=140, opacity=1, color=colours.lines[0])
    half = alt.Chart(alt.NamedData("shares")).mark_rule(color=colours.text, strokeDash=[4, 4])
    layers = (
        half.encode(x=alt.XDatum(0.5, type="quantitative", scale=scale, axis=axis, title="positive feedback")),
        interval.encode(x=x, x2="high:Q", tooltip=tooltip),
        point.encode(x=alt.X("share:Q", title="positive feedback", scale=scale, axis=axis), tooltip=tooltip),
    )
    return compiled(alt.layer(*layers).properties(height=96))


def updates_in_time(*, dark: bool) -> Spec:
    """Return a mark per update on the lane of its status.

    Data: `updates` has at (time, UTC), status (a word of STATUSES), versions, examples, reason.
    """
    colours = palette(dark)
    words = [word for word, _ in STATUSES.values()]
    shades = (colours.best, colours.waste, colours.lines[3], colours.muted)
    axis = alt.Axis(grid=False, format="%m-%d %H:%M", tickCount=8, labelOverlap=True)
    marks = (
        alt.Chart(alt.NamedData("updates"))
        .mark_point(filled=True, size=110, opacity=0.9)
        .encode(
            x=alt.X("at:T", title="time (UTC)", axis=axis, scale=alt.Scale(type="utc", padding=12)),
            y=alt.Y("status:N", title=None, sort=words, axis=alt.Axis(grid=True)),
            color=alt.Color("status:N", legend=None, scale=alt.Scale(domain=words, range=list(shades))),
            shape=alt.Shape(
                "status:N",
                legend=None,
                scale=alt.Scale(domain=words, range=[shape for _, shape in STATUSES.values()]),
            ),
            tooltip=[
                alt.Tooltip(
                    "at:T", title="time (UTC)", format="%Y-%m-%d %H:%M", timeUnit="utcyearmonthdatehoursminutes"
                ),
                alt.Tooltip("status:N"),
                alt.Tooltip("versions:N"),
                alt.Tooltip("examples:Q", format=","),
                alt.Tooltip("reason:N"),
            ],
        )
    )
    return compiled(marks.properties(height=alt.Step(38)))


def errors_in_turn(*, dark: bool, height: int = 200) -> Spec:
    """Return the share of failures of so many uses each as steps, and a rule with a mark where a change was noticed.

    Data: `shares` has place (of the first use), at (time, UTC), share, uses; `alarms` has place, at, what.
    """
    colours = palette(dark)
    x = alt.X("place:Q", title="uses, in order", axis=alt.Axis(grid=False, format=",d"), scale=alt.Scale(nice=False))
    when = alt.Tooltip("at:T", title="time (UTC)", format="%Y-%m-%d %H:%M", timeUnit="utcyearmonthdatehoursminutes")
    line = (
        alt.Chart(alt.NamedData("shares"))
        .mark_line(interpolate="step-after", strokeWidth=2, color=colours.lines[0])
        .encode(
            x=x,
            y=alt.Y("share:Q", title="failed uses", axis=alt.Axis(format=".0%"), scale=alt.Scale(domainMin=0)),
            tooltip=[when, alt.Tooltip("share:Q", title="failed", format=".1%"), alt.Tooltip("uses:Q", format=",")],
        )
    )
    alarms = alt.Chart(alt.NamedData("alarms")).encode(x=x, tooltip=[alt.Tooltip("what:N", title="noticed"), when])
    rules = alarms.mark_rule(color=colours.waste, strokeWidth=1.5, strokeDash=[4, 3])
    marks = alarms.mark_point(shape="triangle-down", filled=True, size=110, color=colours.waste, opacity=1)
    return compiled(alt.layer(line, rules, marks.encode(y=alt.value(6))).properties(height=height))


def moved_inputs(*, dark: bool) -> Spec:
    """Return a bar per input feature: how far it moved, with lines at 0.1 and 0.25, from where it is called drift.

    Data: `features` has feature, psi, verdict: drift, small drift or stable.
    """
    colours = palette(dark)
    base = alt.Chart(alt.NamedData("features"))
    scale = alt.Scale(domain=["drift", "small drift", "stable"], range=[colours.waste, colours.lines[3], colours.best])
    bars = base.mark_bar(cornerRadius=3, height={"band": 0.6}).encode(
        x=alt.X("psi:Q", title="PSI of the newer half against the older"),
        y=alt.Y("feature:N", title=None, sort=None, axis=alt.Axis(labelLimit=200)),
        color=alt.Color("verdict:N", scale=scale, legend=alt.Legend(title=None, orient="top")),
        tooltip=["feature:N", alt.Tooltip("psi:Q", format=".3f"), "verdict:N"],
    )
    limits = [
        base.mark_rule(color=colours.text, strokeDash=dash).encode(x=alt.XDatum(limit, type="quantitative"))
        for limit, dash in ((0.1, [2, 4]), (0.25, [6, 3]))
    ]
    return compiled(alt.layer(bars, *limits).properties(height=alt.Step(26)))
