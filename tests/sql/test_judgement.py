"""Evolution, versions, transfer: published examples, every label by hand, random worlds against plain Python."""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from plain_judgement import comparison, evolution, transfers

DATA = Path(__file__).parent / "data"
START = datetime(2026, 3, 1)
INPUTS = (
    *("training_sessions", "benchmark_executions", "model_versions", "agent_executions"),
    "transfer_learning_sessions",
)
KEYS = {
    "model_performance_evolution": "session_id",
    "model_version_comparison": "version_id",
    "transfer_learning_analytics": "transfer_id",
}
NAN, INF = math.nan, math.inf


def uuid(number: int) -> str:
    return str(UUID(int=number))


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


@pytest.mark.parametrize("view", KEYS)
def test_the_example_of_the_definitions(empty: Any, same: Any, view: str) -> None:
    for name in INPUTS:
        empty.duck.execute(
            f"INSERT INTO {name} BY NAME FROM read_csv('{DATA / name}.csv', nullstr = '', header = true)"
        )
    with (DATA / f"expected_{view}.csv").open() as file:
        expected = {(row[KEYS[view]], row["benchmark_name"]): row for row in csv.DictReader(file)}
    found = {(str(row[KEYS[view]]), row["benchmark_name"] or ""): row for row in empty.rows(f"FROM {view}")}
    assert found.keys() == expected.keys()
    for key, row in expected.items():
        assert list(found[key]) == list(row)
        for column, text in row.items():
            value = found[key][column]
            if isinstance(value, float | int):
                assert same(float(value), float(text)), (key, column, value, text)
            else:
                assert ("" if value is None else str(value)) == text, (key, column, value, text)


def session(number: int, ended: float, **columns: Any) -> dict[str, Any]:
    """Return a completed session of one hour."""
    return {
        "id": uuid(number), "agent_id": "a", "status": "completed", "started_at": at(ended - 1),
        "completed_at": at(ended), **columns,
    }  # fmt: skip


def benchmark(number: int, hour: float, score: float | None, **columns: Any) -> dict[str, Any]:
    return {"id": uuid(number), "agent_id": "a", "accuracy_score": score, "created_at": at(hour), **columns}


def evolved(tables: Any, scores: list[float | None], **columns: Any) -> list[dict[str, Any]]:
    """Return the rows of trainings 100 hours apart, each benchmarked an hour later."""
    numbered = list(enumerate(scores, start=1))
    tables.insert("training_sessions", [session(number, 100 * number) for number, _ in numbered])
    tables.insert(
        "benchmark_executions", [benchmark(number, 100 * number + 1, score, **columns) for number, score in numbered]
    )
    return list(tables.rows("FROM model_performance_evolution ORDER BY training_date"))


@pytest.mark.parametrize(
    ("label", "scores", "lower"),
    [
        ("no_benchmark", [0.8, None], False),
        ("no_benchmark", [0.8, NAN], False),
        ("baseline", [0.8], False),
        ("baseline", [INF, 0.8], False),
        ("significant_improvement", [0.0, 0.1], False),
        ("degradation", [0.0, -0.1], False),
        ("no_change", [0.0, 0.0], False),
        ("degradation", [0.0, 0.1], True),
        ("significant_improvement", [0.5, 0.5501], False),
        ("moderate_improvement", [0.5, 0.55], False),
        ("moderate_improvement", [0.8, 0.85], False),
        ("slight_improvement", [0.2, 0.21], False),
        ("slight_improvement", [0.82, 0.861], False),
        ("slight_improvement", [0.5, 0.49], True),
        ("slight_improvement", [-0.5, -0.49], False),
        ("no_change", [0.5, 0.5], False),
        ("no_change", [0.3, 0.1 + 0.2], False),
        ("degradation", [0.5, 0.4], False),
        ("degradation", [0.5, 0.6], True),
        ("degradation", [0.5, NAN, 0.4], False),
    ],
)
def test_every_label_of_evolution(empty: Any, label: str, scores: list[float | None], lower: bool) -> None:
    assert evolved(empty, scores, higher_is_better=not lower)[-1]["improvement_category"] == label


def test_rolling_mean_takes_this_row_and_the_four_before(empty: Any, same: Any) -> None:
    rows = evolved(empty, [1.0, 2.0, 3.0, 3.0, 6.0, 6.0, 9.0])
    changes = [None, 100.0, 50.0, 0.0, 100.0, 0.0, 50.0]
    assert [row["accuracy_improvement_pct"] for row in rows] == changes
    assert same(rows[-1]["rolling_avg_improvement"], 40.0)
    assert same(rows[4]["rolling_avg_improvement"], 62.5)


def test_whose_benchmark_it_is(empty: Any) -> None:
    """24 hours exactly are too late; the version decides, but only when it is known; of equal ends the larger id."""
    empty.insert(
        "training_sessions",
        [
            session(1, 10, model_version="1"),
            session(2, 20, model_version="2"),
            session(3, 20, model_version="3"),
            session(4, 30, model_version="4", status="failed"),
            session(5, 31, agent_id="b", model_version="1"),
        ],
    )
    versions = [(71, "a", "1"), (72, "a", "2"), (73, "b", "9"), (74, "b", "1")]
    empty.insert("model_versions", [{"id": uuid(i), "agent_id": a, "version": v} for i, a, v in versions])
    scored = {
        11: (10, None),  # at the end itself
        12: (19.99, None),
        13: (20, None),  # the larger id of two that ended then
        14: (30, 71),  # version 1, though 2 is newer
        15: (34, 71),  # 24 hours after version 1
        16: (43.99, 72),
        17: (30, 99),  # an unknown version is none
        18: (30, 73),  # no session made this one
        19: (44, None),  # 24 hours after the last
        20: (9, None),  # before any
        21: (21, 74),  # another agent's version of the same number counts by its number
    }
    empty.insert(
        "benchmark_executions",
        [
            benchmark(number, hour, 1.0, benchmark_name=f"b{number}", model_version_id=version and uuid(version))
            for number, (hour, version) in scored.items()
        ],
    )
    rows = empty.rows("SELECT session_id, benchmark_name FROM model_performance_evolution WHERE n_benchmarks > 0")
    owners = {int(row["benchmark_name"][1:]): row["session_id"].int for row in rows}
    assert owners == {11: 1, 12: 1, 13: 3, 14: 1, 16: 2, 17: 3, 21: 1}
    bare = empty.rows("SELECT session_id FROM model_performance_evolution WHERE benchmark_name IS NULL")
    assert [row["session_id"].int for row in bare] == [5]


def test_repeated_benchmarks_are_averaged_first_and_names_keep_apart(empty: Any) -> None:
    empty.insert("training_sessions", [session(1, 10), session(2, 50)])
    scores = [
        (11, 11, 0.4, None),
        (12, 12, 0.6, "default"),
        (13, 12, NAN, None),
        (14, 51, 0.6, None),
        (15, 51, 9.0, "x"),
    ]
    empty.insert(
        "benchmark_executions",
        [benchmark(number, hour, score, benchmark_name=name) for number, hour, score, name in scores],
    )
    first, second, other = empty.rows("FROM model_performance_evolution ORDER BY session_id, benchmark_name")
    assert (first["n_benchmarks"], first["post_training_accuracy"]) == (2, 0.5)
    assert (second["benchmark_name"], second["prev_accuracy"]) == ("default", 0.5)
    assert (other["benchmark_name"], other["improvement_category"]) == ("x", "baseline")


def test_children_of_a_search_are_no_trainings_of_the_agent(empty: Any) -> None:
    empty.insert("training_sessions", [session(1, 10), session(2, 12)])
    empty.insert("runs", [{"id": uuid(2), "parent_run_id": uuid(9)}])
    empty.insert("benchmark_executions", [benchmark(11, 13, 0.5)])
    (row,) = empty.rows("FROM model_performance_evolution")
    assert (row["session_id"].int, row["post_training_accuracy"]) == (1, 0.5)


def version_world(tables: Any, scores: tuple[float | None, float | None], uses: tuple[str, str], **columns: Any) -> str:
    """Return the verdict on a version by the scores and uses (s: success, f: failed) of its parent and its own."""
    tables.insert(
        "model_versions",
        [
            {"id": uuid(1), "agent_id": "a", "version": "1", "created_at": at(0)},
            {"id": uuid(2), "agent_id": "a", "version": "2", "parent_version": "1", "created_at": at(1)},
        ],
    )
    for number, (score, used) in enumerate(zip(scores, uses, strict=True), start=1):
        tables.insert("benchmark_executions", [benchmark(number, 2, score, model_version_id=uuid(number), **columns)])
        statuses = ["success" if letter == "s" else "failed" for letter in used]
        tables.insert(
            "agent_executions",
            [
                {"execution_id": uuid(10 * number + place), "model_version_id": uuid(number), "status": status}
                for place, status in enumerate(statuses)
            ],
        )
    first, second = tables.rows("FROM model_version_comparison ORDER BY version_id")
    assert first["version_assessment"] == "initial_version"
    return str(second["version_assessment"])


@pytest.mark.parametrize(
    ("label", "scores", "uses", "lower"),
    [
        ("insufficient_data", (0.5, None), ("s", "f"), False),
        ("insufficient_data", (NAN, 0.5), ("s", "s"), False),
        ("regression", (0.6, 0.5), ("f", "s"), False),
        ("regression", (0.5, 0.6), ("s", "s"), True),
        ("mixed_results", (0.5, 0.6), ("s", "f"), False),
        ("major_improvement", (0.5, 0.6), ("s", "s"), False),
        ("major_improvement", (0.5, 0.6), ("s", ""), False),
        ("improvement", (0.7, 0.75), ("s", "s"), False),
        ("improvement", (0.5, 0.5), ("sf", "s"), False),
        ("regression", (0.5, 0.5), ("s", "sf"), False),
        ("no_change", (0.5, 0.5), ("s", "ss"), False),
        ("no_change", (0.5, 0.5), ("", "f"), False),
        ("no_change", (0.3, 0.1 + 0.2), ("s", "s"), False),
    ],
)
def test_every_label_of_versions(
    empty: Any, label: str, scores: tuple[float, float], uses: tuple[str, str], lower: bool
) -> None:
    assert version_world(empty, scores, uses, higher_is_better=not lower) == label


def test_uses_of_every_status_and_benchmarks_do_not_multiply_each_other(empty: Any) -> None:
    empty.insert("model_versions", [{"id": uuid(1), "agent_id": "a", "version": "1"}])
    empty.insert("benchmark_executions", [benchmark(i, i, 0.5, model_version_id=uuid(1)) for i in range(1, 4)])
    statuses = ["queued", "pending", "running", "cancelled", None, "success", "failed", "error", "timeout", "success"]
    empty.insert(
        "agent_executions",
        [
            {
                "execution_id": uuid(place), "model_version_id": uuid(1), "status": status,
                "user_id": ["u", "v", None][place % 3],
            }
            for place, status in enumerate(statuses)
        ],
    )  # fmt: skip
    (row,) = empty.rows("FROM model_version_comparison")
    assert (row["execution_count"], row["unique_users"], row["n_benchmarks"]) == (10, 2, 3)
    assert row["current_success_rate"] == 2 / 5


def test_which_version_is_the_parent(empty: Any) -> None:
    """The newest of those not younger than the child, then the larger id; never itself, never another agent's."""
    empty.insert(
        "model_versions",
        [
            {"id": uuid(1), "agent_id": "a", "version": "1", "created_at": at(0)},
            {"id": uuid(2), "agent_id": "a", "version": "1", "created_at": at(5)},
            {"id": uuid(3), "agent_id": "a", "version": "1", "created_at": at(5)},
            {"id": uuid(4), "agent_id": "a", "version": "1", "created_at": at(9)},
            {"id": uuid(5), "agent_id": "b", "version": "1", "created_at": at(6)},
            {"id": uuid(6), "agent_id": "a", "version": "2", "parent_version": "1", "created_at": at(7)},
            {"id": uuid(7), "agent_id": "a", "version": "7", "parent_version": "7", "created_at": at(7)},
            {"id": uuid(8), "agent_id": "a", "version": "8", "parent_version": "1", "created_at": at(-1)},
        ],
    )
    empty.insert("benchmark_executions", [benchmark(i, 8, float(i), model_version_id=uuid(i)) for i in range(1, 9)])
    rows = empty.rows("SELECT version_id, previous_accuracy FROM model_version_comparison ORDER BY version_id")
    assert [row["previous_accuracy"] for row in rows] == [None, None, None, None, None, 3.0, None, 4.0]


def transfer(number: int, begun: float, ended: float | None, **columns: Any) -> dict[str, Any]:
    return {
        "id": uuid(number), "target_agent_id": "a", "source_agent_id": "s", "started_at": at(begun),
        "completed_at": None if ended is None else at(ended), "status": "completed",
        "training_time_hours": 4.0, **columns,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("label", "before", "after", "hours_from_scratch"),
    [
        ("insufficient_data", None, 0.7, 10.0),
        ("insufficient_data", 0.7, NAN, 10.0),
        ("highly_effective", 0.6, 0.71, 10.0),
        ("effective", 0.7, 0.8, 10.0),
        ("effective", 0.6, 0.72, 8.0),
        ("moderately_effective", 0.6, 0.65, 10.0),
        ("moderately_effective", 0.6, 0.9, None),
        ("moderately_effective", 0.6, 0.7, 5.0),
        ("ineffective", 0.6, 0.6, 10.0),
        ("ineffective", 0.3, 0.1 + 0.2, 10.0),
        ("ineffective", 0.6, 0.5, 10.0),
    ],
)
def test_every_label_of_transfers(
    empty: Any, label: str, before: float | None, after: float, hours_from_scratch: float | None
) -> None:
    empty.insert("transfer_learning_sessions", [transfer(1, 100, 104)])
    if hours_from_scratch is not None:
        scratch = session(2, 50, training_type="from_scratch", started_at=at(50 - hours_from_scratch))
        empty.insert("training_sessions", [scratch])
    empty.insert("benchmark_executions", [benchmark(1, 99, before), benchmark(2, 105, after)])
    (row,) = empty.rows("FROM transfer_learning_analytics")
    assert row["transfer_effectiveness"] == label


def test_before_and_after_a_transfer(empty: Any) -> None:
    """Before: the latest until the start. After: the earliest from the end on, unless a later training owns it."""
    empty.insert(
        "transfer_learning_sessions",
        [
            transfer(1, 10, 14),
            transfer(2, 20, 24, status="failed"),
            transfer(3, 30, 30, training_time_hours=0.0),
            transfer(4, 40, None),
            transfer(5, 0, 1, target_agent_id="nobody"),
        ],
    )
    empty.insert("training_sessions", [session(6, 17, started_at=at(14)), session(7, 16, status="failed")])
    times = [(11, 9, "x"), (12, 10, "x"), (13, 14, "x"), (14, 13.9, "y"), (15, 17, "y"), (16, 30, "z"), (17, 30.1, "z")]
    empty.insert("benchmark_executions", [benchmark(i, hour, float(i), benchmark_name=name) for i, hour, name in times])
    rows = {
        (row["transfer_id"].int, row["benchmark_name"]): (row["accuracy_before"], row["accuracy_after"])
        for row in empty.rows("FROM transfer_learning_analytics")
    }
    assert rows == {
        (1, "x"): (12.0, 13.0),  # y came after training 6 had ended
        (2, "x"): (13.0, None),
        (2, "y"): (15.0, None),
        (3, "x"): (13.0, None),
        (3, "y"): (15.0, None),
        (3, "z"): (16.0, 17.0),
        (4, "x"): (13.0, None),
        (4, "y"): (15.0, None),
        (4, "z"): (17.0, None),
        (5, None): (None, None),
    }
    saved = empty.rows(
        "SELECT efficiency_score, time_saved FROM transfer_learning_analytics WHERE benchmark_name = 'z'"
    )
    assert all(row == {"efficiency_score": None, "time_saved": None} for row in saved)


def test_a_deleted_training_takes_no_benchmark_from_a_transfer(empty: Any) -> None:
    empty.insert("transfer_learning_sessions", [transfer(1, 10, 14), transfer(2, 14, 15)])
    empty.insert("training_sessions", [session(3, 16, started_at=at(14))])
    empty.insert("benchmark_executions", [benchmark(1, 9, 0.5), benchmark(2, 17, 0.75)])
    empty.insert("runs", [{"id": uuid(number), "deleted_at": at(20)} for number in (2, 3)])

    rows = empty.rows("SELECT transfer_id, accuracy_after, accuracy_gain FROM transfer_learning_analytics")
    assert rows == [{"transfer_id": UUID(int=1), "accuracy_after": 0.75, "accuracy_gain": 0.25}]


SCORES = st.sampled_from([None, NAN, INF, -INF, 0.0, 0.1, 0.2, 0.3, 0.5, 0.5, 0.55, 0.7, 0.71, 0.8, 1.0, -0.5])
HOURS = st.one_of(st.none(), st.sampled_from([0, 1, 1, 2, 5, 24, 25, 26, 48, 49]), st.integers(0, 100))
AGENTS = st.sampled_from(["a", "a", "b"])
VERSION_ID = st.one_of(st.none(), st.integers(1, 8))
NUMBERS = st.sampled_from([None, "1", "2", "3"])
HOUR = HOURS.map(lambda hour: None if hour is None else at(hour))


def some(**columns: Any) -> Any:
    return st.lists(st.fixed_dictionaries(columns), min_size=0, max_size=14)


WORLD = st.fixed_dictionaries(
    {
        "training_sessions": some(
            agent_id=AGENTS,
            model_version=NUMBERS,
            training_type=st.sampled_from(["from_scratch", "from_scratch", "fine_tuning", None]),
            best_validation_loss=SCORES,
            training_cost_usd=st.sampled_from([None, 0.0, 10.0, 12.5]),
            started_at=HOUR,
            completed_at=HOUR,
            status=st.sampled_from(["completed", "completed", "completed", "failed", "running", None]),
        ),
        "benchmark_executions": some(
            agent_id=AGENTS,
            model_version_id=VERSION_ID,
            benchmark_name=st.sampled_from([None, "default", "b"]),
            higher_is_better=st.sampled_from([None, True, True, False]),
            accuracy_score=SCORES,
            speed_score=SCORES,
            efficiency_score=SCORES,
            created_at=HOUR,
        ),
        "model_versions": some(agent_id=AGENTS, version=NUMBERS, parent_version=NUMBERS, created_at=HOUR),
        "agent_executions": some(
            model_version_id=VERSION_ID,
            user_id=st.sampled_from([None, "u", "v"]),
            status=st.sampled_from(
                ["queued", "pending", "running", "cancelled", "success", "success", "failed", "error", "timeout", None]
            ),
        ),
        "transfer_learning_sessions": some(
            target_agent_id=AGENTS,
            training_time_hours=st.sampled_from([None, NAN, INF, 0.0, 0.5, 2.0, 10.0]),
            training_cost_usd=st.sampled_from([None, 0.0, 3.0]),
            started_at=HOUR,
            completed_at=HOUR,
            status=st.sampled_from(["completed", "completed", "failed", "running", None]),
        ),
    }
)


def with_ids(drawn: Mapping[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Number the rows of each table; transfers and sessions have numbers of their own."""
    world: dict[str, list[dict[str, Any]]] = {}
    for table, rows in drawn.items():
        key = "execution_id" if table == "agent_executions" else "id"
        first = 101 if table == "transfer_learning_sessions" else 1
        world[table] = [{**row, key: uuid(number)} for number, row in enumerate(rows, start=first)]
        for row in world[table]:
            if row.get("model_version_id") is not None:
                row["model_version_id"] = uuid(row["model_version_id"])
    return world


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=WORLD)
def test_random_worlds_against_plain_python(tables: Any, same: Any, drawn: Any) -> None:
    tables.clear()
    world = with_ids(drawn)
    for table, rows in world.items():
        tables.insert(table, rows)
    sessions, benchmarks, versions = (world[name] for name in INPUTS[:3])
    expected = {
        "model_performance_evolution": evolution(sessions, benchmarks, versions),
        "model_version_comparison": comparison(versions, benchmarks, world["agent_executions"]),
        "transfer_learning_analytics": transfers(world["transfer_learning_sessions"], sessions, benchmarks),
    }
    for view, rows in expected.items():
        key = KEYS[view]
        wanted = {(row[key], row["benchmark_name"]): row for row in rows}
        found = {(str(row[key]), row["benchmark_name"]): row for row in tables.rows(f"FROM {view}")}
        assert found.keys() == wanted.keys(), view
        for name, row in wanted.items():
            for column, value in row.items():
                shown = found[name][column]
                shown = str(shown) if isinstance(shown, UUID) else shown
                assert same(shown, value), (view, name, column, shown, value)
