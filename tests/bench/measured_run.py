"""A run as its launcher starts it, that adds up the CPU time of its tracking: `measured_run.py RUN_FOLDER`.

Counted are what the runner imports for the store alone, the whole thread of the ingest with the children it starts,
the heartbeat, and every event written by the loop. Prints {"tracking": seconds, "all": seconds}.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

_spent: dict[str, float] = {}
inside = threading.local()


def timed(owner: Any, name: str) -> None:
    """Replace a function by itself with its CPU time added up, but for what one such function calls of another."""
    function: Callable[..., Any] = getattr(owner, name)
    label = f"{owner.__name__}.{name}"

    def measured(*arguments: Any, **options: Any) -> Any:
        if getattr(inside, "already", False):
            return function(*arguments, **options)
        inside.already, began = True, time.thread_time()
        try:
            return function(*arguments, **options)
        finally:
            inside.already = False
            _spent[label] = _spent.get(label, 0.0) + time.thread_time() - began

    setattr(owner, name, measured)


def main() -> int:
    import numpy as np  # noqa: F401 - the training needs it anyway

    from runyard.train.__main__ import main as train

    began = time.process_time()
    from runyard.core.journal import Journal, RunJournal
    from runyard.store.ingest import Ticker

    _spent["imports"] = time.process_time() - began
    from runyard.train.heartbeat import Heartbeat

    timed(Ticker, "_run")
    timed(Heartbeat, "_run")
    for name in ("emit", "metrics", "epoch"):
        timed(RunJournal, name)
    timed(Journal, "sync")
    code = train([sys.argv[1], "--attempt", "1"])
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    _spent["children"] = children.ru_utime + children.ru_stime
    everything = sum(os.times()[:4])
    print(json.dumps({"tracking": sum(_spent.values()), "all": everything, "parts": _spent}), flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
