"""The composition root: settings, yard and store of one process, made once at the edge and handed down."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import UUID

from runyard.core.clock import now_us
from runyard.core.errors import NotFound, Unavailable
from runyard.core.journal import Journal
from runyard.core.paths import Yard
from runyard.core.settings import Settings
from runyard.store import Store


@dataclass
class Runtime:
    """What every query and service of a process works with."""

    settings: Settings
    yard: Yard
    store: Store
    _journal: Journal | None = None
    _lock: Lock = field(default_factory=Lock)

    def record(self, run_id: UUID | str, kind: str, /, **fields: Any) -> None:
        """Write an event of a run in this process's own journal: every change to a run table is one.

        Raises:
            Unavailable: the yard cannot be written, or the disk is full.
        """
        event = {"k": kind, "run": str(run_id), "at": now_us()}
        event.update((name, value) for name, value in fields.items() if value is not None)
        with self._lock:
            try:
                if self._journal is None:
                    name = f"{os.getpid()}-{os.urandom(4).hex()}.jsonl"
                    self._journal = Journal(self.yard.events / name)
                self._journal.write(event)
            except OSError as error:
                if self._journal is not None:
                    self._journal.abandon()  # who hears "not written" may do it again: it must not come twice
                    self._journal = None
                raise Unavailable(
                    f"The yard at {self.yard.home} cannot be written: {error.strerror}.",
                    hint="Check its owner, its mode and the free space of the disk.",
                ) from error

    def close(self) -> None:
        """Close the journal and the store."""
        if self._journal:
            self._journal.close()
            self._journal = None
        self.store.close()


def open_runtime(home: str | Path | None = None, *, create: bool = False) -> Runtime:
    """Return the runtime of a yard; `create` makes what is missing and brings views to this version's text.

    Raises:
        NotFound: there is no yard, and it shall not be made.
        Unavailable: the yard cannot be written.
        Corrupt: a newer version wrote it, or it is damaged.
        Invalid: the environment holds values that cannot be used.
    """
    settings = Settings.from_env(home)
    yard = settings.yard
    if create:
        try:
            yard.create()
        except OSError as error:
            raise Unavailable(
                f"The yard at {yard.home} cannot be made or written: {error.strerror}.",
                hint="Choose another place with --yard or RUNYARD_HOME, or mend its owner, mode or disk.",
            ) from error
    elif not yard.exists():
        raise NotFound(f"There is no yard at {yard.home}.", hint="Launch a run or `runyard demo` to make one.")
    store = Store(yard)
    if create:
        store.ingest(verb="open", replace_views=True)
    return Runtime(settings, yard, store)
