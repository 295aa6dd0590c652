"""What a process says of itself is its own, not that of whoever started it."""

from __future__ import annotations

import subprocess
import sys

from runyard.core import usage

PEAK = "from runyard.core import usage; print(usage.memory_peak_gb())"


def test_the_peak_of_memory_leaves_out_the_starters() -> None:
    ballast = bytearray(b"x" * 400_000_000)
    child = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True)

    assert float(child.stdout) < 0.1
    assert usage.memory_peak_gb() > len(ballast) / 1e9


def test_the_peak_is_what_was_once_taken() -> None:
    code = "x = b'x' * 300_000_000; del x; " + PEAK
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert 0.3 < float(child.stdout) < 0.5
