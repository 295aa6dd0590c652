"""The tab of a run's layers: histograms of one of them over its steps, and the gradient norms of all."""

from __future__ import annotations

from typing import Any

import polars as pl
import streamlit as st

from runyard.charts.layers import layer_bins, layer_norms
from runyard.charts.spec import Spec
from runyard.queries import layers
from runyard.runtime import Runtime
from runyard.ui.figure import show_behind, show_chart
from runyard.ui.text import number
from runyard.ui.yard import frame, is_dark

KINDS = {"gradient": "Gradients", "weight": "Weights", "activation": "Activations"}
VALUES = {"gradient": "gradient", "weight": "weight", "activation": "output of the layer"}


def show_layers_tab(rt: Runtime, run: dict[str, Any]) -> None:
    """Show a picker of layer and kind, then what was measured of it, or how to have it measured."""
    watched, norms = frame(rt, layers.watched(run["id"])), frame(rt, layers.norms(run["id"]))
    names = list(dict.fromkeys([*watched["layer"], *norms["layer"]]))
    if not names:
        st.info(
            "Nothing was measured of single layers: gradient norms come every 50 steps, histograms every 100, or as "
            "often as `monitoring` in the configuration says.",
            icon=":material/layers:",
        )
        return
    left, right = st.columns(2)
    layer = left.selectbox("Layer", names, key="run-layer", bind="query-params", help="From the input to the output")
    kinds = watched.filter(pl.col("layer") == layer)["kind"].to_list()
    if kinds:
        kinds = [kind for kind in KINDS if kind in kinds]
        kind = right.segmented_control(
            "What of it", kinds, default=kinds[0], required=True, format_func=KINDS.__getitem__, key="run-layer-kind"
        )
        with st.container(border=True):
            _show_bins(rt, run, layer, kind)
    if norms.height:
        with st.container(border=True):
            _show_norms(run, norms, layer)


def _show_bins(rt: Runtime, run: dict[str, Any], layer: str, kind: str) -> None:
    query = layers.bins(run["id"], layer, kind)
    table = frame(rt, query)
    st.markdown(f"**{KINDS[kind]} of `{layer}` over the steps**")
    words = f"Histograms of the {KINDS[kind].lower()} of {layer}"
    if table.height:
        low, high = table["bin_low"].min(), table["bin_high"].max()
        words += f" over {table['step'].n_unique()} steps, from {number(low, 3)} to {number(high, 3)}"  # type: ignore[arg-type]
    show_chart(_bins_spec(VALUES[kind], is_dark()), {"bins": _visible(table)}, key="run-layer-bins", alt=words)
    sampled = "An even sample of about 4,096 values a layer. Gradients are those before clipping."
    show_behind(table, query, key="run-layer-bins", note=sampled, alt=words)


def _visible(table: pl.DataFrame) -> pl.DataFrame:
    """Give a bin that holds a single value, such as 0 in fresh weights, a height of its own."""
    size = pl.max_horizontal(pl.col("bin_low").abs(), pl.lit(1e-3)) * 0.02
    flat = pl.col("bin_low") == pl.col("bin_high")
    return table.with_columns(
        bin_low=pl.when(flat).then(pl.col("bin_low") - size).otherwise("bin_low"),
        bin_high=pl.when(flat).then(pl.col("bin_high") + size).otherwise("bin_high"),
    )


def _show_norms(run: dict[str, Any], norms: pl.DataFrame, layer: str) -> None:
    heading, switch = st.columns([3, 1], vertical_alignment="center")
    heading.markdown("**Gradient norms of all layers**")
    log = switch.toggle("Logarithmic", value=True, key="run-layer-log")
    count = norms["layer"].n_unique()
    own = norms.filter(pl.col("layer") == layer)
    last = f", {number(own['gradient_norm'][-1], 3)} at the end in {layer}" if own.height else ""
    st.caption(f"`{layer}` in colour, the other {count - 1} in grey." if own.height else f"{count} layers.")
    data = norms.with_columns(chosen=pl.col("layer") == layer)
    words = f"Gradient norm of {count} layers over steps{last}"
    show_chart(_norms_spec(log, is_dark()), {"norms": data}, key="run-layer-norms", alt=words)
    show_behind(norms, layers.norms(run["id"]), key="run-layer-norms", alt=words)


@st.cache_data(max_entries=8, show_spinner=False)
def _bins_spec(value_title: str, dark: bool) -> Spec:
    return layer_bins(value_title=value_title, dark=dark)


@st.cache_data(max_entries=4, show_spinner=False)
def _norms_spec(log: bool, dark: bool) -> Spec:
    return layer_norms(log=log, dark=dark)
