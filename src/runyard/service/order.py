"""Runs kept in order: tags, notes, groups, names; archived and deleted runs, with a way back.

Each is an event of the run: nothing that was logged is lost, and a rebuild gives the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from runyard.core.clock import now_us
from runyard.core.errors import Conflict, Invalid, Problem
from runyard.runtime import Runtime
from runyard.service.runs import resolve

_LONGEST_WORD, _LONGEST_NOTE = 200, 10_000
# A run and all that is part of it: the trials of a sweep, the folds of a cross-validation.
_FAMILY = """
WITH RECURSIVE family AS (
  SELECT id FROM runs WHERE id = $id
  UNION
  SELECT r.id FROM runs AS r JOIN family AS f ON r.parent_run_id = f.id
)
SELECT id, name, status, archived_at, deleted_at, id = $id AS is_root
FROM runs
WHERE id IN (SELECT id FROM family)
ORDER BY is_root DESC, id
"""


def tag(
    rt: Runtime, refs: Sequence[str], *, by: str, add: Sequence[str] = (), remove: Sequence[str] = ()
) -> list[UUID]:
    """Add tags to runs and take others away; returns the runs.

    Raises:
        NotFound, Conflict: a reference names no run, or several; nothing is changed.
        Invalid: a tag cannot be used, or there is none.
    """
    if not add and not remove:
        raise Invalid("Which tags?", problems=[Problem("tag", "neither one to add nor one to remove is given")])
    both = sorted({*add} & {*remove})
    if both:
        raise Invalid("A tag cannot be added and removed.", problems=[Problem("tag", repr(word)) for word in both])
    _check("tag", [*add, *remove], _LONGEST_WORD)
    return _change(rt, refs, by, tags_added=list(add) or None, tags_removed=list(remove) or None)


def note(rt: Runtime, refs: Sequence[str], text: str, *, by: str) -> list[UUID]:
    """Write a note on runs, in the place of the one they have; an empty one takes it away. Errors as in `tag`."""
    _check("note", [text] if text else [], _LONGEST_NOTE)
    return _change(rt, refs, by, note=text)


def group(rt: Runtime, refs: Sequence[str], name: str, *, by: str) -> list[UUID]:
    """Put runs together under a name; an empty one takes them out. Errors as in `tag`."""
    _check("group", [name] if name else [], _LONGEST_WORD)
    return _change(rt, refs, by, group=name)


def rename(rt: Runtime, ref: str, name: str, *, by: str) -> UUID:
    """Give a run another name. Errors as in `tag`."""
    _check("name", [name], _LONGEST_WORD)
    return _change(rt, [ref], by, name=name)[0]


def archive(rt: Runtime, refs: Sequence[str], *, by: str) -> list[UUID]:
    """Leave runs, and what is part of them, out of run lists; every comparison still has them. Errors as in `tag`."""
    return _put_away(rt, refs, by, "archived")


def unarchive(rt: Runtime, refs: Sequence[str], *, by: str) -> list[UUID]:
    """Undo `archive`. Errors as in `tag`; Conflict where a run is not archived."""
    return _bring_back(rt, refs, by, "archived")


def delete(rt: Runtime, refs: Sequence[str], *, by: str) -> list[UUID]:
    """Take runs, and what is part of them, out of run lists, totals and comparisons; `undelete` brings them back.

    Errors as in `tag`; Conflict also where one has not ended.
    """
    return _put_away(rt, refs, by, "deleted")


def undelete(rt: Runtime, refs: Sequence[str], *, by: str) -> list[UUID]:
    """Undo `delete`; checkpoints that were freed since are gone. Errors as in `unarchive`."""
    return _bring_back(rt, refs, by, "deleted")


def _put_away(rt: Runtime, refs: Sequence[str], by: str, what: str) -> list[UUID]:
    moment = now_us()  # one for all, so that the way back knows what went together

    def to_go(family: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for run in family:
            if what == "deleted" and run["status"] in ("queued", "running"):
                raise Conflict(
                    f"Run {run['name'] or run['id']} is {run['status']}.", hint=f"First: runyard cancel {run['id']}"
                )
        return [run for run in family if run[f"{what}_at"] is None]

    return _change_families(rt, refs, by, to_go, **{what: moment})


def _bring_back(rt: Runtime, refs: Sequence[str], by: str, what: str) -> list[UUID]:
    def to_come(family: list[dict[str, Any]]) -> list[dict[str, Any]]:
        root = family[0]
        if root[f"{what}_at"] is None:
            raise Conflict(f"Run {root['name'] or root['id']} is not {what}.", hint="Nothing was changed.")
        return [run for run in family if run[f"{what}_at"] == root[f"{what}_at"]]

    return _change_families(rt, refs, by, to_come, **{what: 0})


def _change_families(
    rt: Runtime,
    refs: Sequence[str],
    by: str,
    chosen: Callable[[list[dict[str, Any]]], list[dict[str, Any]]],
    **fields: int,
) -> list[UUID]:
    roots = [resolve(rt, ref) for ref in refs]
    runs = [run for root in roots for run in chosen(rt.store.live(_FAMILY, {"id": str(root)}).to_dicts())]
    _write(rt, list(dict.fromkeys(UUID(run["id"]) for run in runs)), by, **fields)
    return roots


def _change(rt: Runtime, refs: Sequence[str], by: str, **fields: Any) -> list[UUID]:
    found = list(dict.fromkeys(resolve(rt, ref) for ref in refs))
    _write(rt, found, by, **fields)
    return found


def _write(rt: Runtime, run_ids: Sequence[UUID], by: str, **fields: Any) -> None:
    for run_id in run_ids:
        rt.record(run_id, "changed", by=by, **fields)
    rt.store.ingest(verb="change", wait_seconds=5.0)


def _check(what: str, words: Sequence[str], longest: int) -> None:
    problems = []
    for word in words:
        if not word.strip():
            problems.append(Problem(what, "is empty"))
        elif len(word) > longest:
            problems.append(Problem(what, f"is longer than {longest} characters"))
        elif not word.isprintable() and (what != "note" or not word.replace("\n", "").replace("\t", "").isprintable()):
            problems.append(Problem(what, f"{word!r} holds characters that cannot be shown"))
    if problems:
        raise Invalid(f"This {what} cannot be used.", problems=problems)
