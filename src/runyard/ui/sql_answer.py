"""The answer to a statement: the table, its files, a quick chart, or what went wrong."""

from __future__ import annotations

from functools import partial
from typing import get_args

import polars as pl
import pyarrow as pa
import streamlit as st

from runyard.charts.quick import Kind, Scale, quick_chart
from runyard.charts.spec import Spec
from runyard.charts.thin import LIMIT, thin
from runyard.core.errors import RunyardError
from runyard.service.answers import Kind as FileKind
from runyard.service.answers import encoded, for_screen
from runyard.ui.errors import show_error
from runyard.ui.figure import show_chart
from runyard.ui.sql_console import ANSWERED, STATEMENT, Answered
from runyard.ui.text import duration, escape
from runyard.ui.yard import is_dark

_FILES: dict[FileKind, tuple[str, str]] = {
    "csv": ("CSV", "text/csv"),
    "parquet": ("Parquet", "application/vnd.apache.parquet"),
    "arrow": ("Arrow", "application/vnd.apache.arrow.file"),
}
_MOST_BARS = 60


def show_answer() -> None:
    """Show the answer to the statement that was run last, or say how to get one."""
    answered: Answered | None = st.session_state.get(ANSWERED)
    if answered is None:
        st.info("Run a statement to see its answer here.", icon=":material/play_arrow:")
        return
    if answered.statement != st.session_state.get(STATEMENT):
        st.caption("The statement was changed since; this is the answer to the one before. Run it to ask anew.")
    outcome = answered.outcome
    if isinstance(outcome, RunyardError):
        show_error(outcome)
        return
    if outcome.note:
        st.warning(escape(outcome.note), icon=":material/hourglass_empty:")
    rows = outcome.table.num_rows
    words = "1 row" if rows == 1 else f"{rows:,} rows"
    if outcome.cut:
        words = f"The first {words}; there are more. Raise “Rows at most” to see them, files hold these rows too"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{words} · data version {outcome.version} · {duration(answered.seconds)}", width="content")
        st.space("stretch")
        for kind, (label, mime) in _FILES.items():
            st.download_button(
                label,
                partial(encoded, outcome.table, kind),
                f"runyard-answer.{kind}",
                mime,
                key=f"sql-{kind}",
                icon=":material/download:",
                on_click="ignore",
                type="tertiary",
            )
    if rows == 0:
        st.info("No rows. In a new yard the tables are empty until a run is launched or imported.",
                icon=":material/filter_alt_off:")  # fmt: skip
        return
    shown = for_screen(outcome.table)
    table, chart = st.tabs(["Table", "Chart"], key="sql-tab", bind="query-params")
    if table.open:
        with table:
            st.dataframe(shown, lazy=False, key="sql-table", hide_index=True, placeholder="", alt="Answer")
    if chart.open:
        with chart:
            show_quick_chart(shown)


def show_quick_chart(table: pa.Table) -> None:
    """Let the reader choose kind, x, y and parts, and draw the answer."""
    schema = table.schema
    numbers = [field.name for field in schema if _is_number(field.type)]
    plain = [field.name for field in schema if not pa.types.is_nested(field.type)]
    if not numbers:
        st.info("A chart needs a column of numbers for y; this answer has none.", icon=":material/bar_chart_off:")
        return
    first_y = next((name for name in numbers if name != plain[0]), numbers[0])
    boxes = st.columns([2, 3, 3, 3, 2], vertical_alignment="bottom")
    kind: Kind = boxes[0].selectbox("Kind", list(get_args(Kind)), key="sql-kind", bind="query-params")
    x = boxes[1].selectbox("x", plain, key=f"sql-x-{hash(tuple(plain))}")
    y = boxes[2].selectbox("y", numbers, index=numbers.index(first_y), key=f"sql-y-{hash(tuple(plain))}")
    part = boxes[3].selectbox("Colour", plain, index=None, placeholder="none", key=f"sql-part-{hash(tuple(plain))}")
    log = boxes[4].toggle("Log y", key="sql-log", bind="query-params")
    rows = pl.DataFrame(
        {
            "x": pl.from_arrow(table.column(x)),
            "y": pl.from_arrow(table.column(y)).cast(pl.Float64),
            **({"part": pl.from_arrow(table.column(part)).cast(pl.String)} if part else {}),
        }
    ).filter(pl.col("y").is_finite() & pl.col("x").is_not_null())
    if log:
        rows = rows.filter(pl.col("y") > 0)
    if rows.is_empty():
        st.info("No row has both an x and a finite y.", icon=":material/bar_chart_off:")
        return
    drawn = thinned(rows, kind)
    scale = _scale(schema.field(x).type, kind)
    spec = _quick_spec(kind, x, scale, y, part or "", log, is_dark())
    show_chart(spec, {"rows": drawn}, key="sql-chart", alt=f"{kind} of {y} over {x}, {drawn.height} of {rows.height}")
    if drawn.height < rows.height:
        how = "the first ones" if kind == "Bars" else "extremes kept"
        st.caption(f"{drawn.height:,} of {rows.height:,} points shown, {how}")


def thinned(rows: pl.DataFrame, kind: Kind) -> pl.DataFrame:
    """Return the rows to draw: lines sorted by x; of too many points the extremes, of too many bars the first."""
    if kind == "Bars":
        return rows.head(_MOST_BARS)
    groups = rows.sort("x").partition_by("part", maintain_order=True) if "part" in rows.columns else [rows.sort("x")]
    each = max(LIMIT // len(groups), 8)
    return pl.concat([thin(group, ("y",), limit=each).frame for group in groups])


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _scale(kind: pa.DataType, mark: Kind) -> Scale:
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return "temporal"
    return "quantitative" if _is_number(kind) and mark != "Bars" else "nominal"


@st.cache_data(max_entries=32, show_spinner=False)
def _quick_spec(kind: Kind, x: str, x_scale: Scale, y: str, part: str, log: bool, dark: bool) -> Spec:
    return quick_chart(kind, x_title=x, x_scale=x_scale, y_title=y, part_title=part, log=log, dark=dark)
