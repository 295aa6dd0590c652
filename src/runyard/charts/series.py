"""One quantity over epochs or over time, with its unit on the axis: learning rate, CPU, memory.

Data: `points` has the columns x and y, both numbers.
"""

from __future__ import annotations

import altair as alt

from runyard.charts.spec import Spec, brush, compiled
from runyard.charts.theme import palette


def series(
    *,
    x_title: str,
    y_title: str,
    y_format: str = ".4~g",
    whole_x: bool = False,
    log: bool = False,
    colour: int = 0,
    dark: bool = False,
    height: int = 220,
    ranged: bool = True,
) -> Spec:
    """Return a Vega-Lite spec of one line with a tooltip at the nearest point.

    Args:
        ranged: the reader can drag over a range of x, the selection `brush`.
    """
    points = alt.NamedData("points")
    colours = palette(dark)
    line_colour = colours.lines[colour]
    axis = alt.Axis(tickCount=10, tickMinStep=1 if whole_x else alt.Undefined, grid=False)
    base = alt.Chart(points).encode(
        x=alt.X("x:Q", title=x_title, axis=axis, scale=alt.Scale(nice=False, zero=False)),
        y=alt.Y(
            "y:Q",
            title=y_title,
            axis=alt.Axis(format=y_format),
            scale=alt.Scale(type="log" if log else "linear", zero=not log),
        ),
    )
    near = alt.selection_point(
        name="near", fields=["x"], nearest=True, on="pointerover", clear="pointerout", empty=False
    )
    tooltip = [
        alt.Tooltip("x:Q", title=x_title, format=",~g"),
        alt.Tooltip("y:Q", title=y_title, format=y_format),
    ]
    line = base.mark_line(strokeWidth=2, color=line_colour, clip=True)
    if ranged:
        line = line.add_params(brush(colours))
    dots = (
        base.mark_point(filled=True, size=70, color=line_colour)
        .encode(opacity=alt.when(near).then(alt.value(1)).otherwise(alt.value(0)), tooltip=tooltip)
        .add_params(near)
    )
    return compiled(alt.layer(line, dots).properties(height=height))
