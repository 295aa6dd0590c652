"""The loss curves of one run with its best epoch, its stop and the epochs wasted after the best one.

Data: `curve` has epoch, train_loss, val_loss; `best` has epoch, value, label, late (in the right third);
`waste` has start, stop, label; `stops` has epoch, label, late; `forecast` has epoch, value, at its end low and high.
Each may be empty.
"""

from __future__ import annotations

from typing import Any, Literal

import altair as alt

from runyard.charts.spec import Spec, brush, compiled
from runyard.charts.theme import Palette, palette

SPLITS = {"train_loss": "training", "val_loss": "validation"}


def loss_curves(*, log: bool, dark: bool) -> Spec:
    """Return a Vega-Lite spec of training and validation loss over epochs; `brush` is the range dragged over."""
    colours = palette(dark)
    curve = alt.NamedData("curve")
    names = list(SPLITS)
    axis = alt.Axis(tickMinStep=1, tickCount=12, grid=False)
    x = alt.X("epoch:Q", title="epoch", axis=axis, scale=alt.Scale(nice=False, zero=False))
    scale = alt.Scale(type="log" if log else "linear", zero=False)
    words = "".join(f"datum.value == '{key}' ? '{text}' : " for key, text in SPLITS.items())
    legend = alt.Legend(title=None, orient="top", labelExpr=f"{words}datum.value", symbolStrokeWidth=2.5)

    waste = (
        alt.Chart(alt.NamedData("waste"))
        .mark_rect(opacity=0.16, color=colours.waste)
        .encode(x="start:Q", x2="stop:Q", tooltip=[alt.Tooltip("label:N", title="wasted")])
    )
    waste_label = (
        alt.Chart(alt.NamedData("waste"))
        .mark_text(align="right", baseline="top", dx=-4, dy=4, color=colours.text, fontSize=12)
        .encode(x="stop:Q", y=alt.value(0), text="label:N")
    )
    lines = (
        alt.Chart(curve)
        .transform_fold([*names], as_=["split", "loss"])
        .transform_filter("isValid(datum.loss) && isFinite(datum.loss)")
        .mark_line(strokeWidth=2, clip=True)
        .encode(
            x=x,
            y=alt.Y("loss:Q", title="loss", scale=scale),
            color=alt.Color("split:N", sort=names, legend=legend, scale=alt.Scale(domain=names)),
            strokeDash=alt.StrokeDash("split:N", legend=legend, scale=alt.Scale(domain=names, range=[[6, 3], [1, 0]])),
        )
        .add_params(brush(colours))
    )
    stops = (
        alt.Chart(alt.NamedData("stops"))
        .mark_rule(strokeDash=[2, 3], strokeWidth=1.5, color=colours.muted)
        .encode(x="epoch:Q", tooltip=[alt.Tooltip("label:N", title="stop"), alt.Tooltip("epoch:Q")])
    )
    stop_labels = _beside(stops, colours, baseline="top", dy=22, y=alt.value(0))
    best = (
        alt.Chart(alt.NamedData("best"))
        .mark_point(shape="diamond", size=130, filled=True, color=colours.best, opacity=1)
        .encode(
            x="epoch:Q",
            y=alt.Y("value:Q", scale=scale),
            tooltip=[alt.Tooltip("label:N", title="best epoch"), alt.Tooltip("value:Q", format=".5g")],
        )
    )
    # The curve is lowest at its best epoch, so there is room above.
    best_labels = _beside(best, colours, baseline="bottom", dy=-12, weight="bold")
    near = alt.selection_point(
        name="near", fields=["epoch"], nearest=True, on="pointerover", clear="pointerout", empty=False
    )
    ruler = (
        alt.Chart(curve)
        .mark_rule(color=colours.muted)
        .encode(
            x="epoch:Q",
            opacity=alt.when(near).then(alt.value(0.6)).otherwise(alt.value(0)),
            tooltip=[
                alt.Tooltip("epoch:Q"),
                *(alt.Tooltip(f"{key}:Q", title=text, format=".5g") for key, text in SPLITS.items()),
            ],
        )
        .add_params(near)
    )
    positive = " && datum.value > 0 && (!isValid(datum.low) || datum.low > 0)" if log else ""
    ahead = alt.Chart(alt.NamedData("forecast")).transform_filter(f"isValid(datum.value){positive}")
    expected = ahead.mark_line(strokeWidth=2, strokeDash=[2, 4], color=colours.muted, clip=True).encode(
        x="epoch:Q", y=alt.Y("value:Q", scale=scale)
    )
    band = (
        ahead.transform_filter("isValid(datum.low)")
        .mark_rule(strokeWidth=6, opacity=0.5, color=colours.muted, clip=True)
        .encode(
            x="epoch:Q",
            y=alt.Y("low:Q", scale=scale),
            y2="high:Q",
            tooltip=[
                alt.Tooltip("value:Q", title="predicted", format=".4g"),
                alt.Tooltip("low:Q", title="at least (90 %)", format=".4g"),
                alt.Tooltip("high:Q", title="at most (90 %)", format=".4g"),
            ],
        )
    )
    layers = alt.layer(waste, lines, band, expected, stops, ruler, best, *best_labels, *stop_labels, waste_label)
    return compiled(layers.properties(height=380))


def _beside(
    marks: alt.Chart,
    colours: Palette,
    *,
    baseline: Literal["top", "bottom"],
    dy: int,
    weight: Literal["normal", "bold"] = "normal",
    y: Any = alt.Undefined,
) -> list[alt.Chart]:
    """Return the labels of marks, left of those in the right third, else right; a halo keeps lines off the words."""
    layers = []
    sides: tuple[tuple[str, Literal["left", "right"], int], ...] = (("true", "right", -6), ("false", "left", 6))
    for late, align, dx in sides:
        for halo in (True, False):
            text = marks.transform_filter(f"datum.late == {late}").mark_text(
                align=align,
                baseline=baseline,
                dx=dx,
                dy=dy,
                fontSize=12,
                fontWeight=weight,
                color=colours.background if halo else colours.text,
                stroke=colours.background if halo else None,
                strokeWidth=4 if halo else 0,
                strokeJoin="round",
                opacity=0.75 if halo else 1,
                aria=not halo,
            )
            layers.append(text.encode(text="label:N", y=y) if y is not alt.Undefined else text.encode(text="label:N"))
    return layers
