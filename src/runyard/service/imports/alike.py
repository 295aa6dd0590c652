"""Runs that begin alike: copies and grown versions of one run, or runs that only have their first values in common.

Tables and Trainer states do not name their run, so that their ids are made from how they begin and where they lie.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from decimal import Decimal

from runyard.service.imports.known import Known, beginning
from runyard.service.imports.source import Run

Value = tuple[int, str, str]  # step, name, value as text, so that NaN equals NaN


@dataclass(frozen=True)
class _Told:
    """The values of a run, and how many places of it were damaged."""

    values: Set[Value]
    n_damages: int = 0


def told_apart(runs: Sequence[Run], known: Mapping[str, Known]) -> list[Run]:
    """Return each run once, under an id of its own: a copy is left out, a run that only begins alike marked.

    `known` is by source id what earlier imports wrote, so that a run which has grown keeps its id.
    """
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.source_id, []).append(run)
    found: list[Run] = []
    for source_id, group in groups.items():
        kept = _without_copies(group)
        alike = {name: one for name, one in known.items() if beginning(name) == source_id}
        found += _named(source_id, kept, alike) if kept[0].has_no_id else kept
    return found


def _without_copies(group: Sequence[Run]) -> list[Run]:
    """Return the runs of one id that are no copies of another, each with a note of its copies."""
    kept: dict[int, Run] = {}
    order = sorted(range(len(group)), key=lambda place: -group[place].n_values)
    for place in order:
        run = group[place]
        whole = next((at for at, other in kept.items() if not run.has_no_id or _is_same(_of(run), _of(other))), None)
        if whole is None:
            kept[place] = run
        else:
            note = f"{run.name} is a copy of this run, and was left out."
            kept[whole] = replace(kept[whole], notes=(*kept[whole].notes, note))
    return [kept[place] for place in sorted(kept)]


def _named(source_id: str, runs: Sequence[Run], known: Mapping[str, Known]) -> Iterator[Run]:
    """Yield runs that begin alike under the ids they had in earlier imports, or under new ones."""
    holders = {name: _of_known(one) for name, one in known.items()}
    taken: dict[str, _Told] = {}
    for run in runs:
        told = _of(run)
        same = [name for name, other in holders.items() if name not in taken and _is_same(told, other)]
        same.sort(key=lambda name: (-len(told.values & holders[name].values), len(name), name))
        name = same[0] if same else _free(source_id, run, {**holders, **taken})
        taken[name] = told
        if name != source_id:
            note = "It begins as another run does that lies in a folder of the same name, but goes on otherwise."
            run = replace(run, source_id=name, notes=(*run.notes, note))
        yield run


def _free(source_id: str, run: Run, holders: Mapping[str, _Told]) -> str:
    """Return an id that no other run has: marked by the first value that the one that has it does not have."""
    name = source_id
    while name in holders:
        other = next((value for value in _values(run) if value not in holders[name].values), None)
        mark = hashlib.sha256(repr((name, other)).encode()).hexdigest()[:8]
        name = f"{source_id}~{mark}"
    return name


def _is_same(one: _Told, other: _Told) -> bool:
    return _is_in(one, other) or _is_in(other, one)


def _is_in(one: _Told, other: _Told) -> bool:
    """Return whether all values of a run are in another, but for one at each damage that was cut amid its digits."""
    missing = one.values - other.values
    return len({step for step, _, _ in missing}) <= one.n_damages and all(
        any(_is_cut(value, whole) for whole in other.values) for value in missing
    )


def _is_cut(value: Value, whole: Value) -> bool:
    (step, name, number), (whole_step, whole_name, whole_number) = value, whole
    is_text = str(whole_step).startswith(str(step)) and name == whole_name
    return is_text and _digits(whole_number).startswith(_digits(number))


def _digits(number: str) -> str:
    return format(Decimal(number), "f").removesuffix(".0")


def _of(run: Run) -> _Told:
    return _Told(set(_values(run)), len(run.damages))


def _of_known(known: Known) -> _Told:
    return _Told({(step, name, value) for step, _, name, value in known.values}, known.n_damages)


def _values(run: Run) -> Iterator[Value]:
    return ((point.step, name, repr(value)) for point in run.points for name, value in point.values)
