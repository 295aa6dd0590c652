"""Any interleaving and tearing of journals gives the same tables, and so does a rebuild."""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading import tables
from ready import ready_yard

from runyard.core.journal import Journal, encode
from runyard.store import Store

RUNS = [f"0198a3c0-0000-7000-8000-00000000000{end}" for end in "abc"]
AT = 1_763_733_600_000_000
NUMBERS = st.sampled_from([0.0, 0.5, 1.0, -2.5, math.nan, math.inf, -math.inf, 1e300, 0.1])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**70) | NUMBERS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
METRICS = st.lists(st.fixed_dictionaries({"name": st.sampled_from("abc"), "value": NUMBERS}), max_size=3)
CONFIG = st.fixed_dictionaries(
    {
        "evaluation": st.fixed_dictionaries({"save_best_model": st.booleans()}),
        "hyperparameters": st.fixed_dictionaries({"epochs": st.integers(1, 9)}),
        "optimization": st.fixed_dictionaries(
            {
                "early_stopping": st.fixed_dictionaries(
                    {
                        "enabled": st.booleans(),
                        "monitor": st.sampled_from(["val_loss", "f1"]),
                        "mode": st.sampled_from(["min", "max"]),
                        "patience": st.integers(1, 4),
                    }
                )
            }
        ),
    }
)
FIELDS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "epoch": st.fixed_dictionaries(
        {"epoch": st.integers(1, 5)},
        optional={
            **dict.fromkeys(("train_loss", "val_loss", "val_metric", "epoch_seconds"), NUMBERS),
            "step": st.integers(1, 50),
            "metrics": METRICS,
        },
    ),
    "metrics": st.fixed_dictionaries({"step": st.integers(1, 9), "metrics": METRICS}, optional={"epoch": NUMBERS}),
    "queued": st.fixed_dictionaries(
        {"kind": st.just("train"), "config": CONFIG, "name": st.text(max_size=4), "agent": st.sampled_from("xy")},
        optional={"parent": st.just(RUNS[0]), "launched_by": st.sampled_from(["cli", "sdk"])},
    ),
    "spawned": st.fixed_dictionaries({"pid": st.integers(1, 99), "host": st.just("here")}),
    "started": st.fixed_dictionaries({"pid": st.integers(1, 99), "device": st.just("cpu")}),
    "planned": st.fixed_dictionaries({"total_epochs": st.integers(1, 9), "dataset_size": st.integers(1, 99)}),
    "cancel_requested": st.fixed_dictionaries({"by": st.just("page")}),
    "metric": st.fixed_dictionaries({"name": st.sampled_from(["a", "?"]), "goal": st.sampled_from(["min", "max"])}),
    "early_stop": st.fixed_dictionaries({"epoch": st.integers(1, 5)}),
    "changed": st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(("name", "note", "group"), st.text(max_size=4)),
            **dict.fromkeys(("tags", "tags_added", "tags_removed"), st.lists(st.sampled_from("abc"), max_size=2)),
            **dict.fromkeys(("archived", "deleted"), st.sampled_from([0, AT])),
        },
    ),
    "lost": st.fixed_dictionaries({"last_seen": st.integers(AT, AT + 10**9)}),
    "ended": st.fixed_dictionaries(
        {"status": st.sampled_from(["completed", "failed", "cancelled"])},
        optional={
            "error_kind": st.just("diverged"),
            "steps": st.integers(1, 50),
            "cpu_seconds": NUMBERS,
            "model_path": st.just("model"),
            "model_sha256": st.just("0f"),
            "model_bytes": st.integers(1, 99),
        },
    ),
    "transferred": st.fixed_dictionaries(
        {"source_run": st.sampled_from(RUNS), "source_agent": st.sampled_from("xy"), "metric": st.just("m")},
        optional={"benchmarks": st.builds(lambda id_: [{"id": str(id_), "metric": "m"}], st.uuids())},
    ),
    "benchmark": st.fixed_dictionaries(
        {"id": st.uuids().map(str), "benchmark_name": st.sampled_from("pq"), "accuracy_score": NUMBERS},
        optional={"model_version_id": st.sampled_from(RUNS), "speed_score": NUMBERS, "n_examples": st.integers(1, 9)},
    ),
}
POISON = st.sampled_from(
    [b"{", b"null", b"\xff\xfe", b"\0", b'{"k":"epoch"}', b'{"k":"metrics","run":1}{"k":1}', b"  "]
)


@st.composite
def events(draw: st.DrawFn) -> bytes:
    """Draw a line: mostly an event as a writer makes it, sometimes one with a field of any kind, sometimes poison."""
    if draw(st.integers(0, 9)) == 0:
        return draw(POISON) + b"\n"
    kind = draw(st.sampled_from(sorted(FIELDS)))
    event = {"k": kind, "run": draw(st.sampled_from(RUNS)), "attempt": draw(st.integers(1, 3))}
    # No two events at the same moment: of an epoch logged twice in one microsecond either may win.
    event["at"] = AT + draw(st.integers(0, 10**9)) * 1000 + draw(st.integers(0, 999))
    event.update(draw(FIELDS[kind]))
    if draw(st.integers(0, 5)) == 0:
        field = draw(st.sampled_from(sorted(event)))
        event[field] = draw(JSON)
    try:
        return encode(event)
    except TypeError:
        return json.dumps(event).encode() + b"\n"


WORLD = st.lists(st.lists(events(), max_size=12).map(b"".join), min_size=1, max_size=4)


@st.composite
def tearings(draw: st.DrawFn) -> tuple[list[bytes], list[tuple[int, int, bool]]]:
    """Draw journals, and an order of writing them in pieces: (journal, bytes, ingest after it)."""
    journals = draw(WORLD)
    left = [len(data) for data in journals]
    pieces = []
    while sum(left):
        place = draw(st.sampled_from([place for place, size in enumerate(left) if size]))
        size = min(left[place], draw(st.integers(1, 400)))
        left[place] -= size
        pieces.append((place, size, draw(st.integers(0, 3)) == 0))
    return journals, pieces


def at_once(folder: Path, journals: list[bytes]) -> dict[str, list[str]]:
    yard = ready_yard(folder)
    for place, data in enumerate(journals):
        (yard.events / f"{place}.jsonl").write_bytes(data)
    store = Store(yard)
    store.ingest(snapshot=True)
    found = tables(store)
    store.close()
    return found


def piece_by_piece(
    folder: Path, journals: list[bytes], pieces: list[tuple[int, int, bool]]
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    yard = ready_yard(folder)
    store = Store(yard)
    pens = [Journal(yard.events / f"{place}.jsonl") for place in range(len(journals))]
    written = [0] * len(journals)
    for place, size, then_ingest in pieces:
        with pens[place].path.open("ab") as file:
            file.write(journals[place][written[place] : written[place] + size])
        written[place] += size
        if then_ingest:
            store.ingest()
    store.ingest()
    for pen in pens:
        pen.close()
    store.ingest(snapshot=True)
    found = tables(store)
    store.rebuild()
    rebuilt = tables(store)
    store.close()
    return found, rebuilt


def check(world: tuple[list[bytes], list[tuple[int, int, bool]]]) -> None:
    journals, pieces = world
    with tempfile.TemporaryDirectory() as folder:
        expected = at_once(Path(folder) / "once", journals)
        found, rebuilt = piece_by_piece(Path(folder) / "pieces", journals, pieces)
    lines = sum(data.count(b"\n") - data.count(b"\n\n") for data in journals)
    kept = ("training_epochs", "run_events", "rejected_events")
    assert sum(len(expected[name]) for name in kept) <= lines
    for name, rows in expected.items():
        assert found[name] == rows, name
        assert rebuilt[name] == rows, name


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(world=tearings())
def test_any_tearing_and_order_gives_the_same_tables_and_so_does_a_rebuild(
    world: tuple[list[bytes], list[tuple[int, int, bool]]],
) -> None:
    check(world)
