"""What logging costs in somebody's training loop, and what importing the package costs."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import orjson

import runyard
from runyard.core.paths import Yard

CALLS = 20_000


def test_log_of_five_metrics(yard: Yard, board: Any, interleaved: Callable[..., list[float]]) -> None:
    run = runyard.init(home=yard.home)
    path = yard.home / "bare.jsonl"
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    values = {"train/loss": 0.693147, "train/accuracy": 0.5, "lr": 3e-4, "gradient_norm": 1.2345, "tokens": 512.0}
    metrics = [{"name": name, "value": value} for name, value in values.items()]
    line = {
        "k": "metrics",
        "run": str(run.id),
        "attempt": 1,
        "at": 1_763_733_600_000_000,
        "step": 0,
        "metrics": metrics,
    }

    def bare() -> float:
        begun = time.thread_time()
        for step in range(CALLS):
            line["step"] = step
            os.write(descriptor, orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        return (time.thread_time() - begun) / CALLS * 1e6

    def logged() -> float:
        begun = time.thread_time()
        for step in range(CALLS):
            run.log(values, step=step)
        return (time.thread_time() - begun) / CALLS * 1e6

    least, ours = interleaved(bare, logged)
    os.close(descriptor)
    run.finish()
    note = f"{ours:.2f} µs against {least:.2f} µs a call"
    board.add("log() of 5 metrics / orjson.dumps + os.write", ours / least, 3, "x", note)


def test_import(board: Any, interleaved: Callable[..., list[float]]) -> None:
    def cpu_ms(code: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)

    bare, ours = interleaved(lambda: cpu_ms("pass"), lambda: cpu_ms("import runyard"), repeat=21)
    board.add("import runyard over a bare interpreter", ours - bare, 50, "ms", f"{ours:.0f} ms against {bare:.0f} ms")
