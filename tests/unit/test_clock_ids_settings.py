"""Time in UTC, ids that sort by it, and settings that name every mistake."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from runyard.core import clock
from runyard.core.errors import Invalid
from runyard.core.ids import new_id
from runyard.core.settings import Settings


def test_ids_are_version_7_and_sort_by_time() -> None:
    ids = []
    for _ in range(5):
        ids.append(new_id())
        time.sleep(0.002)
    assert ids == sorted(ids)
    assert {(number.version, number.variant) for number in ids} == {(7, UUID(int=0x8 << 60).variant)}
    assert abs((ids[0].int >> 80) - time.time() * 1000) < 60_000
    assert len({new_id() for _ in range(10_000)}) == 10_000


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/Los_Angeles"])
def test_time_is_utc_whatever_the_zone_of_the_process(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        moment = datetime(2026, 11, 21, 14, 0, 0, 123456)
        assert clock.to_us(moment) == int(moment.replace(tzinfo=UTC).timestamp()) * 1_000_000 + 123456
        assert clock.to_us(datetime(1970, 1, 2)) == 86_400_000_000
        assert abs(clock.to_us(clock.now()) - clock.now_us()) < 1_000_000
        assert abs(clock.now_us() - time.time() * 1e6) < 1_000_000
    finally:
        monkeypatch.undo()
        time.tzset()


def test_iso_ends_with_z_and_an_unknown_moment_is_empty() -> None:
    assert clock.iso(datetime(2026, 11, 21, 14, 0, 5, 999)) == "2026-11-21T14:00:05Z"
    assert clock.iso(None) == ""


def test_settings_have_defaults_and_an_explicit_home_wins() -> None:
    assert Settings.from_env(env={}).home == Path("yard").absolute()
    assert Settings.from_env(env={"RUNYARD_HOME": "/srv/a"}).home == Path("/srv/a")
    assert Settings.from_env("/srv/b", env={"RUNYARD_HOME": "/srv/a"}).home == Path("/srv/b")
    assert Settings.from_env(env={"RUNYARD_HOME": ""}).home == Path("yard").absolute()


def test_older_names_are_read_and_newer_ones_win() -> None:
    assert Settings.from_env(env={"TRAINING_ENABLED": "no"}).enabled is False
    assert Settings.from_env(env={"TRAINING_ENABLED": "no", "RUNYARD_ENABLED": "YES"}).enabled is True
    assert Settings.from_env(env={"MODELS_DIR": "/srv/models"}).models_dir == Path("/srv/models")


def test_every_bad_value_is_named_at_once() -> None:
    bad = {"RUNYARD_MAX_WORKERS": "0", "RUNYARD_MAX_MEMORY": "²", "RUNYARD_ENABLED": "perhaps"}
    with pytest.raises(Invalid) as caught:
        Settings.from_env(env=bad)
    assert {problem.path for problem in caught.value.problems} == bad.keys()
