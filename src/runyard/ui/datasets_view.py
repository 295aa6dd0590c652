"""What the Datasets page shows of one data set: numbers, columns, classes, versions."""

from __future__ import annotations

from typing import Any

import polars as pl
import streamlit as st

from runyard.charts.classes import class_counts
from runyard.queries import datasets
from runyard.runtime import Runtime
from runyard.service import datasets as service
from runyard.service.datasets import Preview, Shown
from runyard.ui.figure import as_arrow, show_behind, show_chart
from runyard.ui.text import escape
from runyard.ui.yard import frame, is_dark

_MOST_CLASSES = 50
_ROLES = {"text": "the text", "label": "the class", "group": "a group", "time": "a time", "split": "the split"}
_COLUMNS: dict[str, Any] = {
    "name": st.column_config.TextColumn("Column", width=170),
    "kind": st.column_config.TextColumn("Type", width=80),
    "looks like": st.column_config.TextColumn("Looks like", width=90),
    "missing": st.column_config.NumberColumn("Missing", width=80),
    "distinct": st.column_config.NumberColumn("Different values", width=120),
    "median": st.column_config.NumberColumn("Median length", help="Words of a text, time steps of a series", width=110),
    "longest": st.column_config.NumberColumn("Longest", width=80),
    "example": st.column_config.TextColumn("Example", width=260),
}


def look(rt: Runtime, name: str) -> Shown:
    """Return what is in a data set; looked at once for each change of its file."""
    listed = next(row for row in service.list_datasets(rt) if row["name"] == name)
    source = service.show_source(rt, name)
    return _look(str(rt.yard.home), name, listed["size_bytes"], source.changed_at(), rt)


@st.cache_resource(max_entries=32, show_spinner="Looking at the data …")
def _look(home: str, name: str, size: int | None, changed_at: float, _rt: Runtime) -> Shown:
    return service.show(_rt, name)


def size_text(count: int | None) -> str:
    """Return bytes as people say them."""
    if count is None:
        return "–"
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} bytes"


def show_numbers(shown: Shown) -> None:
    """Show a data set in four numbers, and what one should know of it."""
    survey = shown.survey
    gaps = sum(column.missing for column in survey.columns)
    cells = max(1, survey.rows * len(survey.columns))
    values = (
        ("Examples", f"{survey.rows:,}" + ("" if survey.is_whole else "+")),
        ("Columns", str(len(survey.columns))),
        ("Classes", str(len(survey.classes)) if survey.label else "–"),
        ("Missing values", f"{gaps / cells:.1%}"),
    )
    for card, (label, value) in zip(st.columns(4), values, strict=True):
        card.metric(label, value, border=True, height="stretch")
    for sentence in survey.words():
        st.warning(escape(sentence), icon=":material/rule:")
    where = shown.source.path or "comes with scikit-learn"
    version = f" · version `{shown.version.id}`" if shown.version else ""
    st.caption(f"{shown.source.format} · {size_text(shown.size_bytes)}{version} · {escape(where)}")


def show_columns(shown: Shown) -> None:
    """Show a line for each column."""
    rows = [
        {
            "name": column.name,
            "kind": column.kind,
            "looks like": _ROLES.get(column.looks_like or "", ""),
            **{key: getattr(column, key) for key in ("missing", "distinct", "median", "longest", "example")},
        }
        for column in shown.survey.columns
    ]
    table = pl.DataFrame(rows, schema_overrides={"median": pl.Float64, "longest": pl.Int64})
    if table["median"].null_count() == table.height:
        table = table.drop("median", "longest")
    st.dataframe(
        as_arrow(table),
        lazy=False,
        hide_index=True,
        placeholder="",
        column_config=_COLUMNS,
        height=min(420, 37 + 35 * table.height),
        key="dataset-columns",
        alt="Columns of the data set",
    )


def show_classes(shown: Shown, preview: Preview | None) -> None:
    """Show the examples of each class; with a preview, those of each part."""
    if preview is None:
        rows = [(name, "all", count) for name, count in shown.survey.classes.items()]
    else:
        parts = (("training", preview.training), ("validation", preview.validation))
        rows = [(name, part, count) for part, counts in parts for name, count in counts.items()]
    table = pl.DataFrame(rows, schema=["name", "part", "count"], orient="row")
    show_class_counts(table, parts=preview is not None, key="dataset-classes")


def show_class_counts(table: pl.DataFrame, *, parts: bool, key: str) -> None:
    """Draw how many examples each class has: a bar each, cut into its parts.

    Args:
        table: name, part and count.
    """
    names = table["name"].unique()
    if len(names) > _MOST_CLASSES:
        st.caption(f"The {_MOST_CLASSES} largest of {len(names)} classes.")
        largest = table.group_by("name").agg(pl.col("count").sum()).top_k(_MOST_CLASSES, by="count")["name"]
        table = table.filter(pl.col("name").is_in(largest.to_list()))
    spec = class_counts(classes=min(len(names), _MOST_CLASSES), parts=parts, dark=is_dark())
    alt = f"Examples of each of {len(names)} classes" + (", cut into training and validation" if parts else "")
    show_chart(spec, {"classes": table}, key=f"{key}-{parts}", alt=alt)


def show_versions(rt: Runtime, name: str) -> None:
    """Show the versions of a data set that were added or trained on, and the statement behind it."""
    query = datasets.versions(name)
    known = frame(rt, query)
    if known.is_empty():
        st.caption("No version is known yet: one is kept when the data set is added or a run trains on it.")
        return
    columns = ["id", "rows", "size_bytes", "trainings", "agents", "created_at", "last_trained_at"]
    titles = {"id": "Version", "rows": "Examples", "size_bytes": "Bytes", "trainings": "Trainings", "agents": "Agents"}
    titles |= {"created_at": "First seen (UTC)", "last_trained_at": "Last trained on (UTC)"}
    st.dataframe(
        as_arrow(known.select(columns)),
        lazy=False,
        hide_index=True,
        placeholder="",
        column_config={key: st.column_config.Column(title) for key, title in titles.items()},
        key="dataset-versions",
        alt="Versions of the data set",
    )
    show_behind(known.drop("path"), query, key="dataset-versions-all")
