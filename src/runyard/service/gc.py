"""Freeing space: checkpoints of deleted runs, those that the rules let go, old copies of the store. Never journals."""

from __future__ import annotations

import shutil
from uuid import UUID

from runyard.core.errors import Unavailable
from runyard.runtime import Runtime
from runyard.service import retention
from runyard.service.space import Freeable, held, size, taken
from runyard.store import publish

__all__ = ["Freeable", "free", "freeable", "room"]

_DELETED = "SELECT id, name FROM runs WHERE deleted_at IS NOT NULL AND is_terminal(status) ORDER BY id"
_IS_DELETED = "SELECT id FROM runs WHERE id = $id AND deleted_at IS NOT NULL AND is_terminal(status)"


def freeable(rt: Runtime) -> list[Freeable]:
    """Return what `free` would free: checkpoints of deleted runs, those of others that the rules of retention let go,
    and copies of the store that are old and not open.

    Raises:
        NotFound: there is no store yet.
        Unavailable: the store cannot be had.
    """
    rt.store.ingest(verb="gc", wait_seconds=5.0)
    found = []
    for row in rt.store.live(_DELETED).to_dicts():
        folder = rt.yard.run(row["id"])
        if folder.checkpoints.is_dir() and not folder.checkpoints.is_symlink():
            bytes_ = size(folder.checkpoints)
            found.append(Freeable("checkpoints", UUID(row["id"]), row["name"] or "", folder.checkpoints, bytes_))
    copies = [Freeable("old copy", None, path.name, path, size(path)) for path in publish.prunable(rt.yard)]
    return found + retention.due(rt) + copies


def room(rt: Runtime) -> dict[str, int]:
    """Return the bytes of each kind of thing in the yard, the largest first."""
    return taken(rt.yard)


def free(rt: Runtime) -> list[Freeable]:
    """Free what can be freed; returns it. What has come into use in the meantime stays.

    Raises:
        NotFound: there is no store yet.
        Unavailable: something could not be deleted, or the store cannot be had.
    """
    freed = []
    for item in freeable(rt):
        try:
            gone = _drop(rt, item)
        except OSError as error:
            raise Unavailable(f"{item.path} cannot be deleted: {error.strerror}.", hint="Check its owner.") from error
        if gone:
            freed.append(item)
            if item.run is not None:
                whole = f"Its checkpoints were freed: {item.bytes} bytes."
                message = retention.freed_words(item) if item.parts else whole
                rt.record(item.run, "notice", level="info", message=message)
    rt.store.ingest(verb="gc", wait_seconds=5.0)
    return freed


def _drop(rt: Runtime, item: Freeable) -> bool:
    if item.run is None:
        return publish.drop(item.path)
    return retention.drop(rt, item) if item.parts else _free_checkpoints(rt, item.run)


def _free_checkpoints(rt: Runtime, run_id: UUID) -> bool:
    folder = rt.yard.run(run_id)
    with held(folder) as is_held:
        if not is_held or rt.store.live(_IS_DELETED, {"id": str(run_id)}).is_empty():
            return False
        shutil.rmtree(folder.checkpoints)
        return True
