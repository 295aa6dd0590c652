"""New yards whose store is there: copies of one, since making every table and view anew takes longer than a test."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from runyard.core.paths import Yard
from runyard.store import Store


def ready_yard(home: Path) -> Yard:
    """Make a yard as it is after its first ingest, which found nothing."""
    # Without the times of the first: copies of a minute ago would be old ones.
    shutil.copytree(_first(), home, symlinks=True, dirs_exist_ok=True, copy_function=shutil.copy)
    return Yard(home)


@cache
def _first() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="runyard-ready-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    yard = Yard(folder / "yard")
    yard.create()
    store = Store(yard)
    store.ingest()
    store.close()
    return yard.home
