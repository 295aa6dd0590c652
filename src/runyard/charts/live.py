"""Charts of a run while it moves, for ECharts: it redraws several times faster than Vega when data changes.

Data: one wide frame with epoch and the named columns, put in by `with_rows`.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from runyard.charts.spec import Spec
from runyard.charts.theme import palette


def live_loss(*, log: bool, dark: bool) -> Spec:
    """Return an ECharts option of training (dashed) and validation loss and the best epoch so far (diamond).

    Rows: epoch (a fraction inside an epoch), train_loss, val_loss, best (val_loss at the best epoch, else null),
    step_loss (mean training loss of some steps inside the epochs). What a row does not have is null.
    """
    colours = palette(dark)
    option = _frame(y_name="loss", log=log)
    option["legend"] = {"top": 0, "data": ["training", "validation", "best epoch", "training, within the epoch"]}
    option["series"] = [
        _line("training, within the epoch", "step_loss", colours.lines[0], faint=True),
        _line("training", "train_loss", colours.lines[0], dash=True),
        _line("validation", "val_loss", colours.lines[1]),
        {
            "type": "scatter",
            "name": "best epoch",
            "symbol": "diamond",
            "symbolSize": 14,
            "itemStyle": {"color": colours.best},
            "encode": {"x": "epoch", "y": "best", "tooltip": ["best"]},
            "z": 5,
        },
    ]
    return option


def live_line(column: str, *, y_name: str, colour: int, dark: bool) -> Spec:
    """Return an ECharts option of one column over epochs."""
    option = _frame(y_name=y_name, log=False)
    option["series"] = [_line(y_name, column, palette(dark).lines[colour])]
    return option


def with_rows(option: Spec, frame: pl.DataFrame) -> Spec:
    """Return the option with the rows to draw.

    A tuple, not a frame: Streamlit's look at a frame imports pandas, and there are 1,500 rows at most.
    """
    return {**option, "dataset": {"dimensions": frame.columns, "source": tuple(frame.rows())}}


def _frame(*, y_name: str, log: bool) -> Spec:
    return {
        "animation": False,
        "grid": {"left": 12, "right": 24, "top": 44, "bottom": 28, "containLabel": True},
        "tooltip": {"trigger": "axis", "valueFormatter": "%.5g"},
        "xAxis": {
            "type": "value", "name": "epoch", "nameLocation": "middle", "nameGap": 26, "minInterval": 1,
            "splitLine": {"show": False},
        },
        "yAxis": {
            "type": "log" if log else "value", "name": y_name, "scale": True,
            "nameTextStyle": {"align": "left"},
        },
    }  # fmt: skip


def _line(name: str, column: str, colour: str, *, dash: bool = False, faint: bool = False) -> dict[str, Any]:
    return {
        "type": "line",
        "name": name,
        "showSymbol": False,
        "connectNulls": True,
        "lineStyle": {
            "width": 1 if faint else 2,
            "opacity": 0.45 if faint else 1,
            "type": "dashed" if dash else "solid",
            "color": colour,
        },
        "itemStyle": {"color": colour},
        "encode": {"x": "epoch", "y": column, "tooltip": [column]},
    }
