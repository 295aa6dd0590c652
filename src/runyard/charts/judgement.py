"""Judged things in their order, such as the versions of an agent: scores as points on a line, changes as bars.

Data: `judged` has label (one per thing, in order), at (time, UTC), value, tone, verdict; bars may also have rolling.
A tone is one of TONES; it is told by colour and by shape or direction.
"""

from __future__ import annotations

import altair as alt

from runyard.charts.spec import Spec, compiled
from runyard.charts.theme import Palette, palette

TONES = ("better", "mixed", "same", "worse", "first or unknown")
MOST = 200  # things in one chart; of more, the newest are drawn
_SHAPES = dict(zip(TONES, ("triangle-up", "diamond", "square", "triangle-down", "circle"), strict=True))


def scores(
    *,
    x_title: str,
    y_title: str,
    tones: tuple[str, ...] = TONES,
    by_time: bool = False,
    dark: bool = False,
    height: int = 260,
) -> Spec:
    """Return a Vega-Lite spec of one score per thing, joined by a line; spaced evenly or by time.

    The legend has the given tones.
    """
    colours = palette(dark)
    every = alt.Chart(alt.NamedData("judged"))
    base = every.transform_filter("isValid(datum.value)")
    x, tooltip = _x(x_title, by_time), _tooltip(x_title, y_title)
    y = alt.Y("value:Q", title=y_title, scale=alt.Scale(zero=False, padding=12))
    line = base.mark_line(strokeWidth=1.5, color=colours.muted).encode(x=x, y=y)
    points = base.mark_point(filled=True, size=150, opacity=1).encode(
        x=x,
        y=y,
        color=_tone_colour(colours, tones, legend=_legend()),
        shape=alt.Shape("tone:N", scale=_scale(_SHAPES, tones), legend=_legend()),
        tooltip=tooltip,
    )
    return compiled(alt.layer(_places(every, x), line, points).properties(height=height))


def changes(
    *,
    x_title: str,
    y_title: str,
    y_format: str = "+.3~g",
    rolling_title: str = "",
    by_time: bool = False,
    dark: bool = False,
    height: int = 200,
) -> Spec:
    """Return a Vega-Lite spec of one signed bar per thing; up is better. With a title, a rolling mean over them."""
    colours = palette(dark)
    base = alt.Chart(alt.NamedData("judged"))
    x, tooltip = _x(x_title, by_time), _tooltip(x_title, y_title, y_format)
    axis = alt.Axis(format=y_format, tickCount=5)
    width = {"size": 9} if by_time else {"width": alt.RelativeBandSize(0.6)}
    bars = base.mark_bar(**width).encode(
        x=x,
        y=alt.Y("value:Q", title=y_title, axis=axis),
        color=_tone_colour(colours, TONES, legend=None),
        tooltip=tooltip,
    )
    zero = alt.Chart(alt.NamedData("judged")).mark_rule(color=colours.muted).encode(y=alt.datum(0))
    layers: list[alt.Chart] = [_places(base, x), bars, zero]
    if rolling_title:
        rolling = base.transform_filter("isValid(datum.rolling)").encode(x=x, y="rolling:Q")
        tip = [alt.Tooltip("label:N", title=x_title), alt.Tooltip("rolling:Q", title=rolling_title, format=y_format)]
        layers.append(rolling.mark_line(strokeWidth=2.5, color=colours.text))
        layers.append(rolling.mark_point(filled=True, size=45, color=colours.text, opacity=1).encode(tooltip=tip))
    return compiled(alt.layer(*layers).properties(height=height))


def _places(every: alt.Chart, x: alt.X) -> alt.Chart:
    """Return nothing to be seen, at the place of each thing: one without a value keeps its place on the axis."""
    places: alt.Chart = every.mark_text(text="", aria=False).encode(x=x)
    return places


def _x(title: str, by_time: bool) -> alt.X:
    if by_time:
        axis = alt.Axis(grid=False, format="%m-%d %H:%M", tickCount=8)
        return alt.X("at:T", title="time (UTC)", axis=axis, scale=alt.Scale(type="utc", padding=12))
    return alt.X("label:N", title=title, sort=None, axis=alt.Axis(labelAngle=0, labelOverlap=True, labelLimit=110))


def _tooltip(x_title: str, y_title: str, y_format: str = ".4~g") -> list[alt.Tooltip]:
    return [
        alt.Tooltip("label:N", title=x_title),
        alt.Tooltip("at:T", title="time (UTC)", format="%Y-%m-%d %H:%M", timeUnit="utcyearmonthdatehoursminutes"),
        alt.Tooltip("value:Q", title=y_title, format=y_format),
        alt.Tooltip("verdict:N", title="verdict"),
    ]


def _tone_colour(colours: Palette, tones: tuple[str, ...], *, legend: alt.Legend | None) -> alt.Color:
    shades = (colours.best, colours.lines[3], colours.muted, colours.waste, colours.lines[0])
    return alt.Color("tone:N", scale=_scale(dict(zip(TONES, shades, strict=True)), tones), legend=legend)


def _scale(by_tone: dict[str, str], tones: tuple[str, ...]) -> alt.Scale:
    return alt.Scale(domain=list(tones), range=[by_tone[tone] for tone in tones])


def _legend() -> alt.Legend:
    return alt.Legend(title="against the one before", orient="top", titleFontWeight="normal")
