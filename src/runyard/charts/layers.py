"""What layers look like while a run trains: the histograms of one over its steps, the gradient norms of all.

Data: `bins` has step, until, bin_low, bin_high, share; `norms` has layer, step, gradient_norm, chosen (the layer that
was picked).
"""

from __future__ import annotations

import altair as alt

from runyard.charts.spec import Spec, compiled
from runyard.charts.theme import palette


def layer_bins(*, value_title: str, dark: bool) -> Spec:
    """Return a Vega-Lite spec of histograms side by side: a column for each step, darker where more values are."""
    colours = palette(dark)
    axis = alt.Axis(tickCount=10, tickMinStep=1, grid=False)
    # The root: most values are near zero, and what is far out is what one looks for.
    scale = alt.Scale(type="sqrt", range=list(colours.sequential[1:]), zero=True)
    chart = (
        alt.Chart(alt.NamedData("bins"))
        .mark_rect(stroke=None, clip=True)
        .encode(
            x=alt.X("step:Q", title="step", axis=axis, scale=alt.Scale(nice=False, zero=False)),
            x2="until:Q",
            y=alt.Y(
                "bin_low:Q", title=value_title, axis=alt.Axis(format=".2~g", grid=False), scale=alt.Scale(zero=False)
            ),
            y2="bin_high:Q",
            color=alt.Color("share:Q", scale=scale, legend=alt.Legend(title="share", format=".0%", tickCount=4)),
            tooltip=[
                alt.Tooltip("step:Q"),
                alt.Tooltip("bin_low:Q", title="from", format=".4g"),
                alt.Tooltip("bin_high:Q", title="to", format=".4g"),
                alt.Tooltip("share:Q", format=".2%"),
            ],
        )
    )
    return compiled(chart.properties(height=340))


def layer_norms(*, log: bool, dark: bool) -> Spec:
    """Return a Vega-Lite spec of the gradient norm of each layer over steps; the picked one stands out."""
    colours = palette(dark)
    norms = alt.NamedData("norms")
    axis = alt.Axis(tickCount=10, tickMinStep=1, grid=False)
    x = alt.X("step:Q", title="step", axis=axis, scale=alt.Scale(nice=False, zero=False))
    scale = alt.Scale(type="log" if log else "linear", zero=False)
    y = alt.Y(
        "gradient_norm:Q", title="gradient norm", axis=alt.Axis(format=".3~g", tickCount=6, grid=not log), scale=scale
    )
    shown = alt.Chart(norms).transform_filter("datum.gradient_norm > 0" if log else "isValid(datum.gradient_norm)")
    others = (
        shown.transform_filter("!datum.chosen")
        .mark_line(strokeWidth=1, opacity=0.45, color=colours.muted)
        .encode(x=x, y=y, detail="layer:N")
    )
    chosen = shown.transform_filter("datum.chosen").mark_line(strokeWidth=2.5, color=colours.lines[0]).encode(x=x, y=y)
    tooltip = [
        alt.Tooltip("layer:N"),
        alt.Tooltip("step:Q"),
        alt.Tooltip("gradient_norm:Q", title="gradient norm", format=".4g"),
    ]
    points = shown.mark_point(filled=True, size=60, opacity=0).encode(x=x, y=y, detail="layer:N", tooltip=tooltip)
    return compiled(alt.layer(others, chosen, points).properties(height=300))
