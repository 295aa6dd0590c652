"""Epochs from points, and the Trainer's state with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runyard.core.errors import Invalid
from runyard.service.imports.epochs import derive, recognise
from runyard.service.imports.source import Columns, Point
from runyard.service.imports.transformers import read

DATA = Path(__file__).resolve().parents[1] / "data" / "import" / "transformers" / "tiny-bert"
GUESS = Columns()


def points(*rows: tuple[int, float | None, dict[str, float]], attempt: int = 1) -> list[Point]:
    return [Point(step, tuple(values.items()), epoch=epoch, attempt=attempt) for step, epoch, values in rows]


def table(found: list[Point]) -> list[tuple[int, int, dict[str, float]]]:
    return [(epoch.number, epoch.step, dict(epoch.columns)) for epoch in derive(found, GUESS).epochs]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["loss", "val_loss"], {"train_loss": "loss", "val_loss": "val_loss"}),
        (
            ["train/loss", "valid/loss", "lr"],
            {"train_loss": "train/loss", "val_loss": "valid/loss", "learning_rate": "lr"},
        ),
        (["train_loss_step", "train_loss_epoch"], {"train_loss": "train_loss_epoch"}),
        (["accuracy"], {}),
    ],
)
def test_losses_are_known_by_their_names(names: list[str], expected: dict[str, str]) -> None:
    assert recognise(names, GUESS) == expected


def test_a_training_loss_stands_for_the_steps_since_the_one_before() -> None:
    found = points((3, 0.5, {"loss": 1.0}), (4, 1.0, {"loss": 5.0}), (4, 1.0, {"val_loss": 2.0}))
    assert table(found) == [(1, 4, {"train_loss": pytest.approx((3 * 1 + 5) / 4), "val_loss": 2.0})]


def test_epochs_counted_from_zero_are_shifted() -> None:
    found = points((1, 0, {"loss": 3.0, "val_loss": 4.0}), (2, 1, {"loss": 2.0, "val_loss": 3.0}))
    assert [number for number, _, _ in table(found)] == [1, 2]


def test_an_evaluation_before_training_is_no_epoch() -> None:
    found = points((0, 0.0, {"val_loss": 9.0}), (5, 1.0, {"loss": 2.0, "val_loss": 3.0}))
    assert table(found) == [(1, 5, {"train_loss": 2.0, "val_loss": 3.0})]


def test_without_epochs_each_evaluation_closes_one() -> None:
    found = points((1, None, {"loss": 4.0}), (2, None, {"loss": 2.0, "val_loss": 1.0}), (4, None, {"val_loss": 0.5}))
    assert table(found) == [(1, 2, {"train_loss": 2.0, "val_loss": 1.0}), (2, 4, {"val_loss": 0.5})]
    assert derive(found, GUESS).notes


def test_of_a_repeated_epoch_the_later_attempt_counts() -> None:
    first = points((1, 1, {"val_loss": 1.0}), (2, 2, {"val_loss": 2.0}), (3, 3, {"val_loss": 3.0}))
    again = points((2, 2, {"val_loss": 0.2}), attempt=2)
    assert [(number, columns["val_loss"]) for number, _, columns in table([*first, *again])] == [(1, 1.0), (2, 0.2)]


ROWS = st.lists(
    st.tuples(
        st.integers(-5, 50),
        st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False, min_value=-2, max_value=1e12)),
        st.dictionaries(st.sampled_from(["loss", "val_loss", "lr", "acc"]), st.floats(), min_size=1),
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=60)
@given(rows=ROWS)
def test_whatever_is_logged_epochs_rise_from_one(rows: list[tuple[int, float | None, dict[str, float]]]) -> None:
    numbers = [epoch.number for epoch in derive(points(*rows), GUESS).epochs]
    assert numbers == sorted(set(numbers))
    assert all(1 <= number < 1 << 31 for number in numbers)


def test_the_longest_state_of_an_output_folder_is_its_run() -> None:
    (run,) = read(DATA).runs
    log = json.loads((DATA / "trainer_state.json").read_text())["log_history"]
    logged = [
        (entry["step"], name, value) for entry in log for name, value in entry.items() if name not in ("step", "epoch")
    ]
    assert [(point.step, name, value) for point in run.points for name, value in point.values] == logged
    assert (run.name, run.total_epochs, run.total_steps) == ("tiny-bert", 3, 21)
    assert run.source_id == read(DATA / "checkpoint-14").runs[0].source_id


def test_an_entry_of_the_trainer_without_a_step_stands_at_the_one_before(tmp_path: Path) -> None:
    log = [{"step": 3, "loss": 2.0}, {"eval_loss": 1.5, "note": "by hand"}]
    (tmp_path / "trainer_state.json").write_text(json.dumps({"log_history": log}))
    (run,) = read(tmp_path).runs
    assert [(point.step, point.values) for point in run.points] == [(3, (("loss", 2.0),)), (3, (("eval_loss", 1.5),))]
    assert run.skipped == 1
    assert "1 values have no step: they stand at the one before them." in run.notes


def test_the_trainers_epochs() -> None:
    (run,) = read(DATA).runs
    log = json.loads((DATA / "trainer_state.json").read_text())["log_history"]
    found = derive(run.points, Columns(run.losses)).epochs
    assert [(epoch.number, epoch.step) for epoch in found] == [(1, 7), (2, 14), (3, 21)]
    assert [epoch.columns["val_loss"] for epoch in found] == [
        entry["eval_loss"] for entry in log if "eval_loss" in entry
    ]
    first, second = (entry["loss"] for entry in log[:2])
    assert found[0].columns["train_loss"] == pytest.approx((first + second) / 2)


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_state_cut_at_any_byte_gives_whole_entries_and_says_so(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = (DATA / "trainer_state.json").read_text()
    whole = read(DATA / "trainer_state.json").runs[0]
    cut = data.draw(st.integers(0, len(text.rstrip()) - 1))
    path = tmp_path_factory.mktemp("cut") / "trainer_state.json"
    path.write_text(text[:cut])
    try:
        (run,) = read(path).runs
    except Invalid:
        assert '"log_history": [' not in text[:cut]
        return
    assert run.damages
    assert run.points == whole.points[: len(run.points)]
    entries = text[:cut].split('"log_history": [')[1].count("}")
    assert len(run.points) == min(entries, len(whole.points))
