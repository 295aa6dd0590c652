"""CSV, JSON lines and Parquet: mappings, what is no number, and tables cut anywhere."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runyard.core.errors import Corrupt, Invalid
from runyard.service.imports.source import Columns, Run, parse_columns
from runyard.service.imports.tables import read

DATA = Path(__file__).resolve().parents[1] / "data" / "import" / "csv"
GUESS = Columns()
STEPS = st.lists(
    st.tuples(st.integers(1, 10**6), st.floats(allow_nan=False)), min_size=1, max_size=8, unique_by=lambda row: row[0]
)


def values(run: Run) -> list[tuple[str, int, float]]:
    return [(name, point.step, value) for point in run.points for name, value in point.values]


def csv_of(folder: Path, text: str, name: str = "log.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_real_table_keeps_every_number() -> None:
    """Counted by the csv module: `sum(bool(cell) for row in rows for cell in row[1:])`."""
    (run,) = read(DATA / "ogbg_trial_3.csv", "csv", GUESS).runs
    assert len(values(run)) == 1052
    assert ("validation/loss", 756, 0.0630858242511749) in values(run)
    assert "global_step" not in {name for name, _, _ in values(run)}


@settings(deadline=None, max_examples=60)
@given(rows=STEPS, data=st.data())
def test_a_csv_cut_at_any_byte_gives_its_first_rows_and_says_so(
    rows: list[tuple[int, float]], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lines = ["step,epoch,loss\n", *(f"{step},1,{loss!r}\n" for step, loss in rows)]
    text = "".join(lines)
    cut = data.draw(st.integers(0, len(text)))
    source = read(csv_of(tmp_path_factory.mktemp("cut"), text[:cut]), "csv", GUESS)
    found = [value for run in source.runs for value in values(run)]
    whole = text[:cut].count("\n") - 1
    expected = [("loss", step, loss) for step, loss in rows]
    assert found[: max(0, whole)] == expected[: max(0, whole)]
    assert len(found) <= max(0, whole) + 1  # the last line may be whole but for its end
    damages = [*source.damages, *(damage for run in source.runs for damage in run.damages)]
    assert bool(damages) == (cut > 0 and text[cut - 1] != "\n")


@settings(deadline=None, max_examples=60)
@given(rows=STEPS, data=st.data())
def test_json_lines_cut_at_any_byte_give_their_first_rows_and_say_so(
    rows: list[tuple[int, float]], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lines = [json.dumps({"step": step, "train": {"loss": loss}}) + "\n" for step, loss in rows]
    text = "".join(lines)
    cut = data.draw(st.integers(0, len(text)))
    source = read(csv_of(tmp_path_factory.mktemp("cut"), text[:cut], "log.jsonl"), "jsonl", GUESS)
    whole = (text[:cut] + "\n").count("}}\n")
    assert [value for run in source.runs for value in values(run)] == [
        ("train.loss", step, loss) for step, loss in rows
    ][:whole]
    damages = [*source.damages, *(damage for run in source.runs for damage in run.damages)]
    assert bool(damages) == (text[:cut].rsplit("\n", 1)[-1] not in ("", *(line.strip() for line in lines)))


@settings(deadline=None, max_examples=60)
@given(cut=st.integers(0, 400))
def test_a_cut_parquet_is_refused(cut: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("cut") / "log.parquet"
    pl.DataFrame({"step": [1, 2], "loss": [0.5, 0.25]}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(Corrupt, match="Parquet"):
        read(path, "parquet", GUESS)


def test_parquet_times_and_runs(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    frame = pl.DataFrame({"run": ["a", "b", "a"], "step": [1, 1, 2], "loss": [1.0, 2.0, None], "acc": [1, 2, 3]})
    frame.with_columns(timestamp=pl.datetime(2026, 1, 2, 3)).write_parquet(path)
    runs = {run.name: run for run in read(path, "parquet", GUESS).runs}
    assert values(runs["a"]) == [("loss", 1, 1.0), ("acc", 1, 1.0), ("acc", 2, 3.0)]
    assert values(runs["b"]) == [("loss", 1, 2.0), ("acc", 1, 2.0)]
    assert {point.at for point in runs["a"].points} == {1767322800_000_000}


def test_the_mapping_wins_over_the_guess(tmp_path: Path) -> None:
    path = csv_of(tmp_path, "step,it,name,valid/loss\n1,10,x,0.5\n2,20,y,0.25\n")
    columns = parse_columns(["step=it", "val_loss=valid/loss"], run_column="name")
    runs = read(path, "csv", columns).runs
    assert [(run.name, values(run)) for run in runs] == [
        ("x", [("step", 10, 1.0), ("valid/loss", 10, 0.5)]),
        ("y", [("step", 20, 2.0), ("valid/loss", 20, 0.25)]),
    ]


def test_a_long_table(tmp_path: Path) -> None:
    path = csv_of(tmp_path, "metric,value,step,timestamp\nloss,0.5,1,1700000000\nacc,NaN,1,1700000001.5\nacc,high,2,\n")
    (run,) = read(path, "csv", GUESS).runs
    assert [(name, step, repr(value)) for name, step, value in values(run)] == [("loss", 1, "0.5"), ("acc", 1, "nan")]
    assert [point.at for point in run.points] == [1_700_000_000_000_000, 1_700_000_001_500_000]
    assert run.skipped == 1


def test_what_is_no_number_is_counted_and_what_has_no_step_is_kept(tmp_path: Path) -> None:
    path = csv_of(tmp_path, "step;loss;device\n;4;cpu\n1;0,5;cpu\n2;inf;cpu\n2.5;1;cpu\n;1;cpu\n3;2;cpu\n")
    (run,) = read(path, "csv", GUESS).runs
    assert values(run) == [("loss", 0, 4.0), ("loss", 2, float("inf")), ("loss", 2, 1), ("loss", 2, 1), ("loss", 3, 2)]
    assert {point.attempt for point in run.points} == {1}
    assert run.skipped == 1 + 6
    assert any("device" in note for note in run.notes)
    assert any(note.startswith("3 values have no step") for note in run.notes)


def test_what_has_no_step_stands_at_the_last_of_its_epoch(tmp_path: Path) -> None:
    path = csv_of(tmp_path, "epoch,step,loss,val_loss\n1,10,4,\n2,20,3,\n1,,,3.5\n2,,,2.5\n3,,,1.5\n")
    (run,) = read(path, "csv", GUESS).runs
    assert [row for row in values(run) if row[0] == "val_loss"] == [
        ("val_loss", 10, 3.5),
        ("val_loss", 20, 2.5),
        ("val_loss", 20, 1.5),
    ]


def test_columns_of_one_name_and_of_none_are_all_kept_and_said(tmp_path: Path) -> None:
    path = csv_of(tmp_path, ",step,loss, loss,loss_1,\n0,1,0.5,0.25,7,\n1,2,0.4,0.2,8,\n")
    (run,) = read(path, "csv", GUESS).runs  # the last column is empty
    assert values(run)[:4] == [("column_1", 1, 0.0), ("loss", 1, 0.5), ("loss_2", 1, 0.25), ("loss_1", 1, 7.0)]
    assert run.notes[:2] == (
        "Column 1 has no name: it is imported as 'column_1'.",
        "Column 4 is named 'loss' as one before it: it is imported as 'loss_2'.",
    )


def test_a_small_time_is_a_duration_and_stays_a_metric(tmp_path: Path) -> None:
    (run,) = read(csv_of(tmp_path, "step,time\n1,12.5\n"), "csv", GUESS).runs
    assert values(run) == [("time", 1, 12.5)]


def test_a_step_that_comes_again_is_a_later_attempt(tmp_path: Path) -> None:
    path = csv_of(tmp_path, "step,loss\n1,1\n2,2\n3,3\n2,20\n3,30\n")
    (run,) = read(path, "csv", GUESS).runs
    assert [(point.step, point.attempt) for point in run.points] == [(1, 1), (2, 1), (3, 1), (2, 2), (3, 2)]


def test_many_values_at_one_step_ask_for_the_run_column(tmp_path: Path) -> None:
    path = csv_of(tmp_path, "step,loss\n" + "1,1\n" * 50)
    (run,) = read(path, "csv", GUESS).runs
    assert {point.attempt for point in run.points} == {1}
    assert any("--run-column" in note for note in run.notes)


def test_a_bad_line_in_the_middle_is_left_out_and_said(tmp_path: Path) -> None:
    path = csv_of(tmp_path, "step,loss\n1,1\n2,2,2\n3,3\n")
    (run,) = read(path, "csv", GUESS).runs
    assert values(run) == [("loss", 1, 1.0), ("loss", 3, 3.0)]
    assert run.damages == ("log.csv, line 3: 3 cells where the header has 2; left out.",)


def test_a_cut_gzip_gives_what_stands_before(tmp_path: Path) -> None:
    path = tmp_path / "log.csv.gz"
    packed = gzip.compress("".join(["step,loss\n", *(f"{step},{step / 7}\n" for step in range(9999))]).encode())
    path.write_bytes(packed[: len(packed) // 2])
    (run,) = read(path, "csv", GUESS).runs
    assert 100 < len(run.points) < 9999
    assert "compressed" in run.damages[0]


@pytest.mark.parametrize("pairs", [["step"], ["stepp=x"], ["step=a", "step=b"], ["loss="]])
def test_mappings_that_cannot_be_used(pairs: list[str]) -> None:
    with pytest.raises(Invalid):
        parse_columns(pairs)


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = csv_of(tmp_path, "step,loss\n1,1\n")
    with pytest.raises(Invalid) as caught:
        read(path, "csv", Columns({"step": "global_step"}))
    assert caught.value.problems[0].allowed == ("step", "loss")
