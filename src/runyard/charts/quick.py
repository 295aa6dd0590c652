"""A quick chart of any answer: lines, points or bars of one column over another.

Data: `rows` has x, y and, where the chart has parts, part.
"""

from __future__ import annotations

from typing import Literal

import altair as alt

from runyard.charts.spec import Spec, compiled
from runyard.charts.theme import palette

Kind = Literal["Line", "Points", "Bars"]
Scale = Literal["quantitative", "temporal", "nominal"]


def quick_chart(
    kind: Kind, *, x_title: str, x_scale: Scale, y_title: str, part_title: str = "", log: bool = False, dark: bool
) -> Spec:
    """Return a Vega-Lite spec; with `part_title` each part has its own colour and shape."""
    base = alt.Chart(alt.NamedData("rows"))
    marked = {
        "Line": base.mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=20)),
        "Points": base.mark_point(filled=True, size=60, opacity=0.8),
        "Bars": base.mark_bar(),
    }[kind]
    zero = kind == "Bars" and not log
    encoded = marked.encode(
        x=alt.X("x", type=x_scale, title=x_title, sort=None, scale=alt.Scale(zero=False) if x_scale != "nominal"
                else alt.Undefined, axis=alt.Axis(labelLimit=160, labelOverlap=True)),
        y=alt.Y("y:Q", title=y_title, scale=alt.Scale(type="log" if log else "linear", zero=zero)),
        tooltip=[
            alt.Tooltip("x", type=x_scale, title=x_title),
            alt.Tooltip("y:Q", title=y_title, format=",.5~g"),
            *([alt.Tooltip("part:N", title=part_title)] if part_title else []),
        ],
    )  # fmt: skip
    if part_title:
        legend = alt.Legend(title=part_title, orient="top", labelLimit=180, columns=6, symbolLimit=24)
        encoded = encoded.encode(color=alt.Color("part:N", legend=legend))
        if kind != "Bars":
            encoded = encoded.encode(shape=alt.Shape("part:N", legend=legend))
    else:
        encoded = encoded.encode(color=alt.value(palette(dark).lines[0]))
    return compiled(encoded.properties(height=360))
