"""Runs that have no process of their own, only children: a comparison begins with the first and ends with the last."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from runyard.runtime import Runtime

# A parent that is open while none of its children is.
_OVER = """
SELECT parent.id, parent.attempt, count(*) FILTER (WHERE child.status = 'completed') AS completed,
  count(*) FILTER (WHERE child.status = 'failed') AS failed, count(*) AS children
FROM runs AS parent
JOIN runs AS child ON child.parent_run_id = parent.id
WHERE parent.kind = 'compare' AND parent.status IN ('queued', 'running')
GROUP BY parent.id, parent.attempt
HAVING count(*) FILTER (WHERE child.status IN ('queued', 'running')) = 0
  AND count(*) >= max(TRY_CAST(parent.config ->> 'runs' AS BIGINT))
"""
_CHILDREN = "SELECT id, status FROM runs WHERE parent_run_id = $id ORDER BY queued_at, id"


def end_families(rt: Runtime) -> list[UUID]:
    """Write the end of every parent whose children have all ended; returns those parents."""
    over = rt.store.live(_OVER).to_dicts()
    for row in over:
        rt.record(row["id"], "ended", attempt=row["attempt"], **_ending(row))
    return [UUID(str(row["id"])) for row in over]


def _ending(row: dict[str, Any]) -> dict[str, Any]:
    if row["completed"]:
        return {"status": "completed"}
    if not row["failed"]:
        return {"status": "cancelled"}
    return {
        "status": "failed",
        "error_kind": "children",
        "error_message": f"None of its {row['children']} runs was completed.",
        "error_hint": "Look at the runs of it: each says what went wrong.",
    }


def children(rt: Runtime, parent: UUID) -> list[UUID]:
    """Return the children of a run in the order of the queue; what waits in the journals is ingested first."""
    rt.store.ingest(verb="look", wait_seconds=2.0)
    return [UUID(str(row["id"])) for row in rt.store.live(_CHILDREN, {"id": str(parent)}).to_dicts()]


def open_children(rt: Runtime, parent: UUID) -> list[UUID]:
    """Return the children of a run that have not ended."""
    rows = rt.store.live(_CHILDREN, {"id": str(parent)}).to_dicts()
    return [UUID(str(row["id"])) for row in rows if row["status"] in ("queued", "running")]
