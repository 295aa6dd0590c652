"""Who learned from whom: gains of source and target as a grid of signed cells, and transfers as a flow.

Data of the grid: `pairs` has source, target, tint (the gain over the largest, -1 to 1; null when unknown), gain and n
(both as text), and the numbers of the tooltip. Data of the flow: rows of source, target, transfers, mean_gain.
"""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from runyard.charts.spec import Spec, compiled
from runyard.charts.theme import palette

_CELL_PIXELS = 58
_TARGET = "\u200b"  # ends a target's name unseen: as a source, the same agent is another node


def gain_grid(*, dark: bool) -> Spec:
    """Return a Vega-Lite spec of a cell per source and target; blue helped, orange harmed, and the number says so."""
    colours = palette(dark)
    base = alt.Chart(alt.NamedData("pairs")).encode(
        x=alt.X(
            "target:N",
            title="target",
            axis=alt.Axis(labelAngle=0, labelAlign="center", labelLimit=140),
        ),
        y=alt.Y("source:N", title="source", axis=alt.Axis(labelLimit=140)),
    )
    scale = alt.Scale(domain=[-1, 0, 1], range=[colours.waste, colours.surface, colours.lines[0]], interpolate="lab")
    edge: dict[str, Any] = {"stroke": colours.border, "cornerRadius": 4}
    tooltip = [
        alt.Tooltip("source:N"),
        alt.Tooltip("target:N"),
        alt.Tooltip("gain:N", title="mean gain"),
        alt.Tooltip("smallest_gain:Q", title="smallest gain", format="+.3~g"),
        alt.Tooltip("largest_gain:Q", title="largest gain", format="+.3~g"),
        alt.Tooltip("transfers:Q"),
        alt.Tooltip("judged:Q", title="with a known gain"),
    ]
    bare = base.mark_rect(fill=colours.background, **edge).encode(tooltip=tooltip)
    cells = base.transform_filter("isValid(datum.tint)").mark_rect(**edge)
    cells = cells.encode(color=alt.Color("tint:Q", legend=None, scale=scale), tooltip=tooltip)
    ink = alt.when("abs(datum.tint) > 0.6").then(alt.value(colours.background)).otherwise(alt.value(colours.text))
    gains = base.mark_text(fontSize=15, fontWeight="bold", dy=-7).encode(text="gain:N", color=ink)
    counts = base.mark_text(fontSize=11, dy=12).encode(text="n:N", color=ink)
    return compiled(alt.layer(bare, cells, gains, counts).properties(height=alt.Step(_CELL_PIXELS)))


def flow(*, dark: bool) -> Spec:
    """Return an ECharts option of a band per source and target, as wide as transfers are many; rows by `with_flows`."""
    return {
        "animation": False,
        "tooltip": {"trigger": "item"},
        "series": [
            {
                "type": "sankey",
                "left": 8,
                "right": 150,
                "top": 12,
                "bottom": 12,
                "nodeWidth": 14,
                "nodeGap": 16,
                "draggable": False,
                "emphasis": {"focus": "adjacency"},
                "label": {"color": palette(dark).text, "fontSize": 13, "width": 140, "overflow": "truncate"},
                "lineStyle": {"opacity": 0.55, "curveness": 0.5},
            }
        ],
    }


def with_flows(option: Spec, pairs: pl.DataFrame, *, dark: bool) -> Spec:
    """Return the option with its bands: blue where the mean gain is positive, orange where negative, else grey."""
    colours = palette(dark)
    rows = pairs.to_dicts()
    sources = sorted({row["source"] for row in rows})
    targets = sorted({row["target"] for row in rows})
    nodes = [*sources, *(f"{name}{_TARGET}" for name in targets)]

    def band(row: dict[str, Any]) -> dict[str, Any]:
        gain = row["mean_gain"]
        colour = colours.muted if not gain else (colours.lines[0] if gain > 0 else colours.waste)
        ends = {"source": row["source"], "target": f"{row['target']}{_TARGET}"}
        return {**ends, "value": row["transfers"], "lineStyle": {"color": colour}}

    data = [{"name": name, "itemStyle": {"color": colours.muted}} for name in nodes]
    return {**option, "series": [{**option["series"][0], "data": data, "links": [band(row) for row in rows]}]}
