"""Thin long series for the eye: extremes of each stretch stay, so no spike, best or last point is lost."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

LIMIT = 1_500


@dataclass(frozen=True)
class Thinned:
    """The rows to draw and how many there were."""

    frame: pl.DataFrame
    total: int

    @property
    def note(self) -> str:
        """Say how many points are shown; empty when all are."""
        shown = self.frame.height
        return f"{shown:,} of {self.total:,} points shown" if shown < self.total else ""


def thin(frame: pl.DataFrame, values: tuple[str, ...], *, limit: int = LIMIT) -> Thinned:
    """Keep at most `limit` rows: first, last, and the smallest and largest of each value in each stretch.

    Non-finite values count as extremes, so a NaN stays visible. The overall smallest of every value is the
    smallest of its stretch, hence best epochs are kept.
    """
    rows = frame.height
    if rows <= limit:
        return Thinned(frame, rows)
    stretches = max((limit - 2) // (3 * len(values)), 1)
    indexed = frame.with_row_index("__row").with_columns(
        (pl.col("__row").cast(pl.Int64) * stretches // rows).alias("__stretch")
    )
    picks = [pick for name in values for pick in _extremes(name)]
    kept = indexed.group_by("__stretch").agg(picks).drop("__stretch").unpivot()["value"].drop_nulls()
    wanted = pl.concat([kept.cast(pl.Int64), pl.Series([0, rows - 1], dtype=pl.Int64)]).unique()
    thinned = indexed.filter(pl.col("__row").is_in(wanted.implode())).drop("__row", "__stretch")
    return Thinned(thinned, rows)


def _extremes(name: str) -> list[pl.Expr]:
    value = pl.col(name).cast(pl.Float64)
    row = pl.col("__row")
    finite = value.is_finite()
    return [
        row.filter(finite).sort_by(value.filter(finite)).first().alias(f"{name}_low"),
        row.filter(finite).sort_by(value.filter(finite)).last().alias(f"{name}_high"),
        row.filter(value.is_not_null() & ~finite).first().alias(f"{name}_odd"),
    ]
