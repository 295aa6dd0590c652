"""Layers of one run: which were looked at, the histograms of one of them over its steps, and all gradient norms."""

from __future__ import annotations

from uuid import UUID

from runyard.queries.query import Query


def watched(run_id: UUID) -> Query:
    """Return a row for each layer and kind of histogram, layers from the input to the output."""
    return Query(
        "SELECT layer, kind, min(place) AS place, count(*) AS histograms\n"
        "FROM layer_histograms\n"
        "WHERE session_id = ?\n"
        "GROUP BY layer, kind\n"
        "ORDER BY place, layer, kind",
        (run_id,),
    )


def bins(run_id: UUID, layer: str, kind: str, *, steps: int = 80) -> Query:
    """Return the bins of one layer's histograms, of at most so many steps evenly; `until` is the next of those."""
    return Query(
        "WITH bins AS (\n"
        "  SELECT step, bin, bin_low, bin_high, share\n"
        "  FROM layer_bins\n"
        "  WHERE session_id = ? AND layer = ? AND kind = ?\n"
        "),\n"
        "numbered AS (\n"
        "  SELECT step, row_number() OVER (ORDER BY step) - 1 AS place, count(*) OVER () AS steps\n"
        "  FROM (SELECT DISTINCT step FROM bins)\n"
        "),\n"
        "drawn AS (\n"
        "  SELECT step, lead(step) OVER (ORDER BY step) AS next_step, step - lag(step) OVER (ORDER BY step) AS width\n"
        "  FROM numbered\n"
        "  WHERE place % CAST(ceil(steps / ?) AS BIGINT) = 0\n"
        ")\n"
        "SELECT step, coalesce(next_step, step + coalesce(width, 1)) AS until, bin_low, bin_high, share\n"
        "FROM drawn\n"
        "JOIN bins USING (step)\n"
        "WHERE share > 0\n"
        "ORDER BY step, bin",
        (run_id, layer, kind, steps),
    )


def norms(run_id: UUID, *, points: int = 200) -> Query:
    """Return the mean gradient norm of each layer over equal stretches of steps, at most about `points` of them."""
    return Query(
        "SELECT layer, max(step) AS step, avg(gradient_norm) AS gradient_norm\n"
        "FROM (SELECT *, max(step) OVER () AS last_step FROM layer_norms WHERE session_id = ?)\n"
        "GROUP BY layer, step // greatest(last_step // ?, 1)\n"
        "HAVING count(gradient_norm) > 0\n"
        "ORDER BY layer, step",
        (run_id, points),
    )
