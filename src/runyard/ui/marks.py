"""What is marked on a run's loss curves: its best epoch, where it stopped, the epochs wasted after the best."""

from __future__ import annotations

from typing import Any

import polars as pl

from runyard.ui.text import number

Row = dict[str, Any]


def best_mark(run: Row, epochs: pl.DataFrame) -> pl.DataFrame:
    """Return the point of the best epoch on the validation curve; empty when there is none."""
    found = epochs.filter((pl.col("epoch") == (run["best_epoch"] or 0)) & pl.col("val_loss").is_finite())
    last = epochs["epoch"].max()
    return found.select(
        "epoch",
        pl.col("val_loss").alias("value"),
        pl.format("best: {} at epoch {}", pl.col("val_loss").round_sig_figs(4), pl.col("epoch")).alias("label"),
        (pl.col("epoch") * 3 > pl.lit(last) * 2).alias("late"),
    )


def waste_band(run: Row) -> pl.DataFrame:
    """Return the stretch from the best epoch to the last one; empty when nothing was wasted."""
    schema = {"start": pl.Int64, "stop": pl.Int64, "label": pl.String}
    wasted = run["wasted_epochs"]
    if not wasted or not run["best_epoch"]:
        return pl.DataFrame(schema=schema)
    word = "epoch" if wasted == 1 else "epochs"
    return pl.DataFrame([(run["best_epoch"], run["last_epoch"], f"{wasted} {word} wasted")], schema, orient="row")


def within(ends: tuple[float, float], marks: pl.DataFrame) -> pl.DataFrame:
    """Return the marks inside a range of epochs, a band cut to it: others would stretch the axis to where they are."""
    low, high = ends
    if "start" not in marks.columns:
        inside = marks.filter(pl.col("epoch").is_between(low, high))
        late = (pl.col("epoch") - low) * 3 > (high - low) * 2
        return inside.with_columns(late.alias("late")) if "late" in marks.columns else inside
    cut = marks.with_columns(
        pl.col("start").cast(pl.Float64).clip(low), pl.col("stop").cast(pl.Float64).clip(None, high)
    )
    return cut.filter(pl.col("start") < pl.col("stop"))


def stop_marks(run: Row) -> pl.DataFrame:
    """Return where the run stopped early, or where early stopping with its patience would have."""
    marks: list[tuple[int, str]] = []
    if run["early_stopping_triggered"]:
        marks.append((run["completed_epochs"], "stopped early"))
    elif run["es_stop_epoch"] and run["es_saved_epochs"]:
        marks.append((run["es_stop_epoch"], f"patience {run['patience']} would have stopped here"))
    table = pl.DataFrame(marks, {"epoch": pl.Int64, "label": pl.String}, orient="row")
    return table.with_columns((pl.col("epoch") * 3 > (run["last_epoch"] or 0) * 2).alias("late"))


def curve_words(run: Row, epochs: pl.DataFrame) -> str:
    """Say what the marked curves show, for those who do not see them."""
    parts = [f"Training and validation loss over {epochs.height} epochs"]
    if run["best_epoch"]:
        parts.append(f"best {number(run['best_validation_loss'])} at epoch {run['best_epoch']}")
    if run["early_stopping_triggered"]:
        parts.append(f"stopped early at epoch {run['completed_epochs']}")
    if run["wasted_epochs"]:
        parts.append(f"{run['wasted_epochs']} epochs wasted after the best")
    return ", ".join(parts)
