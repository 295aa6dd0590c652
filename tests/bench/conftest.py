"""`make bench`: each test measures one promise and adds a line to the table that is printed at the end.

Ratios are of medians of interleaved repetitions in one process, in CPU time. A figure beyond its limit is marked, not
failed: another machine, or a busy one, is no mistake of the code.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pytest

from runyard.core.paths import Yard
from runyard.store.fold import UNKEPT
from runyard.store.lines import sql


@dataclass
class Board:
    """The lines of the table."""

    rows: list[tuple[str, str, str, str, str]] = field(default_factory=list)

    def add(
        self, what: str, measured: float, limit: float, unit: str, note: str = "", *, at_least: bool = False
    ) -> None:
        """Add a figure with its limit: at most, or at least, so much."""
        good = measured >= limit if at_least else measured <= limit
        sign = ">=" if at_least else "<="
        self.rows.append((what, f"{measured:.3g} {unit}", f"{sign} {limit:g} {unit}", "" if good else "BEYOND", note))


_BOARD = Board()


@pytest.fixture(scope="session")
def board() -> Board:
    return _BOARD


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    yard = Yard(tmp_path / "yard")
    yard.create()
    return yard


@pytest.fixture
def long_round(short: bool) -> None:
    """What takes minutes is measured in the long round alone."""
    if short:
        pytest.skip("takes minutes: make bench without SHORT")


@pytest.fixture(scope="session")
def interleaved(short: bool) -> Callable[..., list[float]]:
    """Return a function that calls some measurements in turn and returns the median of each."""

    def medians(*measurements: Callable[[], float], repeat: int = 9) -> list[float]:
        times: list[list[float]] = [[] for _ in measurements]
        for _ in range(max(3, repeat // 3) if short else repeat):
            for place, measure in enumerate(measurements):
                times[place].append(measure())
        return [sorted(column)[len(column) // 2] for column in times]

    return medians


@pytest.fixture(scope="session")
def milliseconds() -> Callable[[Callable[[], object]], float]:
    """Return a function that times a call: the wall clock, or the CPU time of all threads where that is less.

    On a busy machine the wall clock counts the others, too; with more than one thread CPU time is the longer one.
    """

    def measure(call: Callable[[], object]) -> float:
        began, spent = time.perf_counter(), time.process_time()
        call()
        return 1000 * min(time.perf_counter() - began, time.process_time() - spent)

    return measure


@pytest.fixture(scope="session")
def keep_all() -> Callable[[duckdb.DuckDBPyConnection], None]:
    """Return a function that keeps the facts of all ended sessions, as the ingest does before its snapshots."""

    def keep(db: duckdb.DuckDBPyConnection) -> None:
        while ended := [session for (session,) in db.execute(UNKEPT).fetchall()]:
            db.execute("SET VARIABLE ended = $ended", {"ended": ended})
            db.execute(sql("keep_facts"))

    return keep


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _BOARD.rows:
        return
    table = [("what", "measured", "limit", "", "beside it"), *_BOARD.rows]
    widths = [max(len(row[column]) for row in table) for column in range(5)]
    terminalreporter.write_line("")
    for row in table:
        terminalreporter.write_line(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
    load = os.getloadavg()[0]
    terminalreporter.write_line(f"{os.cpu_count()} cores, load {load:.1f}, Python {platform.python_version()}")
