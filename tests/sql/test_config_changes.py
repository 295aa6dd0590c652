"""What changed in an agent's configuration from one training to the next."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

START = datetime(2026, 3, 1)


def trained(tables: Any, *configs: dict[str, Any] | None, agent: str = "a", first: int = 1) -> None:
    """Insert completed trainings, an hour apart, with these configurations."""
    for place, config in enumerate(configs):
        run = str(UUID(int=first + place))
        ended = START + timedelta(hours=place)
        tables.insert(
            "training_sessions", [{"id": run, "agent_id": agent, "status": "completed", "completed_at": ended}]
        )
        tables.insert(
            "runs", [{"id": run, "agent_id": agent, "config": None if config is None else json.dumps(config)}]
        )


def changes(tables: Any) -> list[tuple[int | None, list[tuple[str, str | None, str | None]]]]:
    rows = tables.rows("SELECT n_changes, changes FROM config_changes ORDER BY session_id")
    return [(row["n_changes"], [tuple(change.values()) for change in row["changes"] or []]) for row in rows]


def test_each_setting_that_differs_is_named_with_both_values(empty: Any) -> None:
    trained(
        empty,
        {"name": "x", "hyperparameters": {"learning_rate": 0.1, "epochs": 5}, "model": {"channels": [8, 16]}},
        {"name": "y", "hyperparameters": {"learning_rate": 0.01, "epochs": 5}, "model": {"channels": [8, 32]}},
        {"hyperparameters": {"learning_rate": 0.01, "epochs": 5, "warmup_steps": 9}, "model": {}, "seed": None},
    )
    assert changes(empty) == [
        (None, []),
        (2, [("hyperparameters.learning_rate", "0.1", "0.01"), ("model.channels", "[8,16]", "[8,32]")]),
        (2, [("hyperparameters.warmup_steps", None, "9"), ("model.channels", "[8,32]", None)]),
    ]


def test_no_difference_is_not_the_same_as_an_unknown_configuration(empty: Any) -> None:
    trained(empty, {"seed": 1}, {"seed": 1, "tags": ["new"], "agent": "b"}, None, {"seed": 2})

    assert [n for n, _ in changes(empty)] == [None, 0, None, None]


def test_neighbours_are_completed_trainings_of_the_same_agent_and_no_children(empty: Any) -> None:
    trained(empty, {"seed": 1}, {"seed": 2}, {"seed": 3})
    trained(empty, {"seed": 9}, agent="b", first=7)
    empty.duck.execute(f"UPDATE runs SET parent_run_id = '{UUID(int=7)}' WHERE id = '{UUID(int=2)}'")
    rows = empty.rows("SELECT session_id, previous_session_id FROM config_changes ORDER BY session_id")
    assert [(row["session_id"].int, row["previous_session_id"] and row["previous_session_id"].int) for row in rows] == [
        (1, None),
        (3, 1),
        (7, None),
    ]


def test_a_deleted_training_is_nobody_s_neighbour(empty: Any) -> None:
    trained(empty, {"seed": 1}, {"seed": 2}, {"seed": 1})
    empty.duck.execute(f"UPDATE runs SET deleted_at = TIMESTAMP '2026-03-09' WHERE id = '{UUID(int=2)}'")

    assert changes(empty) == [(None, []), (0, [])]


def test_what_lies_deeper_than_four_levels_is_compared_as_a_whole(empty: Any) -> None:
    deep = [{"a": {"b": {"c": {"d": {"e": value}}}}, "f": {}} for value in (1, 2)]
    trained(empty, *deep)

    assert changes(empty)[1] == (1, [("a.b.c.d", '{"e":1}', '{"e":2}')])


def test_a_configuration_that_is_no_object_is_unknown(empty: Any) -> None:
    trained(empty, {"seed": 1}, [1, 2], {"seed": 2})  # type: ignore[arg-type]

    assert [n for n, _ in changes(empty)] == [None, None, None]


def test_one_agent_of_many_is_taken_apart_alone(empty: Any) -> None:
    """The filter reaches the scan, so that a page about one agent does not read every configuration."""
    for place in range(20):
        trained(empty, {"seed": 1}, {"seed": 2}, agent=f"agent{place}", first=10 * place + 1)

    plan = empty.duck.execute(
        "EXPLAIN (ANALYZE, FORMAT json) SELECT n_changes FROM config_changes WHERE agent_id = 'agent7'"
    ).fetchone()[1]

    def compared(node: dict[str, Any]) -> int:
        own = node["intermediate_rows"] if node["type"] == "WINDOW" else 0
        return int(own) + sum(compared(child) for child in node.get("children", []))

    assert sum(compared(node) for node in json.loads(plan)["operator"]) == 2
