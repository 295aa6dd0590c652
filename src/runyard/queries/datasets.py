"""Versions of data sets: what they hold, and who learnt from them."""

from __future__ import annotations

from runyard.queries.query import Query, where


def versions(name: str | None = None) -> Query:
    """Return the versions of all data sets, or of one, the newest first."""
    clause, arguments = where(("name = ?", name))
    return Query(f"SELECT *\nFROM dataset_versions\n{clause}ORDER BY created_at DESC, id", arguments)


def trainings(version_id: str) -> Query:
    """Return the trainings that learnt from a version, the newest first."""
    return Query(
        "SELECT s.id, r.name, s.agent_id, s.status, s.started_at, s.best_validation_loss\n"
        "FROM training_sessions AS s\n"
        "JOIN runs AS r ON r.id = s.id\n"
        "WHERE s.dataset_id = ?\n"
        "ORDER BY s.started_at DESC NULLS LAST, s.id",
        (version_id,),
    )
