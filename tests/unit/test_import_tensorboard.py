"""TensorBoard event files: real ones with counts of TensorBoard's own reader, and ones written here, cut anywhere."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runyard.core.errors import Corrupt, NotFound
from runyard.service.imports.epochs import derive
from runyard.service.imports.source import Columns, Run
from runyard.service.imports.tensorboard import read
from runyard.service.imports.wire import crc32c, masked_crc32c

DATA = Path(__file__).resolve().parents[1] / "data" / "import" / "tensorboard"
# By tensorboard 2.21.0: the values of `LegacyEventFileLoader(file).Load()`, tensors by `tensor_util.make_ndarray`.
COUNTED = {
    "fastmri_trial_4": (783, 17, 552119.3017926514),
    "librispeech_trial_2": (648, 17, 1906587.2569025867),
    "keras_2020": (102, 6, 56.82859764361274),
}
LOSS = 2.0


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*found, value))


def message(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def simple(tag: str, value: float) -> bytes:
    return message(1, tag.encode()) + varint(2 << 3 | 5) + struct.pack("<f", value)


def tensor(tag: str, dtype: int, body: bytes, shape: tuple[int, ...] = ()) -> bytes:
    dimensions = b"".join(message(2, b"\x08" + varint(size)) for size in shape)
    return message(1, tag.encode()) + message(8, b"\x08" + varint(dtype) + message(2, dimensions) + body)


def event(step: int, values: Iterable[bytes] = (), at: float = 1.7e9) -> bytes:
    body = b"\x09" + struct.pack("<d", at) + b"\x10" + varint(step)
    if values := list(values):
        body += message(5, b"".join(message(1, value) for value in values))
    length = struct.pack("<Q", len(body))
    return length + struct.pack("<I", masked_crc32c(length)) + body + struct.pack("<I", masked_crc32c(body))


def written(folder: Path, name: str, *events: bytes) -> Path:
    folder.mkdir(exist_ok=True, parents=True)
    path = folder / f"events.out.tfevents.{name}"
    path.write_bytes(b"".join(events))
    return path


def values(run: Run) -> list[tuple[str, int, float]]:
    return [(name, point.step, value) for point in run.points for name, value in point.values]


def test_the_checksum_is_castagnolis() -> None:
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4


@pytest.mark.parametrize("name", COUNTED)
def test_real_files_hold_what_tensorboard_reads(name: str) -> None:
    (run,) = read(DATA / name).runs
    found = values(run)
    assert (len(found), len({tag for tag, _, _ in found})) == COUNTED[name][:2]
    assert sum(value for _, _, value in found) == pytest.approx(COUNTED[name][2], rel=1e-12)
    assert not run.damages
    assert all(point.at for point in run.points)


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_file_cut_at_any_byte_gives_what_stands_before_and_says_so(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    steps = data.draw(st.lists(st.integers(0, 1 << 40), min_size=1, max_size=6))
    events = [event(0), *(event(step, [simple("loss", LOSS)]) for step in steps)]
    whole = b"".join(events)
    cut = data.draw(st.integers(0, len(whole)))
    path = written(tmp_path_factory.mktemp("cut"), "1.h", whole[:cut])
    ends = [sum(map(len, events[:count])) for count in range(len(events) + 1)]
    expected = sum(end <= cut for end in ends) - 2
    try:
        source = read(path)
    except Corrupt:
        assert expected <= 0
        assert cut not in ends
        return
    assert [step for run in source.runs for _, step, _ in values(run)] == steps[: max(0, expected)]
    damages = [*source.damages, *(damage for run in source.runs for damage in run.damages)]
    assert bool(damages) == (cut not in ends)


@settings(deadline=None, max_examples=60)
@given(place=st.integers(400, 46_000), bit=st.integers(0, 7))
def test_a_flipped_bit_ends_the_import_and_is_said(
    place: int, bit: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    original = next((DATA / "librispeech_trial_2").iterdir())
    content = bytearray(original.read_bytes())
    content[place] ^= 1 << bit
    path = tmp_path_factory.mktemp("flip") / original.name
    path.write_bytes(content)
    (run,) = read(path).runs
    (whole,) = read(original).runs
    assert run.damages
    assert run.points == whole.points[: len(run.points)]
    assert len(run.points) < len(whole.points)


@settings(deadline=None, max_examples=60)
@given(value=st.floats(width=32), dtype=st.sampled_from([1, 2]), packed=st.booleans())
def test_scalars_and_tensors_are_the_same_numbers(
    value: float, dtype: int, packed: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = struct.pack("<f" if dtype == 1 else "<d", value)
    field = {1: 5, 2: 6}[dtype]
    single = message(field, content) if packed else varint(field << 3 | (5 if dtype == 1 else 1)) + content
    folder = tmp_path_factory.mktemp("kinds")
    body = [simple("a", value), tensor("b", dtype, message(4, content)), tensor("c", dtype, single, (1,))]
    (run,) = read(written(folder, "1.h", event(7, body))).runs
    found = values(run)
    assert [(tag, step) for tag, step, _ in found] == [("a", 7), ("b", 7), ("c", 7)]
    assert {repr(number) for _, _, number in found} == {repr(value)}


@pytest.mark.parametrize(
    ("dtype", "body", "expected"),
    [
        (3, message(7, varint(-5)), -5.0),
        (9, message(4, struct.pack("<q", -5)), -5.0),
        (9, varint(10 << 3) + varint(-7), -7.0),
        (10, message(11, b"\x01"), 1.0),
        (19, message(13, varint(0x3C00)), 1.0),
        (14, message(13, varint(0x3FC0)), 1.5),
        (23, message(17, varint(1 << 63)), float(1 << 63)),
        (1, b"", 0.0),
    ],
)
def test_tensors_of_other_types(tmp_path: Path, dtype: int, body: bytes, expected: float) -> None:
    (run,) = read(written(tmp_path, "1.h", event(1, [tensor("t", dtype, body)]))).runs
    assert values(run) == [("t", 1, expected)]


def test_what_is_no_number_is_counted(tmp_path: Path) -> None:
    several = tensor("v", 1, message(4, struct.pack("<2f", 1, 2)), (2,))
    text = tensor("w", 7, message(8, b"words"))
    (run,) = read(written(tmp_path, "1.h", event(1, [simple("loss", LOSS), several, text]))).runs
    assert values(run) == [("loss", 1, LOSS)]
    assert run.skipped == 2


def test_a_file_that_goes_back_is_a_later_attempt(tmp_path: Path) -> None:
    written(tmp_path, "10.h", *(event(step, [simple("loss", 1.0)], at=10.0 + step) for step in (1, 2, 3)))
    written(tmp_path, "20.h", *(event(step, [simple("loss", 2.0)], at=20.0 + step) for step in (2, 3, 4)))
    written(tmp_path, "30.h", event(1, [simple("hparam/accuracy", 0.5)], at=30.0))
    (run,) = read(tmp_path).runs
    attempts = {(point.step, value): point.attempt for point in run.points for _, value in point.values}
    assert attempts == {(1, 1.0): 1, (2, 1.0): 1, (3, 1.0): 1, (2, 2.0): 2, (3, 2.0): 2, (4, 2.0): 2, (1, 0.5): 2}


def test_an_evaluation_after_the_training_is_of_the_same_attempt(tmp_path: Path) -> None:
    rows = [(1, "train_loss", 3.0), (1, "eval/loss", 2.5), (2, "train_loss", 2.0), (2, "eval/loss", 1.5)]
    written(tmp_path, "10.h", *(event(step, [simple(tag, value)], at=10.0 + step) for step, tag, value in rows))
    written(tmp_path, "20.h", event(2, [simple("eval/loss", 1.5)], at=20.0))
    (run,) = read(tmp_path).runs
    assert {point.attempt for point in run.points} == {1}
    assert [dict(epoch.columns) for epoch in derive(run.points, Columns()).epochs] == [
        {"train_loss": 3.0, "val_loss": 2.5},
        {"train_loss": 2.0, "val_loss": 1.5},
    ]


def test_each_folder_is_a_run_and_keeps_its_id_where_it_goes(tmp_path: Path) -> None:
    for name, at in (("train", 10.0), ("validation", 10.5)):
        written(tmp_path / "a" / name, "10.h", event(0, at=at), event(1, [simple("epoch_loss", at)], at=at))
    runs = read(tmp_path / "a").runs
    assert {run.name for run in runs} == {"train", "validation"}
    assert len({run.source_id for run in runs}) == 2
    (tmp_path / "a").rename(tmp_path / "b")
    assert {run.source_id for run in read(tmp_path / "b").runs} == {run.source_id for run in runs}


def test_the_epoch_that_lightning_logs_is_a_column(tmp_path: Path) -> None:
    (run,) = read(written(tmp_path, "1.h", event(9, [simple("val_loss", 1.0), simple("epoch", 2.0)]))).runs
    assert values(run) == [("val_loss", 9, 1.0)]
    assert run.points[0].epoch == 2.0


def test_a_folder_without_event_files_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no event file"):
        read(tmp_path)
