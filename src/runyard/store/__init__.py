"""Floor 2: the store, its snapshots and its journals. The only user of duckdb.

`Store` is imported when it is asked for: a runner needs the ingest alone, and polars comes with the readers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runyard.store.store import Backlog, Store

__all__ = ["Backlog", "Store"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from runyard.store import store

        return getattr(store, name)
    raise AttributeError(name)
