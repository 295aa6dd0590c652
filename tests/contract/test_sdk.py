"""The SDK as somebody's own script uses it: real processes, a real yard, rows read back by SQL."""

from __future__ import annotations

import math
import os
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import runyard
from runyard.core.errors import Conflict, Invalid, NotFound, Unavailable
from runyard.runtime import open_runtime
from runyard.service.pump import pump
from runyard.service.runs import resolve, state


def script(text: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(text)],
        env={**os.environ, "RUNYARD_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def only(sql: str, home: Path) -> dict[str, object]:
    rows = runyard.query(sql, home=home).pl().to_dicts()
    assert len(rows) == 1
    return rows[0]


def test_a_run_becomes_rows(home: Path) -> None:
    with runyard.init(agent="bot", config={"lr": 3e-4, "seed": 7}, tags=["a"], home=home) as run:
        for epoch in (1, 2, 3):
            run.log({"train/loss": 1 / epoch}, step=10 * epoch)
            run.log_epoch(epoch, train_loss=1 / epoch, val_loss=[3.0, 1.0, 2.0][epoch - 1], accuracy=0.5)
    row = only("FROM runs JOIN training_sessions USING (id)", home)
    assert row["status"] == "completed"
    assert row["seed"] == 7
    assert row["tags"] == ["a"]
    assert row["best_epoch"] == 2
    assert row["best_validation_loss"] == 1.0
    assert row["completed_epochs"] == 3
    assert row["final_training_loss"] == pytest.approx(1 / 3)
    assert '"learning_rate":0.0003' in str(row["hyperparameters"]).replace(" ", "")
    steps = runyard.query("SELECT step FROM metrics WHERE name = 'train/loss' ORDER BY 1", home=home).fetchall()
    assert steps == [(10,), (20,), (30,)]


def test_counting_from_zero_is_shifted_for_the_whole_run(home: Path) -> None:
    with runyard.init(home=home) as run:
        for epoch in range(3):
            run.log_epoch(epoch, val_loss=1.0)
    assert runyard.query("SELECT epoch FROM training_epochs ORDER BY 1", home=home).fetchall() == [(1,), (2,), (3,)]


def test_numbers_of_many_kinds_and_what_is_none(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    torch = pytest.importorskip("torch")
    values = {
        "int": 1,
        "bool": True,
        "numpy": np.float32(0.5),
        "array": np.array([2.5]),
        "torch": torch.tensor(1.5, requires_grad=True),
        "nested": {"a": {"b": 3}},
        "nan": float("nan"),
        "inf": -math.inf,
        "text": "no number",
        "big": np.zeros(3),
        "none": None,
    }
    with runyard.init(home=home) as run:
        run.log(values)
        run.log(values)
    found = dict(runyard.query("SELECT name, value FROM metrics WHERE step = 1", home=home).fetchall())
    assert math.isnan(found.pop("nan"))
    assert found == {
        "int": 1,
        "bool": 1,
        "numpy": 0.5,
        "array": 2.5,
        "torch": 1.5,
        "nested/a/b": 3,
        "inf": -math.inf,
    }
    told = capfd.readouterr().err
    assert told.count("'text' is no number") == 1
    assert "'big'" in told
    assert "'none'" in told


def test_a_metric_of_epochs_alone_has_a_point_for_each(home: Path) -> None:
    with runyard.init(home=home) as run:
        for epoch, accuracy in enumerate((0.2, 0.9, 0.5), start=1):
            run.log_epoch(epoch, val_loss=1.0, accuracy=accuracy)
    sql = "SELECT epoch, value FROM metric_points WHERE name = 'accuracy' ORDER BY epoch"
    assert runyard.query(sql, home=home).fetchall() == [(1.0, 0.2), (2.0, 0.9), (3.0, 0.5)]


def test_a_metric_with_a_goal_has_a_best_value(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    runyard.define_metric("early", goal="min")
    assert "without a run" in capfd.readouterr().err
    with runyard.init(home=home, name="one") as run:
        runyard.define_metric("val/*", goal="max", unit="share")
        run.define_metric("val/error", goal="min")
        run.define_metric("val/error", goal="least")
        for step, (f1, error) in enumerate(((0.5, 0.4), (0.9, 0.1), (0.7, 0.2)), start=1):
            run.log({"val/f1": f1, "val/error": error}, step=step)
    assert "'least' is no goal" in capfd.readouterr().err
    sql = "SELECT name, goal, unit, best_value, best_step, last_value FROM metric_summary WHERE name LIKE 'val/%'"
    assert runyard.query(f"{sql} ORDER BY name", home=home).fetchall() == [
        ("val/error", "min", None, 0.1, 2, 0.2),
        ("val/f1", "max", "share", 0.9, 2, 0.7),
    ]
    with runyard.init(home=home, name="two") as run:
        run.define_metric("val/error", goal="min")
        run.log({"val/error": 0.05}, step=1)
    rt = open_runtime(home)
    assert state(rt, resolve(rt, "@best:val/error")).name == "two"
    assert state(rt, resolve(rt, "@best:val/f1")).name == "one"
    rt.close()


def test_steps_may_come_in_any_order(home: Path) -> None:
    with runyard.init(home=home) as run:
        for step in (5, 3, 9):
            run.log({"x": step}, step=step)
        run.log({"x": 10})
    rows = runyard.query("SELECT step, value FROM metric_points ORDER BY step", home=home).fetchall()
    assert rows == [(3, 3.0), (5, 5.0), (9, 9.0), (10, 10.0)]


def test_a_step_may_be_any_whole_number(home: Path) -> None:
    with runyard.init(home=home) as run:
        for step in (1.0, np.int32(2), np.float64(3)):
            run.log({"x": 1.0}, step=step)  # type: ignore[arg-type]
    assert runyard.query("SELECT step FROM metrics ORDER BY 1", home=home).fetchall() == [(1,), (2,), (3,)]


def test_without_stderr_logging_still_never_raises(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with runyard.init(home=home) as run, open(os.devnull, "w") as closed:
        closed.close()
        monkeypatch.setattr(sys, "stderr", closed)
        run.log({"text": "no number"})
        run.log_epoch("first")  # type: ignore[arg-type]
        run.log({"x": 1.0})
        monkeypatch.undo()
    assert runyard.query("SELECT name FROM metrics", home=home).fetchall() == [("x",)]


@pytest.mark.parametrize(("code", "status"), [("0", "completed"), ("", "completed"), ("3", "failed")])
def test_a_script_that_leaves_by_exit(home: Path, code: str, status: str) -> None:
    done = script(f"import runyard, sys\nwith runyard.init():\n    sys.exit({code})", home)
    assert done.returncode == int(code or 0)
    assert only("FROM runs", home)["status"] == status


def test_a_forked_child_logs_but_does_not_end_the_run(home: Path) -> None:
    code = """
        import os, runyard
        with runyard.init() as run:
            child = os.fork()
            if not child:
                run.log({"child": 1.0})
                raise ValueError("the child leaves the block")
            os.waitpid(child, 0)
            run.log({"parent": 1.0})
        """
    assert script(code, home).returncode == 0
    assert only("FROM runs", home)["status"] == "completed"
    names = runyard.query("SELECT name FROM metrics ORDER BY 1", home=home).fetchall()
    assert names == [("child",), ("parent",)]


def test_a_run_is_known_by_its_process_and_how_it_was_started(home: Path) -> None:
    code = "import psutil, runyard\nwith runyard.init():\n    print(psutil.Process().create_time())"
    printed = script(code, home).stdout
    row = only("FROM runs", home)
    assert row["pid_created"] == pytest.approx(float(printed), abs=0.5)
    assert shlex.split(str(row["command"]))[1:] == ["-c", code]


def test_an_exception_fails_the_run_and_goes_on(home: Path) -> None:
    with pytest.raises(ValueError, match="boom"), runyard.init(home=home):
        raise ValueError("boom")
    row = only("FROM runs", home)
    assert (row["status"], row["error_kind"], row["error_message"]) == ("failed", "exception", "ValueError: boom")
    assert "Traceback" in str(row["error_details"])


@pytest.mark.parametrize(
    ("ending", "status"),
    [("", "completed"), ("raise ValueError('late')", "failed"), ("raise KeyboardInterrupt", "cancelled")],
)
def test_a_script_without_finish_is_closed_at_exit(home: Path, ending: str, status: str) -> None:
    script(f"import runyard\nrunyard.init()\nrunyard.log_epoch(1, val_loss=1.0)\n{ending}", home)
    row = only("FROM runs JOIN training_sessions USING (id)", home)
    assert row["status"] == status
    assert row["completed_epochs"] == 1


def test_outside_a_block_an_exit_code_is_not_seen_but_finish_may_say_it(home: Path) -> None:
    assert script("import runyard, sys\nrunyard.init(name='silent')\nsys.exit(2)", home).returncode == 2
    code = "import runyard\nrunyard.init(name='said')\nrunyard.finish('failed')\nraise SystemExit(2)"
    assert script(code, home).returncode == 2
    found = runyard.query("SELECT name, status FROM runs ORDER BY name", home=home).fetchall()
    assert found == [("said", "failed"), ("silent", "completed")]


def test_where_the_store_cannot_be_loaded_the_script_goes_on_and_the_journal_is_kept(home: Path) -> None:
    done = script(
        """
        import sys, time
        sys.modules["runyard.store.ingest"] = None  # as a broken DuckDB: importing it raises
        import runyard
        with runyard.init() as run:
            for step in range(25):
                run.log({"x": step})
                time.sleep(0.1)
        print("done")
        """,
        home,
    )
    assert (done.returncode, done.stdout) == (0, "done\n")
    assert done.stderr.count("runyard: ") == 1
    assert "Traceback" not in done.stderr
    assert only("SELECT count(*) AS n FROM metrics WHERE name = 'x'", home) == {"n": 25}


def test_a_killed_script_loses_nothing_it_logged(home: Path) -> None:
    script(
        """
        import os, runyard
        run = runyard.init()
        for step in range(500):
            run.log({"x": step})
        os.kill(os.getpid(), 9)
        """,
        home,
    )
    assert only("SELECT count(*) AS n, max(value) AS last FROM metrics", home) == {"n": 500, "last": 499.0}


def test_a_forked_child_may_log_too(home: Path) -> None:
    done = script(
        """
        import os, runyard
        run = runyard.init()
        if os.fork() == 0:
            for step in range(100):
                run.log({"child": step}, step=step + 1)
            os._exit(0)
        os.wait()
        run.log({"parent": 1})
        runyard.finish()
        """,
        home,
    )
    assert done.returncode == 0, done.stderr
    assert only("SELECT count(*) AS n, count(DISTINCT name) AS names FROM metrics", home) == {"n": 101, "names": 2}


def test_logging_never_raises_after_init(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run = runyard.init(home=home)
    run.log({"x": object()})
    run.log_epoch("three")  # type: ignore[arg-type]
    run.log(None)  # type: ignore[arg-type]
    run.finish()
    run.log({"x": 1})
    run.log_epoch(1, val_loss=1.0)
    run.finish()
    assert "finished" in capfd.readouterr().err
    assert only("SELECT count(*) AS n FROM runs", home) == {"n": 1}


def test_module_level_functions_work_on_the_current_run(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    runyard.log({"x": 1})
    assert "without a run" in capfd.readouterr().err
    runyard.init(home=home)
    with pytest.raises(Conflict, match="still open"):
        runyard.init(home=home)
    runyard.log({"x": 1})
    runyard.log_epoch(1, val_loss=0.5)
    runyard.finish()
    assert only("SELECT count(*) AS n FROM metrics", home) == {"n": 1}


def test_a_monitored_metric_of_ones_own_decides_what_is_best(home: Path) -> None:
    with runyard.init(home=home, monitor="f1", mode="max") as run:
        for epoch, f1 in enumerate([0.5, 0.9, 0.7], 1):
            run.log_epoch(epoch, val_loss=1.0 / epoch, f1=f1)
    row = only("SELECT best_epoch, best_value FROM overtraining_waste", home)
    assert row == {"best_epoch": 2, "best_value": 0.9}


def test_what_init_and_query_refuse(tmp_path: Path) -> None:
    home = tmp_path / "yard"
    with pytest.raises(NotFound, match="no yard"):
        runyard.query("FROM runs", home=home)
    with pytest.raises(Invalid, match="cannot use"):
        runyard.init(home=home, mode="middle")  # type: ignore[arg-type]
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be written"):
        runyard.init(home=tmp_path / "file" / "yard")
    with runyard.init(home=home):
        pass
    with pytest.raises(Invalid, match="no_such_table"):
        runyard.query("FROM no_such_table", home=home)


def test_environment_is_captured(home: Path) -> None:
    with runyard.init(home=home):
        pass
    row = only("SELECT git_commit, package_versions ->> 'duckdb' AS duckdb, host, pid, command FROM runs", home)
    assert row["pid"] == os.getpid()
    assert str(row["duckdb"]).startswith("2.")
    assert row["host"]
    assert row["command"]


def test_a_script_that_works_the_queue_does_not_lose_its_own_run(home: Path) -> None:
    with runyard.init(agent="demo", home=home) as run:
        run.log({"loss": 1.0})
        rt = open_runtime(home)
        try:
            pump(rt, wait_seconds=20)
            assert state(rt, resolve(rt, "@latest")).status == "running"
        finally:
            rt.close()
