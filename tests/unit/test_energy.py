"""Energy meters: counters in files as the kernel has them, and none at all."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from runyard.core import nvml
from runyard.core.energy import JOULES_PER_KWH, EnergyMeter

BUSY = "cpu  {} 0 0 900 50 0 0 0 0 0\ncpu0 0 0 0 0\n"


def zone(folder: Path, name: str, microjoules: int, *, most: int = 10_000) -> Path:
    folder.mkdir(parents=True)
    (folder / "name").write_text(name + "\n")
    (folder / "max_energy_range_uj").write_text(f"{most}\n")
    (folder / "energy_uj").write_text(f"{microjoules}\n")
    return folder / "energy_uj"


def compute(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


@pytest.fixture
def stat(tmp_path: Path) -> Path:
    path = tmp_path / "stat"
    path.write_text(BUSY.format(100))
    return path


def test_where_no_meter_can_be_read_the_energy_is_unknown(tmp_path: Path, stat: Path) -> None:
    meter = EnergyMeter(tmp_path / "none", stat)
    meter.look()
    assert (meter.kwh, meter.meters) == (None, None)


def test_a_counter_that_may_not_be_read_counts_as_none(tmp_path: Path, stat: Path) -> None:
    (zone(tmp_path / "intel-rapl:0", "package-0", 5)).unlink()
    assert EnergyMeter(tmp_path, stat).kwh is None


def test_packages_and_memory_are_added_and_parts_of_packages_are_not(tmp_path: Path, stat: Path) -> None:
    """All other processes were idle, so all of it is this one's; a counter that began again is read on."""
    counters = {
        zone(tmp_path / "intel-rapl:0", "package-0", 9_000): 500,  # 1,500 on: over its end at 10,000
        zone(tmp_path / "intel-rapl:1", "package-1", 0): 250,
        zone(tmp_path / "intel-rapl:0:1", "dram", 10): 60,
        zone(tmp_path / "intel-rapl:0:0", "core", 0): 9_999,
        zone(tmp_path / "intel-rapl-mmio:0", "package-0", 0): 9_999,
        zone(tmp_path / "intel-rapl:2", "psys", 0): 9_999,
    }
    meter = EnergyMeter(tmp_path, stat)
    compute(0.05)
    for path, value in counters.items():
        path.write_text(str(value))
    meter.look()
    assert meter.kwh == pytest.approx((1_500 + 250 + 50) * 1e-6 / JOULES_PER_KWH)
    assert meter.meters == "cpu"


def test_of_a_busy_machine_a_process_has_its_share_of_the_cpu_time(tmp_path: Path, stat: Path) -> None:
    counter = zone(tmp_path / "intel-rapl:0", "package-0", 0, most=10**9)
    meter = EnergyMeter(tmp_path, stat)
    compute(0.2)
    counter.write_text(str(10**8))
    stat.write_text(BUSY.format(100 + 100 * 10))  # ten seconds of CPU time of everybody, at 100 ticks a second
    meter.look()
    assert meter.kwh is not None
    assert 0.01 < meter.kwh * JOULES_PER_KWH / 100 < 0.5


def test_without_torch_or_a_gpu_no_device_is_in_use() -> None:
    assert nvml.devices_in_use() == ()
    assert nvml.joules("GPU-none") is None
    assert nvml.utilization("GPU-none") is None
