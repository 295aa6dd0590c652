"""A long curve for a chart: of each bucket of x the first and the last row, and where a value is lowest and highest."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from runyard.queries.query import Query

MOST_ROWS = 1_500


def thinned(
    view: str,
    run_id: UUID,
    x: str,
    values: Sequence[str],
    *,
    between: tuple[float, float] | None = None,
    most: int = MOST_ROWS,
) -> Query:
    """Return x and the values of a run, in order of x, and in `points` how many rows there are in the range.

    Args:
        view: has session_id, x and the values; one row is one x of one run.
        between: a range of x, to look closer: there the same number of buckets shows more of the rows.
        most: rows, about.
    """
    columns = ", ".join(values)
    buckets = max(1, most // (2 + 2 * len(values)))
    extremes = "".join(f", {pick}({x}, {value})" for value in values for pick in ("arg_min", "arg_max"))
    inside = f"\n    AND {x} BETWEEN ? AND ?" if between else ""
    return Query(
        "WITH curve AS (\n"
        f"  SELECT {x}, {columns}\n"
        f"  FROM {view}\n"
        f"  WHERE session_id = ? AND {x} IS NOT NULL AND coalesce({columns}) IS NOT NULL{inside}\n"
        "),\n"
        "placed AS (\n"
        "  SELECT\n"
        "    *,\n"
        f"    coalesce(floor({buckets} * ({x} - min({x}) OVER ()) / nullif(max({x}) OVER () - min({x}) OVER (), 0)), 0)"
        " AS bucket\n"
        "  FROM curve\n"
        "),\n"
        "kept AS (\n"
        f"  SELECT DISTINCT unnest([min({x}), max({x}){extremes}]) AS {x}\n"
        "  FROM placed\n"
        "  GROUP BY bucket\n"
        ")\n"
        f"SELECT {x}, {columns}, (SELECT count(*) FROM curve) AS points\n"
        "FROM curve\n"
        f"WHERE {x} IN (FROM kept)\n"
        f"ORDER BY {x}",
        (run_id, *(between or ())),
    )
