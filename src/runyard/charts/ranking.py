"""Models in order of a metric: a point each with its 95 % interval, and where the best one stands.

Data: `models` has label (one per model, in order), mean, low, high (either may be null), role and words.
A role is one of ROLES; it is told by colour and by shape.
"""

from __future__ import annotations

import altair as alt

from runyard.charts.spec import Spec, compiled
from runyard.charts.theme import palette

ROLES = ("best", "indistinguishable from the best", "worse", "not known", "baseline")


def ranking(*, x_title: str, rows: int, dark: bool = False) -> Spec:
    """Return a Vega-Lite spec of one row per model; the dashed line is the best mean."""
    colours = palette(dark)
    shades = (colours.best, colours.lines[0], colours.waste, colours.muted, colours.muted)
    shapes = ("diamond", "circle", "triangle-down", "square", "cross")
    base = alt.Chart(alt.NamedData("models")).transform_filter("isValid(datum.mean)")
    y = alt.Y("label:N", title=None, sort=None, axis=alt.Axis(labelLimit=220, ticks=False, domain=False))
    legend = alt.Legend(title=None, orient="top", columns=3, labelLimit=260)
    colour = alt.Color("role:N", scale=alt.Scale(domain=list(ROLES), range=list(shades)), legend=legend)
    x = alt.X("mean:Q", title=x_title, scale=alt.Scale(zero=False, padding=12, nice=False))
    tip = [
        alt.Tooltip("label:N", title="model"),
        alt.Tooltip("mean:Q", title=x_title, format=".4~g"),
        alt.Tooltip("low:Q", title="95 % from", format=".4~g"),
        alt.Tooltip("high:Q", title="to", format=".4~g"),
        alt.Tooltip("words:N", title="verdict"),
    ]
    wide = alt.Scale(zero=False, padding=12, nice=False)
    spans = base.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=3, opacity=0.75).encode(
        x=alt.X("low:Q", title=x_title, scale=wide), x2="high:Q", y=y, color=colour
    )  # fmt: skip
    points = base.mark_point(filled=True, size=140, opacity=1).encode(
        x=x, y=y, color=colour, tooltip=tip,
        shape=alt.Shape("role:N", scale=alt.Scale(domain=list(ROLES), range=list(shapes)), legend=legend),
    )  # fmt: skip
    best = (
        base.transform_filter("datum.role == 'best'")
        .mark_rule(strokeDash=[4, 4], color=colours.muted)
        .encode(x="mean:Q")
    )
    return compiled(alt.layer(best, spans, points).properties(height=130 + 34 * rows))
