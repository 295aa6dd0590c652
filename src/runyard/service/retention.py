"""What is kept of ended runs, by rule: checkpoints by age and by a quota of the yard, logs compressed.

How many of its newest and best checkpoints a run keeps while it trains says its configuration (`keep_checkpoints`,
`keep_best`). Here a run that runs or waits is never touched, nor the best or the last checkpoint of one that can be
resumed. Models and journals always stay.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import zstandard

from runyard.core.clock import now
from runyard.core.errors import RunyardError
from runyard.core.paths import RunFolder
from runyard.runtime import Runtime
from runyard.service.space import Freeable, held, size

# By name, in the table `settings`; None is no limit.
RULES: dict[str, float | None] = {"retention_days": 30.0, "retention_quota_gb": None, "retention_log_days": 7.0}
_EVERY_SECONDS = 3600.0
_CHOSEN = (
    "SELECT name, TRY_CAST(value AS DOUBLE) AS value FROM settings WHERE workspace IS NULL AND name LIKE 'retention_%'"
)
_ENDED = """
SELECT id, name, status, launched_by, ended_at
FROM runs
WHERE is_terminal(status) AND deleted_at IS NULL
ORDER BY ended_at NULLS LAST, id
"""
_IS_ENDED = "SELECT id FROM runs WHERE id = $id AND is_terminal(status)"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rules:
    """Days after which checkpoints go and logs are compressed, and the most that all checkpoints may take."""

    days: float | None
    quota_gb: float | None
    log_days: float | None


def rules(rt: Runtime) -> Rules:
    """Return the rules of a yard: those that were set, the others as they are defined."""
    chosen = {row["name"]: row["value"] for row in rt.store.live(_CHOSEN).to_dicts() if row["value"] is not None}
    of = {**RULES, **chosen}
    return Rules(of["retention_days"], of["retention_quota_gb"], of["retention_log_days"])


def due(rt: Runtime) -> list[Freeable]:
    """Return the checkpoints that the rules let go: those past their days, then the oldest of those above the quota.

    Raises:
        NotFound: there is no store yet.
        Unavailable: the store cannot be had.
    """
    rule, moment = rules(rt), now()
    found: list[Freeable] = []
    spare: list[tuple[dict[str, Any], list[Path]]] = []
    for row in rt.store.live(_ENDED).to_dicts():
        parts = list(_unprotected(rt.yard.run(row["id"]), is_resumable=row["status"] != "completed"))
        if parts and _is_past(row["ended_at"], rule.days, moment):
            found.append(_item("checkpoints past their days", rt, row, parts))
        elif parts:
            spare.append((row, parts))
    if rule.quota_gb is not None:
        excess = size(*rt.yard.runs.glob("*/checkpoints")) - sum(item.bytes for item in found) - rule.quota_gb * 1e9
        for row, parts in spare:
            gone: list[Path] = []
            while parts and excess > 0:
                gone.append(parts.pop(0))
                excess -= size(gone[-1])
            if gone:
                found.append(_item("checkpoints above the quota", rt, row, gone))
    return found


def drop(rt: Runtime, item: Freeable) -> bool:
    """Delete the checkpoints of an item; returns False where the run has come to life in the meantime."""
    assert item.run is not None
    with held(rt.yard.run(item.run)) as is_held:
        if not is_held or rt.store.live(_IS_ENDED, {"id": str(item.run)}).is_empty():
            return False
        for part in item.parts:
            shutil.rmtree(part)
        return True


def tidy(rt: Runtime, *, every_seconds: float = _EVERY_SECONDS) -> list[Freeable]:
    """Do what the rules say, at most once in a while for all processes of a yard; returns what was freed.

    Called at the end of runs and by the server; whatever goes wrong is logged and tried again the next time.
    """
    marker = rt.yard.store / "retention"
    try:
        if marker.exists() and 0 <= time.time() - marker.stat().st_mtime < every_seconds:
            return []
        marker.touch()
        freed = [item for item in due(rt) if drop(rt, item)]
        for item in freed:
            rt.record(item.run, "notice", level="info", message=freed_words(item))  # type: ignore[arg-type]
        compress_logs(rt)
        return freed
    except (RunyardError, OSError) as error:
        _LOG.warning("old checkpoints and logs were not looked after: %s", error)
        return []


def freed_words(item: Freeable) -> str:
    """Return what the run is told about what it lost."""
    count = len(item.parts)
    which = "checkpoint was" if count == 1 else "checkpoints were"
    return f"{count} of its {which} freed ({item.what}): {item.bytes / 1e6:.1f} MB."


def compress_logs(rt: Runtime) -> int:
    """Compress the logs of runs that have ended so many days ago; searching them goes on. Returns how many.

    Raises:
        OSError: a log cannot be read or written; it stays as it is.
    """
    days, moment, count = rules(rt).log_days, now(), 0
    for row in rt.store.live(_ENDED).to_dicts():
        folder = rt.yard.run(row["id"])
        if not (_is_past(row["ended_at"], days, moment) and folder.log.is_file()):
            continue
        with held(folder) as is_held:
            if is_held and not rt.store.live(_IS_ENDED, {"id": row["id"]}).is_empty():
                _compress(folder)
                count += 1
    return count


def _compress(folder: RunFolder) -> None:
    """Put the log behind what is compressed of earlier attempts: zstd reads frames one after the other."""
    temporary = folder.old_log.with_name(folder.old_log.name + ".tmp")
    with temporary.open("wb") as target, folder.log.open("rb") as log:
        if folder.old_log.exists():
            target.write(folder.old_log.read_bytes())
        zstandard.ZstdCompressor().copy_stream(log, target)
        target.flush()
        os.fsync(target.fileno())
    temporary.replace(folder.old_log)
    folder.log.unlink()


def _is_past(ended_at: datetime | None, days: float | None, moment: datetime) -> bool:
    return ended_at is not None and days is not None and (moment - ended_at) / timedelta(days=1) > days


def _item(what: str, rt: Runtime, row: dict[str, Any], parts: list[Path]) -> Freeable:
    folder = rt.yard.run(row["id"]).checkpoints
    return Freeable(what, UUID(row["id"]), row["name"] or "", folder, size(*parts), tuple(parts))


def _unprotected(folder: RunFolder, *, is_resumable: bool) -> Iterator[Path]:
    """Yield the checkpoints of a run that may go, the oldest first."""
    if not folder.checkpoints.is_dir() or folder.checkpoints.is_symlink():
        return
    names = sorted(path.name for path in folder.checkpoints.glob("step-*") if path.is_dir() and path.suffix != ".tmp")
    kept: set[str] = set()
    if is_resumable and names:
        try:
            manifest = json.loads((folder.checkpoints / names[-1] / "manifest.json").read_text("utf-8"))
            kept = {names[-1], manifest["best"]}
        except (OSError, ValueError, KeyError):  # the newest one is damaged: a resume would go further back
            return
    yield from (folder.checkpoints / name for name in names if name not in kept)
