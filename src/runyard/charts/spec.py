"""What every chart is: a spec without data, built once per structure and fed named frames when shown."""

from __future__ import annotations

from typing import Any

import altair as alt

from runyard.charts.theme import Palette

Spec = dict[str, Any]


def compiled(chart: alt.TopLevelMixin) -> Spec:
    """Return the Vega-Lite dict of a chart without Altair's own config, so that Streamlit's theme applies."""
    spec: Spec = chart.to_dict()
    spec.pop("config", None)
    spec.pop("$schema", None)
    return spec


def brush(colours: Palette) -> alt.Parameter:
    """Return the selection named brush: the range of x that the reader drags over."""
    dragged = alt.BrushConfig(fill=colours.text, fillOpacity=0.15)
    return alt.selection_interval(name="brush", encodings=["x"], mark=dragged)
