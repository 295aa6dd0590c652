"""The curves of several runs on one pair of axes, each run with a letter, a colour and a dash of its own.

Data: `curves` has x, y, smooth, letter, is_base; `ends` has x, y, letter; `names` has letter and run, the words of a
tooltip, which would be most of the payload if they stood beside every point.
"""

from __future__ import annotations

import altair as alt

from runyard.charts.spec import Spec, brush, compiled
from runyard.charts.theme import palette

LETTERS = "ABCDEFGHIJKLMNOPQRST"
_DASHES = ([1, 0], [7, 3], [2, 2])


def colours(dark: bool) -> list[str]:
    """Return the colour of each letter; they repeat, with another dash."""
    lines = palette(dark).lines
    return [lines[place % len(lines)] for place in range(len(LETTERS))]


def compared(
    *, x_title: str, y_title: str, log: bool, smooth: bool, band: bool = False, whole_x: bool, dark: bool
) -> Spec:
    """Return a Vega-Lite spec of one line a run; the baseline is thicker, and with `smooth` the raw line is faint.

    The selection `brush` is the range of x that the reader drags over.

    With `band` a line is the mean of several runs, and the rows have low and high, between which they all are.
    """
    theme = palette(dark)
    letters = list(LETTERS)
    dashes = [_DASHES[place // len(theme.lines)] for place in range(len(letters))]
    colour = alt.Color("letter:N", legend=None, scale=alt.Scale(domain=letters, range=colours(dark)))
    dash = alt.StrokeDash("letter:N", legend=None, scale=alt.Scale(domain=letters, range=dashes))
    width = alt.condition("datum.is_base", alt.value(3.6), alt.value(1.7))
    x = alt.X(
        "x:Q",
        title=x_title,
        axis=alt.Axis(grid=False, tickCount=12, tickMinStep=1 if whole_x else alt.Undefined),
        scale=alt.Scale(nice=False, zero=False),
    )

    def y(column: str) -> alt.Y:
        scale = alt.Scale(type="log" if log else "linear", zero=False, nice=not log)
        return alt.Y(f"{column}:Q", title=y_title, scale=scale, axis=alt.Axis(format=".4~g"))

    base = alt.Chart(alt.NamedData("curves"))
    near = alt.selection_point(
        name="near", fields=["x", "letter"], nearest=True, on="pointerover", clear="pointerout", empty=False
    )
    shown = "smooth" if smooth else "y"
    layers: list[alt.Chart] = []
    if band:
        area = base.mark_area(opacity=0.16, clip=True, line=False)
        layers.append(area.encode(x=x, y=y("low"), y2="high:Q", color=colour))
    if smooth:
        raw = base.mark_line(strokeWidth=1, opacity=0.25, clip=True)
        layers.append(raw.encode(x=x, y=y("y"), color=colour, detail="letter:N"))
    line = base.mark_line(clip=True).encode(x=x, y=y(shown), color=colour, strokeDash=dash, strokeWidth=width)
    layers.append(line.add_params(brush(theme)))
    named = alt.LookupData(data=alt.NamedData("names"), key="letter", fields=["run"])
    dots = (
        base.transform_lookup(lookup="letter", from_=named)
        .mark_point(filled=True, size=80)
        .encode(
            x=x,
            y=y(shown),
            color=colour,
            opacity=alt.when(near).then(alt.value(1)).otherwise(alt.value(0)),
            tooltip=[
                alt.Tooltip("run:N"),
                alt.Tooltip("x:Q", title=x_title, format=",.5~g"),
                alt.Tooltip("y:Q", title=y_title, format=".5g"),
                *([alt.Tooltip("smooth:Q", title="smoothed", format=".5g")] if smooth else []),
                *(
                    [alt.Tooltip(f"{end}:Q", title=f"{end}est", format=".5g") for end in ("low", "high")]
                    if band
                    else []
                ),
            ],
        )
    )
    layers.append(dots.add_params(near))
    ends = alt.Chart(alt.NamedData("ends"))
    for halo in (True, False):
        text = ends.mark_text(
            align="left",
            dx=5,
            fontSize=12,
            fontWeight="bold",
            stroke=theme.background if halo else None,
            strokeWidth=4 if halo else 0,
            aria=not halo,
        )
        layers.append(text.encode(x=x, y=y("y"), text="letter:N", color=colour))
    return compiled(alt.layer(*layers).properties(height=400, padding={"right": 18, "left": 5, "top": 5, "bottom": 5}))
