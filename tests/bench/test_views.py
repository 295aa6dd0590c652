"""The four public views on 20,000 sessions, 2 M epochs, 300k benchmarks and 2 M executions of 200 agents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from runyard.store.migrate import migrate

VIEWS = {
    "model_performance_evolution": "agent_id",
    "model_version_comparison": "agent_id",
    "transfer_learning_analytics": "target_agent_id",
    "overtraining_waste": "agent_id",
}
_ID = "CAST('00000000-0000-7000-8000-' || lpad(CAST({} AS VARCHAR), 12, '0') AS UUID)"
_WORLD = f"""
SELECT setseed(0.5);
INSERT INTO training_sessions BY NAME
SELECT {_ID.format("i")} AS id, 'agent' || i % 200 AS agent_id, 'w' AS workspace_id, '1.' || i // 200 AS model_version,
  'from_scratch' AS training_type, 'completed' AS status, TIMESTAMP '2025-01-01' + INTERVAL (i) MINUTE AS started_at,
  TIMESTAMP '2025-01-01' + INTERVAL (i + 50) MINUTE AS completed_at, 1.0 AS gpu_hours, 2.0 AS training_cost_usd,
  random() AS best_validation_loss, '{{"early_stopping_patience": 5}}' AS hyperparameters
FROM range($sessions) AS t(i);
INSERT INTO runs BY NAME SELECT id, status, agent_id FROM training_sessions;
INSERT INTO training_epochs BY NAME
SELECT {_ID.format("i // 100")} AS session_id, i % 100 + 1 AS epoch, random() AS train_loss,
  random() + abs(i % 100 - 40) / 40 AS val_loss, 1.0 AS epoch_seconds,
  TIMESTAMP '2025-01-01' + INTERVAL (i) SECOND AS logged_at
FROM range(100 * $sessions) AS t(i);
INSERT INTO model_versions BY NAME
SELECT id, agent_id, model_version AS version, completed_at AS created_at,
  '1.' || CAST(model_version[3:] AS INTEGER) - 1 AS parent_version
FROM training_sessions;
INSERT INTO benchmark_executions BY NAME
SELECT uuid() AS id, 'agent' || i // 15 % 200 AS agent_id, {_ID.format("i // 15")} AS model_version_id,
  'b' || i % 3 AS benchmark_name, random() AS accuracy_score, random() AS speed_score,
  TIMESTAMP '2025-01-01' + INTERVAL (i // 15 + 60) MINUTE AS created_at
FROM range(15 * $sessions) AS t(i);
INSERT INTO agent_executions BY NAME
SELECT uuid() AS execution_id, {_ID.format("i // 100")} AS model_version_id, 'u' || i % 50 AS user_id,
  'success' AS status
FROM range(100 * $sessions) AS t(i);
INSERT INTO transfer_learning_sessions BY NAME
SELECT id, agent_id AS target_agent_id, 'x' AS source_agent_id, 1.0 AS training_time_hours, started_at, completed_at,
  status
FROM training_sessions WHERE model_version LIKE '%0';
"""


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, short: bool, keep_all: Callable[..., None]
) -> Iterator[duckdb.DuckDBPyConnection]:
    path: Path = tmp_path_factory.mktemp("views") / "world.duckdb"
    with duckdb.connect(str(path)) as db:
        migrate(db, {}, replace_views=True)
        for statement in _WORLD.split(";\n"):
            db.execute(statement.replace("$sessions", "2000" if short else "20000"))
        keep_all(db)
        db.execute("CHECKPOINT")
        yield db


@pytest.mark.parametrize("view", VIEWS)
def test_public_view(
    world: duckdb.DuckDBPyConnection, board: Any, interleaved: Callable[..., list[float]], milliseconds: Any, view: str
) -> None:
    def rows(query: str) -> None:
        assert world.execute(query).to_arrow_table().num_rows

    full, one = interleaved(
        lambda: milliseconds(lambda: rows(f"FROM {view}")),
        lambda: milliseconds(lambda: rows(f"FROM {view} WHERE {VIEWS[view]} = 'agent7'")),
        repeat=5,
    )
    board.add(f"{view} in full", full / 1000, 2, "s")
    board.add(f"{view} of one agent", one, 50, "ms")
