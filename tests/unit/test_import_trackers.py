"""MLflow, W&B and Optuna: counts of their own readers, and their files cut anywhere."""

from __future__ import annotations

import math
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runyard.core.errors import Corrupt, NotFound
from runyard.service.imports import mlflow, optuna, wandb
from runyard.service.imports.epochs import derive
from runyard.service.imports.source import Columns, Run, Source

DATA = Path(__file__).resolve().parents[1] / "data" / "import"
SMALL = DATA / "wandb" / "offline-run-small" / "run-small.wandb"
OF_2021 = DATA / "wandb" / "offline-run-20210216_154407-g9dvvkua"


def varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*found, value))


def message(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def values(run: Run) -> list[tuple[str, int, float]]:
    return [(name, point.step, value) for point in run.points for name, value in point.values]


def damages(source: Source) -> list[str]:
    return [*source.damages, *(damage for run in source.runs for damage in run.damages)]


@pytest.mark.parametrize("path", ["mlruns", "mlflow.db"])
def test_mlflow_holds_what_was_logged(path: str) -> None:
    """The script that wrote both logged 2 runs of 5 train_loss, 5 val_loss (the last NaN) and one final/acc each."""
    runs = {run.name: run for run in mlflow.read(DATA / "mlflow" / path).runs}
    assert set(runs) == {"run-0", "run-1"}
    for number, run in enumerate((runs["run-0"], runs["run-1"])):
        found = {(name, step): value for name, step, value in values(run)}
        assert len(values(run)) == 11
        assert {step: found["train_loss", step] for step in range(1, 6)} == {
            step: 1.0 / step + number for step in range(1, 6)
        }
        assert math.isnan(found["val_loss", 5])
        assert found["final/acc", 0] == 0.9
        assert run.settings == {"lr": 0.1 * (number + 1), "batch_size": 32}
        assert (run.status, run.agent, run.tags) == ("completed", "digits", ("team=vision",))
        assert run.started_at
        assert run.ended_at
        assert run.started_at <= min(point.at or 0 for point in run.points)


@pytest.mark.parametrize(("status", "expected"), [(1, "failed"), (3, "completed"), (4, "failed"), (5, "cancelled")])
def test_mlflows_endings(tmp_path: Path, status: int, expected: str) -> None:
    shutil.copytree(DATA / "mlflow" / "mlruns", tmp_path / "mlruns")
    for meta in tmp_path.rglob("meta.yaml"):
        meta.write_text(meta.read_text().replace("status: 3", f"status: {status}"))
    assert {run.status for run in mlflow.read(tmp_path).runs} == {expected}


def test_a_cut_metric_of_mlflow_is_said(tmp_path: Path) -> None:
    shutil.copytree(DATA / "mlflow" / "mlruns", tmp_path / "mlruns")
    (metric, _) = sorted(tmp_path.rglob("metrics/train_loss"))
    metric.write_bytes(metric.read_bytes()[:-19])
    source = mlflow.read(tmp_path)
    assert sorted(len(values(run)) for run in source.runs) == [10, 11]
    assert "metrics/train_loss, line 5" in damages(source)[0]


def test_a_cut_step_of_mlflow_is_not_taken_for_none(tmp_path: Path) -> None:
    shutil.copytree(DATA / "mlflow" / "mlruns", tmp_path / "mlruns")
    (metric, _) = sorted(tmp_path.rglob("metrics/train_loss"))
    metric.write_bytes(metric.read_bytes()[:-3])
    source = mlflow.read(tmp_path)
    assert sorted(len(values(run)) for run in source.runs) == [10, 11]
    assert damages(source)


def test_a_logged_model_of_mlflow_is_no_run(tmp_path: Path) -> None:
    shutil.copytree(DATA / "mlflow" / "mlruns", tmp_path / "mlruns")
    model = tmp_path / "mlruns" / "948097458476461553" / "models" / "m-1"
    (model / "metrics").mkdir(parents=True)
    (model / "meta.yaml").write_text("model_id: m-1\nname: net\nsource_run_id: 068f06f0a86e4069a93b3a832ae79f2c\n")
    source = mlflow.read(tmp_path)
    assert {run.name for run in source.runs} == {"run-0", "run-1"}
    assert not damages(source)


def test_wandb_holds_what_was_logged() -> None:
    """Counted with wandb 0.31.0's protobuf classes: 126 numbers in history but for _step, _timestamp and epoch; the
    script set `best` in the summary alone.
    """
    (run,) = wandb.read(SMALL).runs
    found = {(name, step): value for name, step, value in values(run)}
    assert len(values(run)) == 126 + 1
    assert [found["train/loss", step] for step in range(40)] == [pytest.approx(1 / (step + 1)) for step in range(40)]
    assert math.isnan(found["odd", 3])
    assert found["odd", 4] == math.inf
    assert found["nested.x", 39] == 39
    assert found["best", 39] == 0.5
    assert run.skipped == 40
    assert (run.name, run.agent, run.seed, run.status) == ("small", "digits", 7, "completed")
    assert run.settings == {"lr": 0.1, "seed": 7, "model": {"layers": 2}}
    epochs = derive(run.points, Columns()).epochs
    assert [(epoch.number, epoch.columns["val_loss"]) for epoch in epochs] == [
        (number, pytest.approx(2 / (number * 10))) for number in (1, 2, 3, 4)
    ]


def wandb_file(folder: Path, start: float, *rows: tuple[int, float], stats: bool = False, exit_code: int = 0) -> Path:
    """Write an offline file of the run `r1` with a loss at some steps, as a process that resumed it does."""
    run = message(1, b"r1") + message(17, b"\x08" + varint(int(start)))
    load = message(2, b"\x08" + varint(int(start))) + message(3, message(1, b"cpu") + message(16, b"50"))
    content = [message(17, run), *([message(7, load)] if stats else [])]
    for step, loss in rows:
        items = {"_step": step, "_timestamp": start + step, "loss": loss}
        row = [message(1, message(1, name.encode()) + message(16, repr(item).encode())) for name, item in items.items()]
        content.append(message(2, b"".join(row)))
    content.append(message(18, b"\x08" + varint(exit_code)))
    log = bytearray(b":W&B\xe1\xbe\0")
    for record in content:
        log += struct.pack("<IHB", zlib.crc32(record, zlib.crc32(b"\1")), len(record), 1) + record
    folder.mkdir()
    path = folder / "run-r1.wandb"
    path.write_bytes(log)
    return path


def test_the_files_of_a_resumed_wandb_run_are_joined(tmp_path: Path) -> None:
    wandb_file(tmp_path / "b", 1.7e9, *((step, 9.0 - step) for step in range(4)), stats=True, exit_code=1)
    wandb_file(tmp_path / "a", 1.8e9, *((step, 9.0 - step) for step in range(4, 10)), stats=True)
    (run,) = wandb.read(tmp_path).runs
    assert values(run) == [
        *(("cpu", 0, 50.0), *(("loss", step, 9.0 - step) for step in range(4))),
        *(("cpu", 4, 50.0), *(("loss", step, 9.0 - step) for step in range(4, 10))),
    ]
    assert {point.attempt for point in run.points} == {1}
    assert (run.status, run.started_at) == ("completed", 1_700_000_000_000_000)


def test_a_wandb_run_resumed_at_an_earlier_step_is_a_later_attempt(tmp_path: Path) -> None:
    wandb_file(tmp_path / "a", 1.7e9, (0, 4.0), (1, 3.0), (2, 9.0), (3, 9.5))
    wandb_file(tmp_path / "b", 1.8e9, (2, 2.0), (3, 1.5), stats=True)
    (run,) = wandb.read(tmp_path).runs
    assert [(point.attempt, point.step) for point in run.points] == [
        *((1, 0), (1, 1), (1, 2), (1, 3)),
        *((2, 2), (2, 2), (2, 3)),
    ]


def test_a_copy_of_a_wandb_file_is_left_out_and_said(tmp_path: Path) -> None:
    wandb_file(tmp_path / "a", 1.7e9, (0, 4.0), (1, 3.0))
    wandb_file(tmp_path / "b", 1.7e9, (0, 4.0), (1, 3.0), (2, 2.0))
    (run,) = wandb.read(tmp_path).runs
    assert values(run) == [("loss", 0, 4.0), ("loss", 1, 3.0), ("loss", 2, 2.0)]
    assert run.notes == ("run-r1.wandb in a tells nothing more, and was left out.",)


def test_a_wandb_run_of_2021() -> None:
    """Counted with wandb's protobuf classes: no history, one record of 8 machine values, of which one is a pair."""
    (run,) = wandb.read(OF_2021).runs
    assert (run.source_id, run.agent, run.host, run.status) == ("g9dvvkua", "code-toad", "cvp", "completed")
    assert len(values(run)) == 9
    assert ("proc.cpu.threads", 0, 16.5) in values(run)
    assert run.started_at == 1613519047_000_000


def test_optuna_holds_what_was_tried() -> None:
    """By optuna 5.0.0 `study.trials`: 4 complete trials of 5 reports and a value, 4 pruned ones of 1 and 1."""
    for storage in ("study.db", "journal.log"):
        study, *trials = optuna.read(DATA / "optuna" / storage).runs
        assert (study.kind, study.name, study.status) == ("sweep", "grid", "completed")
        assert [len(values(trial)) for trial in trials] == [6] * 4 + [2] * 4
        assert [trial.status for trial in trials] == ["completed"] * 4 + ["cancelled"] * 4
        assert {trial.parent for trial in trials} == {study.source_id}
        assert [value for name, _, value in values(trials[0]) if name == "value"] == [2.004430375245218]
        assert trials[0].settings == {"lr": 0.004430375245218269, "opt": "adam", "layers": 2}
        assert [epoch.number for epoch in derive(trials[0].points, Columns(trials[0].losses)).epochs] == [1, 2, 3, 4, 5]


FILES: dict[str, tuple[Path, Callable[[Path], Source]]] = {
    "wandb": (SMALL, wandb.read),
    "mlflow": (DATA / "mlflow" / "mlflow.db", mlflow.read),
    "optuna": (DATA / "optuna" / "study.db", optuna.read),
    "journal": (DATA / "optuna" / "journal.log", optuna.read),
}


@pytest.mark.parametrize("kind", FILES)
@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_a_file_cut_at_any_byte_gives_what_is_left_and_says_so(
    kind: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    original, read = FILES[kind]
    content = original.read_bytes()
    cut = data.draw(st.integers(0, len(content) - 2))
    path = tmp_path_factory.mktemp("cut") / original.name
    path.write_bytes(content[:cut])
    try:
        source = read(path)
    except (Corrupt, NotFound):  # nothing of it is left, and that is said
        return
    at_a_line_end = kind == "journal" and content[cut - 1 : cut + 1].count(b"\n")
    without_end = kind == "wandb" and "does not say that the run ended" in source.runs[0].notes[-1]
    assert damages(source) or at_a_line_end or without_end
    # Without steps: the value of a trial has none of its own, and stands at its last report that is left.
    whole = {run.source_id: {repr((name, value)) for name, _, value in values(run)} for run in read(original).runs}
    for run in source.runs:
        found = {repr((name, value)) for name, _, value in values(run)}
        assert found <= whole.get(run.source_id, found) or kind == "wandb"  # there a summary may tell more than the end


@pytest.mark.parametrize("read", [mlflow.read, wandb.read, optuna.read])
def test_nothing_there_is_said(tmp_path: Path, read: Callable[[Path], Source]) -> None:
    with pytest.raises(NotFound, match="There is no"):
        read(tmp_path)
