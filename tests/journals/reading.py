"""What the tests of the store ask of a yard: its tables as text, its journals as events, what its copies hold."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import zstandard

from runyard.core.paths import Yard
from runyard.store import Store

TABLES = {
    "runs": "*",
    "run_attempts": "*",
    "training_sessions": "*",
    "training_epochs": "*",
    "model_versions": "*",
    "benchmark_executions": "*",
    "transfer_learning_sessions": "*",
    "samples": "*",
    "metrics": "*",
    "histograms": "*",
    "run_events": "*",
    "recorded_events": "*",
    "agent_executions": "*",
    "feedback_events": "*",
    "learning_updates": "*",
    "rejected_events": "* EXCLUDE (rejected_at)",
    "journal_offsets": "*",
}
# A stock DuckDB, as an analyst has it: opens read-write, counts, and goes.
_STOCK = """
import sys, duckdb
for path in sys.argv[1:]:
    db = duckdb.connect(path)
    print(*(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("runs", "metrics")))
    db.execute("FROM overtraining_waste").fetchall()
    db.close()
"""


def tables(store: Store) -> dict[str, list[str]]:
    """Return all rows of the run tables of the store itself, as sorted text: NaN equals NaN, order does not matter."""
    parts = (
        f"SELECT '{name}' AS name, CAST(t AS VARCHAR) AS row FROM (SELECT {columns} FROM {name}) AS t"
        for name, columns in TABLES.items()
    )
    found: dict[str, list[str]] = {name: [] for name in TABLES}
    for name, row in store.live(f"{' UNION ALL '.join(parts)} ORDER BY ALL").rows():
        found[name].append(row)
    return found


def journal_lines(yard: Yard) -> Iterator[tuple[str, bytes]]:
    """Yield every finished line of every journal, open or ended, with the journal's name."""
    paths = {str(path.relative_to(yard.home)): path for path in yard.home.glob("*/**/*.jsonl")}
    for path in yard.home.glob("*/**/*.jsonl.zst"):
        paths.setdefault(str(path.relative_to(yard.home)).removesuffix(".zst"), path)
    for name, path in sorted(paths.items()):
        data = path.read_bytes()
        if path.suffix == ".zst":
            data = zstandard.ZstdDecompressor().stream_reader(data).read()
        yield from ((name, line) for line in data[: data.rfind(b"\n") + 1].split(b"\n")[:-1])


def told(yard: Yard) -> Counter[tuple[Any, ...]]:
    """Return what the journals say, counted: (kind, run, attempt, place, value)."""
    found: Counter[tuple[Any, ...]] = Counter()
    for name, line in journal_lines(yard):
        try:
            event = json.loads(line)
        except ValueError:
            found["rejected", name] += 1
            continue
        run, attempt = event["run"], event.get("attempt")
        if event["k"] == "epoch":
            found["epoch", run, attempt, event["epoch"], event.get("val_loss")] += 1
        if event["k"] in ("epoch", "metrics"):
            for metric in event.get("metrics", ()):
                found["metric", run, attempt, event.get("step"), metric["name"], metric["value"]] += 1
        elif event["k"] == "dataset":  # of a version of the data, not of a run
            found["recorded", event["k"], event["at"]] += 1
        else:
            found[event["k"], run, attempt, event["at"]] += 1
    return found


def stored(store: Store) -> Counter[tuple[Any, ...]]:
    """Return what the tables say, in the form of `told`."""
    found: Counter[tuple[Any, ...]] = Counter()
    parts = {
        "SELECT 'epoch', session_id, attempt, epoch, val_loss FROM training_epochs",
        "SELECT 'metric', session_id, attempt, step, name, value FROM metrics",
        "SELECT DISTINCT 'histograms', session_id, attempt, epoch_us(logged_at) FROM histograms",
        "SELECT 'recorded', kind, epoch_us(logged_at) FROM recorded_events",
        "SELECT kind, run_id, attempt, epoch_us(logged_at) FROM run_events",
        "SELECT 'rejected', journal FROM rejected_events",
    }
    for part in parts:
        found.update(store.live(part).rows())
    return found


def stock_rows(*paths: Path) -> list[tuple[int, int]]:
    """Open database files read-write in a DuckDB that knows nothing of Runyard; return (runs, metrics) of each."""
    command = [sys.executable, "-I", "-c", _STOCK, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [(int(line.split()[0]), int(line.split()[1])) for line in done.stdout.splitlines()]
