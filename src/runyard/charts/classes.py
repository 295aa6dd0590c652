"""How many examples each class has, and which part they are in.

Data: `classes` has name, part and count; the parts of a class lie on top of each other.
"""

from __future__ import annotations

import altair as alt

from runyard.charts.spec import Spec, compiled
from runyard.charts.theme import palette

PARTS = ("training", "validation")
_HEIGHT, _AROUND = 30, 136  # a bar; legend, axis and its title, which Streamlit counts as part of the height


def class_counts(*, classes: int, parts: bool, dark: bool) -> Spec:
    """Return a Vega-Lite spec of one bar a class, the largest first.

    Args:
        classes: how many bars there are room for.
        parts: whether a bar is cut into training and validation, each with its colour.
    """
    theme = palette(dark)
    bars = alt.Chart(alt.NamedData("classes")).mark_bar(cornerRadiusEnd=2)
    encoded = bars.encode(
        y=alt.Y("name:N", title=None, sort="-x", axis=alt.Axis(labelLimit=220, labelOverlap=False)),
        x=alt.X("count:Q", title="Examples", axis=alt.Axis(format=",d", tickMinStep=1, tickCount=5, grid=True)),
        tooltip=[
            alt.Tooltip("name:N", title="Class"),
            alt.Tooltip("count:Q", title="Examples", format=","),
            *([alt.Tooltip("part:N", title="Part")] if parts else []),
        ],
    )
    if parts:
        legend = alt.Legend(title=None, orient="top", symbolType="square")
        colours = alt.Scale(domain=list(PARTS), range=[theme.lines[0], theme.lines[1]])
        encoded = encoded.encode(
            color=alt.Color("part:N", scale=colours, legend=legend), order=alt.Order("part:N", sort="ascending")
        )
    else:
        encoded = encoded.encode(color=alt.value(theme.lines[0]))
    return compiled(encoded.properties(height=_AROUND + _HEIGHT * classes))
