"""Launch, queue, cancel, resume and lost runs, with real processes and real signals."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import psutil
import pytest

from runyard.config.run import parse_run_config
from runyard.core.errors import Conflict, Denied, Invalid, NotFound
from runyard.core.ids import new_id
from runyard.runtime import Runtime, open_runtime
from runyard.service import logs, runs
from runyard.service.launch import launch
from runyard.service.pump import pump


@pytest.fixture
def rt(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """A runtime on a yard of one worker with a small data set; whatever it started is ended after the test."""
    monkeypatch.setenv("RUNYARD_MAX_WORKERS", "1")
    runtime = open_runtime(home)
    random = np.random.default_rng(5)
    y = (np.arange(60) % 2).astype(np.int64)
    x = random.normal(0, 1, (60, 12, 2)).astype(np.float32) + y[:, None, None]
    np.savez(runtime.yard.datasets / "waves.npz", X=x, y=y)
    rows = ({"text": f"{'nice' if place % 2 else 'awful'} tea {place}", "label": place % 2} for place in range(40))
    (runtime.yard.datasets / "words.jsonl").write_text("\n".join(map(json.dumps, rows)))
    yield runtime
    for process in runners(runtime):
        with suppress(psutil.Error):
            process.kill()
    runtime.close()


def config(**changes: Any) -> Any:
    """The config of a run that goes on until it is stopped."""
    return parse_run_config(
        {
            "model": {"model_type": "cnn1d", "channels": [4], "kernel_size": 3},
            "training_data": {"source": "waves", "split_by": "stratified"},
            "hyperparameters": {"epochs": 4_000, "batch_size": 16},
            "optimization": {"checkpoint_frequency": 5},
            "recovery": False,
            **changes,
        }
    )


def brief(**changes: Any) -> Any:
    """The config of a run that is soon over: it does not even import torch."""
    return parse_run_config({"model": {"model_type": "tfidf_logreg"}, "training_data": {"source": "words"}, **changes})


def runners(rt: Runtime) -> list[psutil.Process]:
    """Return every process, shells included, that works on this yard."""
    home, found = str(rt.yard.home), []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if process.pid != os.getpid() and any(word.startswith(home) for word in words) and "runyard" in " ".join(words):
            found.append(process)
    return found


def wait_until(rt: Runtime, condition: Callable[[], bool], what: str, seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            logs = "\n".join(path.read_text()[-1500:] for path in rt.yard.runs.glob("*/run.log"))
            raise AssertionError(f"it never came about: {what}\n{logs}")
        time.sleep(0.1)
        rt.store.ingest()


def status(rt: Runtime, run: UUID) -> str:
    return runs.state(rt, run).status


def is_training(rt: Runtime, run: UUID) -> bool:
    """Return whether a run has said `started` and finished an epoch."""
    sql = "SELECT count(*) AS n FROM training_epochs WHERE session_id = $id"
    return status(rt, run) == "running" and bool(rt.store.live(sql, {"id": str(run)})["n"][0])


def events(rt: Runtime, run: UUID, kind: str) -> int:
    sql = "SELECT count(*) AS n FROM run_events WHERE run_id = $id AND kind = $kind"
    return int(rt.store.live(sql, {"id": str(run), "kind": kind})["n"][0])


@pytest.mark.slow
def test_one_id_launched_twice_runs_once_and_the_queue_takes_turns(rt: Runtime) -> None:
    first = new_id()
    assert launch(rt, brief(name="one"), launched_by="page", run_id=first) == first
    assert launch(rt, brief(name="one"), launched_by="page", run_id=first) == first
    second = launch(rt, brief(name="two"), launched_by="page")
    assert status(rt, second) == "queued", "there is one worker"
    # Nobody pumps here: the first run's own supervisor starts the second.
    wait_until(rt, lambda: runs.state(rt, second).has_ended, "the second run ends")
    assert [status(rt, run) for run in (first, second)] == ["completed", "completed"]
    assert [events(rt, first, kind) for kind in ("queued", "spawned", "started", "ended")] == [1, 1, 1, 1]
    spans = rt.store.live("SELECT started_at, ended_at FROM runs ORDER BY queued_at").rows()
    assert spans[0][1] <= spans[1][0], "one after the other"


def test_a_killed_run_is_lost_the_next_starts_and_it_can_be_resumed(rt: Runtime) -> None:
    run = launch(rt, config(name="long"), launched_by="page")
    waiting = launch(rt, brief(name="next"), launched_by="page")
    wait_until(rt, lambda: is_training(rt, run), "the run trains")
    pid = runs.state(rt, run).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_until(rt, lambda: status(rt, run) == "failed", "the supervisor's pump finds the loss")
    (row,) = rt.store.live(
        "SELECT error_kind, error_hint, started_at, ended_at FROM runs WHERE name = 'long'"
    ).to_dicts()
    assert row["error_kind"] == "lost"
    assert "Resume" in row["error_hint"]
    assert row["ended_at"] > row["started_at"], "the time of its last sign of life"
    wait_until(rt, lambda: status(rt, waiting) == "completed", "the next run has its turn")

    before = int(
        rt.store.live("SELECT max(epoch) AS n FROM training_epochs WHERE session_id = $id", {"id": str(run)})["n"][0]
    )
    assert runs.resume(rt, "long", by="page") == run
    sql = "SELECT min(epoch) AS n FROM training_epochs WHERE session_id = $id AND attempt = 2"
    resumed = lambda: rt.store.live(sql, {"id": str(run)})["n"][0]  # noqa: E731
    wait_until(rt, lambda: resumed() is not None, "the second attempt trains")
    assert 1 < resumed() <= before + 1, "it went on from its checkpoint"
    state = runs.cancel(rt, "long", by="page")
    wait_until(rt, lambda: status(rt, run) == "cancelled", f"it is cancelled, not {state.status}")
    attempts = rt.store.live(
        "SELECT attempt, status, reason FROM run_attempts WHERE run_id = $id ORDER BY 1", {"id": str(run)}
    )
    assert attempts.rows() == [(1, "failed", "lost"), (2, "cancelled", None)]


def test_a_killed_run_is_tried_again_by_its_supervisor(rt: Runtime) -> None:
    run = launch(rt, config(name="long", recovery=True), launched_by="page")
    wait_until(rt, lambda: is_training(rt, run), "the run trains")
    pid = runs.state(rt, run).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    # Nobody pumps here but the supervisor of the killed process.
    wait_until(rt, lambda: runs.state(rt, run).attempt == 2 and events(rt, run, "started") == 2, "it goes on")
    runs.cancel(rt, "long", by="page", force=True)
    wait_until(rt, lambda: not runners(rt), "no process is left")
    assert status(rt, run) == "cancelled", "a run that somebody ended is not tried again"


def test_a_run_of_the_foreground_is_resumed_by_the_queue(rt: Runtime) -> None:
    run = launch(rt, brief(name="mine"), launched_by="foreground", start=False)
    assert pump(rt) == [], "its owner starts it"
    rt.record(run, "ended", attempt=1, status="failed")
    runs.resume(rt, "mine", by="page")
    wait_until(rt, lambda: status(rt, run) == "completed", "the queue starts what a page resumed")
    rt.record(run, "ended", attempt=3, status="failed")
    runs.resume(rt, "mine", by="cli", start=False)
    assert status(rt, run) == "queued"
    assert pump(rt) == [], "and passes over what a terminal resumed"


def test_a_run_killed_before_its_first_word_is_lost_too(rt: Runtime) -> None:
    run = launch(rt, config(name="early"), launched_by="page")

    def training_process() -> list[psutil.Process]:
        return [
            process for process in runners(rt) if "runyard.train" in process.cmdline() and "sh" not in process.name()
        ]

    wait_until(rt, lambda: bool(training_process()), "its process is there")
    training_process()[0].kill()
    wait_until(rt, lambda: status(rt, run) == "failed", "whoever pumps after it finds the loss")
    assert rt.store.live("SELECT error_kind FROM runs")["error_kind"].to_list() == ["lost"]


@pytest.mark.slow
def test_cancelling_what_is_queued_and_what_runs(rt: Runtime) -> None:
    running = launch(rt, config(name="running"), launched_by="page")
    queued = launch(rt, config(name="queued"), launched_by="page")
    assert runs.cancel(rt, str(queued), by="cli").status == "cancelled"
    assert events(rt, queued, "spawned") == 0
    with pytest.raises(Conflict, match="cancelled already"):
        runs.cancel(rt, str(queued), by="cli")
    wait_until(rt, lambda: is_training(rt, running), "the other run trains")
    runs.cancel(rt, "running", by="page")
    wait_until(rt, lambda: status(rt, running) == "cancelled", "it stops when asked")
    assert list(rt.yard.run(running).checkpoints.iterdir()), "and keeps a checkpoint"
    with pytest.raises(NotFound, match="nobody"):
        runs.cancel(rt, "nobody", by="cli")


def test_cancelling_a_run_that_has_only_just_been_spawned(rt: Runtime) -> None:
    run = launch(rt, config(name="young"), launched_by="page")
    runs.cancel(rt, "young", by="page")
    after = launch(rt, brief(name="after"), launched_by="page")
    wait_until(rt, lambda: status(rt, run) == "cancelled", "it ends when it sees the wish")
    wait_until(rt, lambda: status(rt, after) == "completed", "its supervisor lived on and pumped the queue")


def test_killing_by_force_leaves_no_process(rt: Runtime) -> None:
    run = launch(rt, config(name="stubborn"), launched_by="page")
    wait_until(rt, lambda: is_training(rt, run), "the run trains")
    assert runs.cancel(rt, "stubborn", by="cli", force=True).status == "cancelled"
    wait_until(rt, lambda: not runners(rt), "no process is left")
    assert status(rt, run) == "cancelled"


def test_a_run_survives_who_launched_it(rt: Runtime) -> None:
    code = """
import os, sys
from pathlib import Path
from runyard.config.run import load_run_config
from runyard.runtime import open_runtime
from runyard.service.launch import launch
rt = open_runtime(sys.argv[1])
print(launch(rt, load_run_config(sys.argv[2]), launched_by="cli"), flush=True)
os.kill(os.getpid(), 9)
"""
    from runyard.config.run import to_yaml

    yaml = rt.yard.home / "config.yaml"
    yaml.write_text(to_yaml(brief()))
    done = subprocess.run(
        [sys.executable, "-c", code, str(rt.yard.home), str(yaml)], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    run = UUID(done.stdout.strip())
    wait_until(rt, lambda: status(rt, run) == "completed", "the run goes on alone")


def test_where_a_run_was_launched_from_is_kept(rt: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commit is that of the project one launches from, not of whatever holds the yard."""
    project = tmp_path / "a project"
    project.mkdir()
    monkeypatch.chdir(project)
    git = ["git", "-c", "user.name=n", "-c", "user.email=e@example.invalid"]
    for arguments in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "one"]):
        subprocess.run([*git, *arguments], check=True)
    (project / "code.py").write_text("1")
    subprocess.run(["git", "add", "code.py"], check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    launch(rt, config(name="here"), launched_by="foreground", start=False)
    rt.store.ingest()
    (row,) = rt.store.live("SELECT git_commit, git_dirty, command FROM runs").to_dicts()
    assert (row["git_commit"], row["git_dirty"]) == (head, True)
    assert shlex.split(row["command"])[:4] == ["runyard", "--yard", str(rt.yard.home), "train"]


def test_a_run_launched_while_somebody_holds_the_store_is_queued_not_refused(rt: Runtime) -> None:
    hold = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", hold, str(rt.yard.store_db)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        run = launch(rt, brief(name="patient"), launched_by="page")
        holder.communicate(b"")
    assert pump(rt) == [run], "whoever comes next starts it"


def test_what_cannot_be_launched_leaves_no_run(rt: Runtime) -> None:
    with pytest.raises((Invalid, NotFound)):
        launch(rt, config(training_data={"source": "nowhere"}), launched_by="page")
    off = Runtime(type(rt.settings)(home=rt.yard.home, enabled=False), rt.yard, rt.store)
    with pytest.raises(Denied):
        launch(off, config(), launched_by="page")
    assert rt.store.live("FROM runs").height == 0
    assert not list(rt.yard.runs.iterdir())


def test_a_log_is_read_as_a_terminal_would_have_shown_it(rt: Runtime) -> None:
    run = new_id()
    with pytest.raises(NotFound, match="no log"):
        logs.tail(rt, run)
    rt.yard.run(run).path.mkdir()
    rt.yard.run(run).log.write_bytes(b"begin\r\n 10%\r 50%\r100%\n\x1b[31;1mred\x1b[0m and \xff\nLast")
    assert logs.tail(rt, run) == ["begin", "100%", "red and \N{REPLACEMENT CHARACTER}", "Last"]
    assert logs.tail(rt, run, lines=2) == ["red and \N{REPLACEMENT CHARACTER}", "Last"]
    assert logs.tail(rt, run, search="LAST") == ["Last"]


def test_names_prefixes_and_conflicts(rt: Runtime) -> None:
    ids = [new_id() for _ in range(2)]
    for place, run in enumerate(ids):
        rt.record(run, "queued", kind="train", attempt=1, name="twin", launched_by="foreground")
        rt.record(run, "started", attempt=1, pid=os.getpid(), pid_created=psutil.Process().create_time())
        rt.record(run, "ended", attempt=1, status="completed" if place else "failed")
    assert runs.resolve(rt, "twin") == ids[1], "of one name the newest"
    assert runs.resolve(rt, "@latest") == ids[1]
    assert runs.resolve(rt, str(ids[0]).upper()) == ids[0]
    with pytest.raises(Conflict, match="2 ids"):
        runs.resolve(rt, str(ids[0])[:6])
    with pytest.raises(Conflict, match="completed"):
        runs.resume(rt, str(ids[1]), by="cli")
    with pytest.raises(NotFound, match="folder"):
        runs.resume(rt, str(ids[0]), by="cli")
    assert pump(rt) == []
