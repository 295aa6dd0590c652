"""Floor 2: the store, its snapshots and its journals. The only user of duckdb."""

from runyard.store.store import Backlog, Store

__all__ = ["Backlog", "Store"]
