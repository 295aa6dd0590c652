"""What the pages ask of many runs, beside what bare DuckDB takes to read the same numbers from the tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import duckdb
import pytest
from streamlit.testing.v1 import AppTest

from runyard.core.paths import Yard, resource
from runyard.queries import compare, runs, waste
from runyard.queries.query import Query
from runyard.runtime import Runtime, open_runtime
from runyard.store import Store

_WORLD = """
SELECT setseed(0.5);
INSERT INTO runs BY NAME
SELECT uuidv7() AS id, 'train' AS kind, 'a run of many with a name of usual length, ' || i AS name,
  'completed' AS status,
  'a' || i % 20 AS agent_id, 'default' AS workspace_id, 1 AS attempt, 'cpu' AS device, 1 AS accelerators,
  TIMESTAMP '2026-01-01' + INTERVAL (i) MINUTE AS queued_at, queued_at AS started_at,
  queued_at + INTERVAL 30 MINUTE AS ended_at, '{}' AS config, 'page' AS launched_by
FROM range($runs) AS t(i);
INSERT INTO run_attempts BY NAME SELECT id AS run_id, 1 AS attempt, started_at, ended_at, status FROM runs;
INSERT INTO training_sessions BY NAME
SELECT id, agent_id, workspace_id, status, started_at, ended_at AS completed_at, 0.5 AS gpu_hours,
  '{"early_stopping_patience": 5}' AS hyperparameters, 0.02 AS training_cost_usd, 0.3 AS best_validation_loss,
  CAST(0.6 * $steps AS INTEGER) AS best_epoch, $steps AS total_epochs, $steps AS completed_epochs
FROM runs;
INSERT INTO training_epochs BY NAME
SELECT id AS session_id, s AS epoch, 1 AS attempt, s AS step, exp(-3 * s / $steps) AS train_loss, 1.8 AS epoch_seconds,
  0.3 + abs(s - 0.6 * $steps) / $steps + random() / 50 AS val_loss, started_at + INTERVAL (s) SECOND AS logged_at
FROM runs, range(1, $steps + 1) AS t(s) ORDER BY id, s;
INSERT INTO metrics BY NAME
SELECT id AS session_id, 1 AS attempt, s AS step, s / 100 AS epoch, m.name, random() / s AS value,
  started_at + INTERVAL (s) SECOND AS logged_at
FROM runs, range(1, $steps + 1) AS t(s),
  (SELECT unnest(['train/loss', 'train/gradient_norm', 'accuracy', 'f1']) AS name) AS m
ORDER BY id, s;
"""
_BARE_TABLE = """
SELECT session_id, name, min(value), max(value), arg_max(value, step) FROM metrics WHERE name = 'train/loss'
GROUP BY ALL
"""
_BARE_BEST = """
SELECT session_id, arg_min(epoch, val_loss), min(val_loss), max(epoch) - arg_min(epoch, val_loss)
FROM training_epochs GROUP BY session_id
"""


@pytest.fixture(scope="module")
def made(
    tmp_path_factory: pytest.TempPathFactory, keep_all: Callable[..., None]
) -> Iterator[Callable[[int, int], Runtime]]:
    """Return a function that makes a yard of some ended runs, each of so many epochs and steps of four metrics."""
    opened: list[Runtime] = []

    def make(runs: int, steps: int) -> Runtime:
        yard = Yard(tmp_path_factory.mktemp("runs") / "yard")
        yard.create()
        with_tables = Store(yard)
        with_tables.ingest(replace_views=True)
        with duckdb.connect(str(yard.store_db)) as db:
            for statement in _WORLD.split(";\n"):
                if statement.strip():
                    db.execute(statement.replace("$runs", str(runs)).replace("$steps", str(steps)))
            keep_all(db)
        with_tables.ingest(snapshot=True, wait_seconds=5)
        with_tables.close()
        opened.append(open_runtime(yard.home))
        return opened[-1]

    yield make
    for rt in opened:
        rt.store.close()


@pytest.fixture(scope="module")
def thousand(made: Callable[[int, int], Runtime], short: bool) -> tuple[Runtime, list[UUID]]:
    """A yard of 1,000 runs of 1,000 steps, and the ids of 20 of them, from all over it."""
    rt = made(1000, 50 if short else 1000)
    ids = rt.store.read("SELECT id FROM runs ORDER BY id")["id"].to_list()
    return rt, [UUID(str(run)) for run in ids[:: len(ids) // 20]]


def rows(rt: Runtime, *queries: Query) -> None:
    for query in queries:
        assert query.frame(rt).height


def test_the_runs_page_with_10_000_runs(
    made: Callable[[int, int], Runtime],
    board: Any,
    interleaved: Callable[..., list[float]],
    milliseconds: Any,
    short: bool,
) -> None:
    rt = made(1000 if short else 10_000, 20)
    (page, at_once) = interleaved(
        lambda: milliseconds(lambda: rows(rt, runs.listing(), waste.of_runs())),
        lambda: milliseconds(lambda: rows(rt, runs.listing_with_waste(runs.listing()))),
        repeat=5,
    )
    board.add("runs page, 10,000 runs", page / 1000, 0.3, "s", f"in one statement {at_once / 1000:.3f} s")


@pytest.mark.parametrize("what", ["table", "20 curves of epochs", "20 curves of steps", "best and waste", "best rule"])
def test_of_1_000_runs(
    thousand: tuple[Runtime, list[UUID]],
    board: Any,
    interleaved: Callable[..., list[float]],
    milliseconds: Any,
    what: str,
) -> None:
    """The limits are those of a machine where bare DuckDB takes `usual` ms; the ratios say how it does on this one."""
    rt, chosen = thousand
    marks = ", ".join("?" for _ in chosen)
    bare_steps = Query(
        f"SELECT session_id, step, value FROM metrics WHERE name = 'train/loss' AND session_id IN ({marks})",
        tuple(chosen),
    )
    query, bare, usual, limit = {
        "table": (runs.listing_with_waste(runs.listing(limit=1000)), Query(_BARE_TABLE), 28, 50),
        "20 curves of epochs": (compare.curves(chosen, "epoch", "val_loss"), bare_steps, 16, 30),
        "20 curves of steps": (compare.curves(chosen, "metric", "train/loss", x="step"), bare_steps, 16, 30),
        "best and waste": (
            Query("SELECT session_id, best_epoch, best_value, wasted_epochs FROM overtraining_waste"),
            Query(_BARE_BEST), 12, 20,
        ),
        "best rule": (waste.rules(), Query(_BARE_BEST), 12, 100),
    }[what]  # fmt: skip
    ours, least = interleaved(
        lambda: milliseconds(lambda: rows(rt, query)), lambda: milliseconds(lambda: rows(rt, bare)), repeat=15
    )
    note = f"{ours / least:.2f} x bare DuckDB, {least:.0f} ms here; {limit / usual:.2f} x where that takes {usual} ms"
    board.add(f"1,000 runs x 1,000 steps x 4: {what}", ours, limit, "ms", note)


def test_payload_of_a_chart(thousand: tuple[Runtime, list[UUID]], board: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty curves, smoothed, are the most that a chart holds; how long the runs are does not matter then."""
    rt, chosen = thousand
    monkeypatch.setenv("RUNYARD_HOME", str(rt.yard.home))
    page = AppTest.from_file(str(resource("app") / "main.py"), default_timeout=60).run()
    page.switch_page("page/compare.py")
    page.query_params["runs"] = ",".join(map(str, chosen))
    page.query_params["compare-smooth"] = "mean of 25"
    page.run()
    assert not page.exception
    chart = page.get("vega_lite_chart")[0]
    assert "of 20 runs" in chart.proto.alt
    points = next(caption.value for caption in page.caption if "points shown" in caption.value)
    board.add("payload of a chart of 20 runs", chart.proto.ByteSize() / 1e6, 1, "MB", points)
