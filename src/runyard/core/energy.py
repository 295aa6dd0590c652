"""The energy that this process uses, from the meters that the machine lets it read: many let only root.

Of the processors' energy (RAPL: packages and memory) it is the process's share of the machine's CPU time; so the sum
over runs at one time is never more than the machine used. Of GPUs it is all that those used on which it trains.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from runyard.core import nvml

JOULES_PER_KWH = 3.6e6
_POWERCAP, _STAT = Path("/sys/class/powercap"), Path("/proc/stat")
_MICRO = 1e-6
_IDLE = (3, 4)  # of /proc/stat: idle and waiting for input or output


@dataclass(frozen=True)
class _Zone:
    """A counter of microjoules that begins again at `range_uj`."""

    path: Path
    range_uj: int

    def read(self) -> int | None:
        try:
            return int(self.path.read_text())
        except (OSError, ValueError):
            return None


class EnergyMeter:
    """Adds up energy from its making on; it has to look about once a minute, since counters begin again."""

    def __init__(self, powercap: Path = _POWERCAP, stat: Path = _STAT) -> None:
        self._stat = stat
        self._zones = {zone: value for zone in _zones(powercap) if (value := zone.read()) is not None}
        self._own, self._busy = _own_seconds(), _busy_seconds(stat)
        self._gpus: dict[str, float] = {}
        self._cpu_joules: float | None = 0.0 if self._zones and self._busy is not None else None
        self._gpu_joules: float | None = None

    @property
    def kwh(self) -> float | None:
        """The energy so far in kWh; None where no meter could be read."""
        known = [joules for joules in (self._cpu_joules, self._gpu_joules) if joules is not None]
        return sum(known) / JOULES_PER_KWH if known else None

    @property
    def meters(self) -> str | None:
        """Which meters were read: `cpu`, `gpu`, or `cpu gpu`."""
        read = (("cpu", self._cpu_joules), ("gpu", self._gpu_joules))
        return " ".join(name for name, joules in read if joules is not None) or None

    def look(self) -> None:
        """Add what was used since the last look."""
        if self._cpu_joules is not None:
            self._cpu_joules += self._cpu_since()
        for device in nvml.devices_in_use():
            now = nvml.joules(device)
            if now is not None:
                used = now - self._gpus.get(device, now)
                self._gpu_joules = (self._gpu_joules or 0.0) + max(0.0, used)
                self._gpus[device] = now

    def _cpu_since(self) -> float:
        joules = 0.0
        for zone, before in list(self._zones.items()):
            now = zone.read()
            if now is not None:
                joules += _MICRO * (now - before if now >= before else now - before + zone.range_uj)
                self._zones[zone] = now
        own, busy = _own_seconds(), _busy_seconds(self._stat)
        if busy is None or self._busy is None or busy <= self._busy:
            share = 1.0 if own > self._own else 0.0  # clock ticks are coarse: it was busy for less than one
        else:
            share = min(1.0, (own - self._own) / (busy - self._busy))
        self._own, self._busy = own, busy
        return share * joules


def _zones(powercap: Path) -> list[_Zone]:
    """Return the counters of whole packages, and of the memory beside them; other zones are parts of these."""
    found = []
    for path in sorted(powercap.glob("intel-rapl:*")):
        try:
            name, most = (path / "name").read_text().strip(), int((path / "max_energy_range_uj").read_text())
        except (OSError, ValueError):
            continue
        if name.startswith("package") or name == "dram":
            found.append(_Zone(path / "energy_uj", most))
    return found


def _own_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _busy_seconds(stat: Path) -> float | None:
    """Return the CPU time of all processes together, or None where the machine does not say."""
    try:
        ticks = [int(word) for word in stat.read_text().split("\n", 1)[0].split()[1:9]]
    except (OSError, ValueError):
        return None
    return sum(tick for place, tick in enumerate(ticks) if place not in _IDLE) / os.sysconf("SC_CLK_TCK")
