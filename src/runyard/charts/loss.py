"""The loss curves of one run with its best epoch, its stop and the epochs wasted after the best one.

Data: `curve` has epoch, train_loss, val_loss; `best` has epoch, value, label;
`waste` has start, stop, label; `stops` has epoch, label. Each may be empty.
"""

from __future__ import annotations

import altair as alt

from runyard.charts.spec import Spec, compiled
from runyard.charts.theme import palette

SPLITS = {"train_loss": "training", "val_loss": "validation"}


def loss_curves(*, log: bool, dark: bool) -> Spec:
    """Return a Vega-Lite spec of training and validation loss over epochs."""
    colours = palette(dark)
    curve = alt.NamedData("curve")
    names = list(SPLITS)
    x = alt.X("epoch:Q", title="epoch", axis=alt.Axis(tickMinStep=1, grid=False), scale=alt.Scale(nice=False))
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
        .mark_text(align="right", baseline="bottom", dx=-4, dy=-6, color=colours.text, fontSize=12)
        .encode(x="stop:Q", y=alt.value("height"), text="label:N")
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
            strokeDash=alt.StrokeDash(
                "split:N", legend=legend, scale=alt.Scale(domain=names, range=[[6, 3], [1, 0]])
            ),
        )
    )
    stops = (
        alt.Chart(alt.NamedData("stops"))
        .mark_rule(strokeDash=[2, 3], strokeWidth=1.5, color=colours.muted)
        .encode(x="epoch:Q", tooltip=[alt.Tooltip("label:N", title="stop"), alt.Tooltip("epoch:Q")])
    )
    stop_labels = stops.mark_text(
        align="right", baseline="top", dx=-4, dy=4, color=colours.text, fontSize=12
    ).encode(y=alt.value(0), text="label:N")
    best = (
        alt.Chart(alt.NamedData("best"))
        .mark_point(shape="diamond", size=130, filled=True, color=colours.best, opacity=1)
        .encode(
            x="epoch:Q",
            y=alt.Y("value:Q", scale=scale),
            tooltip=[alt.Tooltip("label:N", title="best epoch"), alt.Tooltip("value:Q", format=".5g")],
        )
    )
    best_label = best.mark_text(
        align="center", baseline="top", dy=10, fontSize=12, fontWeight="bold", color=colours.text
    ).encode(text="label:N")
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
    layers = alt.layer(waste, lines, stops, ruler, best, best_label, stop_labels, waste_label)
    return compiled(layers.properties(height=380))
