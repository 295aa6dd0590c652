"""What a rerun of the Overview costs on a yard of 1,000 runs of 100 epochs, and how large the server grows."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import duckdb
import psutil
import pytest
from streamlit.testing.v1 import AppTest

from runyard.core.paths import Yard, resource
from runyard.store import Store

_WORLD = """
INSERT INTO runs BY NAME
SELECT uuidv7() AS id, 'train' AS kind, 'run ' || range AS name, 'completed' AS status, 'a' || range % 20 AS agent_id,
  'default' AS workspace_id, 1 AS attempt, TIMESTAMP '2026-01-01' + INTERVAL (range) MINUTE AS queued_at,
  queued_at AS started_at, queued_at + INTERVAL 30 MINUTE AS ended_at, '{}' AS config, 'page' AS launched_by
FROM range(1000);
INSERT INTO training_sessions BY NAME
SELECT id, agent_id, workspace_id, status, started_at, ended_at AS completed_at, '{}' AS hyperparameters,
  0.5 AS gpu_hours, 0.02 AS training_cost_usd, 0.3 AS best_validation_loss,
  60 AS best_epoch, 100 AS total_epochs, 100 AS completed_epochs
FROM runs;
INSERT INTO training_epochs BY NAME
SELECT id AS session_id, range + 1 AS epoch, 1 AS attempt, exp(-range / 30) AS train_loss, 18.0 AS epoch_seconds,
  0.3 + abs(range - 60) / 100 + random() / 50 AS val_loss, started_at + INTERVAL (range) SECOND AS logged_at
FROM runs, range(100) ORDER BY id, range;
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Yard:
    yard = Yard(tmp_path_factory.mktemp("large") / "yard")
    yard.create()
    store = Store(yard)
    store.ingest(replace_views=True)
    with duckdb.connect(str(yard.store_db)) as db:
        db.execute(_WORLD)
    store.ingest(snapshot=True, wait_seconds=5)
    store.close()
    return yard


def test_rerun_of_the_overview(
    large: Yard, board: Any, interleaved: Callable[..., list[float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNYARD_HOME", str(large.home))
    page = AppTest.from_file(str(resource("app") / "main.py"), default_timeout=60)
    began = time.perf_counter()
    page.run()
    first = time.perf_counter() - began

    def rerun() -> float:
        began = time.perf_counter()
        page.run()
        assert not page.exception
        return 1000 * (time.perf_counter() - began)

    (again,) = interleaved(rerun, repeat=15)
    board.add(
        "rerun of the Overview, 1,000 runs x 100 epochs", again, 150, "ms", f"the first visit {1000 * first:.0f} ms"
    )


def test_memory_of_the_server(large: Yard, board: Any, chromium: str, short: bool) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "runyard.cli", "--yard", str(large.home), "serve", "--port", str(port)]
    server = subprocess.Popen(command)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1).read()
                break
            except OSError:
                time.sleep(0.2)
        visits(port, chromium, count=2 if short else 4)
        board.add("server's memory after visits", psutil.Process(server.pid).memory_info().rss / 1e6, 300, "MB")
    finally:
        server.terminate()
        server.wait()


def visits(port: int, chromium: str, count: int) -> None:
    """Open the Overview in a browser, some times, and wait until the table of runs is there."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for _ in range(count):
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{port}/")
            page.get_by_role("heading", name="Runs", exact=True).wait_for(timeout=60_000)
            page.wait_for_timeout(2_000)
            page.close()
        browser.close()
