"""Comparing runs: the table to choose from, the curves on one axis, the settings that differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from runyard.queries.query import Argument, Query

Axis = Literal["step", "epoch", "minutes", "usd"]
MOST_BUCKETS = 300
EPOCH_CURVES = ("train_loss", "val_loss", "val_metric", "learning_rate", "gradient_norm", "epoch_seconds")
_MOST_POINTS = 12_000  # of all curves of a chart together


def table(also: Sequence[UUID] = (), *, limit: int = 300) -> Query:
    """Return the newest runs, and those named, with tags, group, result and cost; archived ones too, none deleted."""
    named = f" OR view.id IN ({_marks(also)})" if also else ""
    return Query(
        "SELECT\n"
        "  view.id, view.name, view.status, coalesce(run.tags, []) AS tags, run.run_group,\n"
        "  view.agent_id,\n"
        "  coalesce(run.replicate_group, run.id::VARCHAR) AS part,\n"
        "  view.best_validation_loss, view.best_epoch, view.completed_epochs,\n"
        "  60 * view.compute_hours AS minutes, view.cost_usd::DOUBLE AS cost_usd, view.queued_at\n"
        "FROM run_overview AS view\n"
        "JOIN runs AS run ON run.id = view.id\n"
        "WHERE run.deleted_at IS NULL\n"
        "  AND (view.id IN (SELECT id FROM runs WHERE deleted_at IS NULL ORDER BY queued_at DESC, id DESC LIMIT ?)"
        f"{named})\n"
        "ORDER BY view.queued_at DESC, view.id DESC",
        (limit, *also),
    )


def names(run_ids: Sequence[UUID]) -> Query:
    """Return the curves that the runs have, the most shared first."""
    # Which metrics there are does not need each point's last attempt, which curve_points looks for.
    return Query(
        "SELECT source, name, count(DISTINCT session_id) AS runs\n"
        "FROM (\n"
        "  SELECT session_id, source, name\n"
        "  FROM curve_points\n"
        f"  WHERE {_among('session_id', run_ids)} AND source = 'epoch' AND value IS NOT NULL\n"
        "  UNION ALL\n"
        "  SELECT session_id, 'metric', name\n"
        "  FROM metrics\n"
        f"  WHERE {_among('session_id', run_ids)} AND isfinite(value)\n"
        ")\n"
        "GROUP BY source, name\n"
        "ORDER BY runs DESC, source, name",
        (*run_ids, *run_ids),
    )


def curves(
    run_ids: Sequence[UUID],
    source: str,
    name: str,
    *,
    x: Axis = "epoch",
    neighbours: int = 0,
    between: tuple[float, float] | None = None,
) -> Query:
    """Return one curve of each run, thinned to its first, last, lowest and highest point of each bucket of x.

    `points` says how many points the curve has before thinning, in the range asked for.

    Args:
        neighbours: how many points on each side `smooth`, a running mean of all points, takes in.
        between: a range of x, to look closer: there the same number of buckets shows more of the points.
    """
    buckets = max(min(MOST_BUCKETS, _MOST_POINTS // (4 * max(len(run_ids), 1))), 1)
    value, logged, arguments = _logged(source, name, x)
    inside = f"\n    AND {x} BETWEEN ? AND ?" if between else ""
    around = f"ROWS BETWEEN {int(neighbours)} PRECEDING AND {int(neighbours)} FOLLOWING"
    smooth = f"avg(y) OVER (PARTITION BY session_id ORDER BY x, y {around})" if neighbours else "y"
    return Query(
        "WITH points AS MATERIALIZED (\n"
        f"  SELECT session_id, CAST({x} AS DOUBLE) AS x, {value} AS y\n"
        f"  FROM {logged}\n"
        f"    AND {_among('session_id', run_ids)}\n"
        f"    AND {value} IS NOT NULL AND {x} IS NOT NULL{inside}\n"
        "),\n"
        "placed AS MATERIALIZED (\n"
        "  SELECT\n"
        "    *,\n"
        f"    {smooth} AS smooth,\n"
        "    row_number() OVER () AS n,\n"
        f"    coalesce(floor({buckets} * (x - low) / nullif(high - low, 0)), 0) AS bucket\n"
        "  FROM points, (SELECT min(x) AS low, max(x) AS high FROM points)\n"
        "),\n"
        "kept AS (\n"
        "  SELECT unnest([arg_min(n, x), arg_max(n, x), arg_min(n, y), arg_max(n, y)]) AS n\n"
        "  FROM placed\n"
        "  GROUP BY session_id, bucket\n"
        "),\n"
        "counted AS (SELECT session_id, count(*) AS points FROM points GROUP BY session_id)\n"
        "SELECT session_id, x, y, smooth, points\n"
        "FROM placed\n"
        "JOIN counted USING (session_id)\n"
        "WHERE n IN (FROM kept)\n"
        "ORDER BY session_id, x, y",
        (*arguments, *run_ids, *(between or ())),
    )


def _logged(source: str, name: str, x: Axis) -> tuple[str, str, tuple[Argument, ...]]:
    """Return the column of a curve's values, where it is read, and with which arguments.

    Time and money take a join with the attempts; steps and epochs stand beside the values.
    """
    if x in ("step", "epoch") and source == "metric":
        return "value", "metric_points\n  WHERE name = ?", (name,)
    if x in ("step", "epoch") and source == "epoch" and name in EPOCH_CURVES:
        return name, "epochs\n  WHERE true", ()
    return "value", "curve_points\n  WHERE source = ? AND name = ?", (source, name)


def unusable(run_ids: Sequence[UUID], source: str, name: str) -> Query:
    """Return how many values of one curve of each run are measured and not finite: no chart has a place for them."""
    if source == "metric":
        return Query(
            "SELECT session_id, count(*) AS unusable\n"
            "FROM metric_points\n"
            f"WHERE session_id IN ({_marks(run_ids)}) AND name = ? AND measured AND value IS NULL\n"
            "GROUP BY session_id",
            (*run_ids, name),
        )
    columns = " ".join(f"WHEN '{column}' THEN {column}" for column in EPOCH_CURVES)
    return Query(
        "WITH logged AS (\n"
        f"  SELECT session_id, CASE ? {columns} END AS value\n"
        "  FROM training_epochs\n"
        f"  WHERE session_id IN ({_marks(run_ids)})\n"
        "  WINDOW in_turn AS (PARTITION BY session_id ORDER BY epoch, attempt NULLS FIRST, logged_at NULLS FIRST)\n"
        "  QUALIFY lead(epoch) OVER in_turn IS DISTINCT FROM epoch\n"
        "    AND coalesce(attempt, 0)\n"
        "      = coalesce(max(attempt) OVER (in_turn ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), 0)\n"
        ")\n"
        "SELECT session_id, count(*) AS unusable\n"
        "FROM logged\n"
        "WHERE NOT isfinite(value)\n"
        "GROUP BY session_id",
        (name, *run_ids),
    )


def means(
    run_ids: Sequence[UUID], source: str, name: str, *, x: Axis = "epoch", between: tuple[float, float] | None = None
) -> Query:
    """Return one curve of each group of repetitions: the mean of its points in each bucket of x, lowest and highest.

    Repetitions are runs of the same configuration but for the seed. `points` and `runs` say how many there are in all.
    """
    inside = f"\n    AND curve.{x} BETWEEN ? AND ?" if between else ""
    return Query(
        "WITH points AS (\n"
        "  SELECT\n"
        "    coalesce(run.replicate_group, run.id::VARCHAR) AS part, run.id,\n"
        f"    CAST(curve.{x} AS DOUBLE) AS x, curve.value AS y\n"
        "  FROM curve_points AS curve\n"
        "  JOIN runs AS run ON run.id = curve.session_id\n"
        f"  WHERE {_among('curve.session_id', run_ids)} AND curve.source = ? AND curve.name = ?\n"
        f"    AND curve.value IS NOT NULL AND curve.{x} IS NOT NULL{inside}\n"
        "),\n"
        "placed AS MATERIALIZED (\n"
        "  SELECT\n"
        "    *,\n"
        f"    coalesce(floor({MOST_BUCKETS} * (x - min(x) OVER ()) / nullif(max(x) OVER () - min(x) OVER (), 0)), 0)"
        " AS bucket,\n"
        "    count(*) OVER (PARTITION BY part) AS points,\n"
        "    count(DISTINCT id) OVER (PARTITION BY part) AS runs\n"
        "  FROM points\n"
        ")\n"
        "SELECT\n"
        "  part,\n"
        "  list_avg(list(x ORDER BY x)) AS x, list_avg(list(y ORDER BY y)) AS y, min(y) AS low, max(y) AS high,\n"
        "  any_value(points) AS points, any_value(runs) AS runs\n"
        "FROM placed\n"
        "GROUP BY part, bucket\n"
        "ORDER BY part, x",
        (*run_ids, source, name, *(between or ())),
    )


def differences(run_ids: Sequence[UUID]) -> Query:
    """Return the settings that are not the same in all of the runs, one row per setting and run that has it."""
    return Query(
        "SELECT leaf.fullkey[3:] AS setting, run.id, coalesce(leaf.atom ->> '$', 'null') AS value\n"
        "FROM runs AS run, json_tree(run.config) AS leaf\n"
        f"WHERE run.id IN ({_marks(run_ids)}) AND leaf.atom IS NOT NULL AND leaf.fullkey <> '$.name'\n"
        "QUALIFY count(DISTINCT leaf.atom) OVER (PARTITION BY leaf.fullkey) > 1\n"
        f"  OR count(*) OVER (PARTITION BY leaf.fullkey) < {len(run_ids)}\n"
        "ORDER BY setting, run.id",
        tuple(run_ids),
    )


def _among(column: str, run_ids: Sequence[UUID]) -> str:
    """Return the condition that a column is one of the runs.

    Of a list of more than six DuckDB makes a join, before which it reads every column of every row.
    """
    parts = [run_ids[start : start + 5] for start in range(0, len(run_ids), 5)]
    return f"({' OR '.join(f'{column} IN ({_marks(part)})' for part in parts)})"


def _marks(run_ids: Sequence[UUID]) -> str:
    return ", ".join("?" for _ in run_ids)
