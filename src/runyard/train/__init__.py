"""The training wing: a process of its own with imports of its own; no floor imports it.

It imports `config`, `core` and the ticker of `store.ingest`, and says what it does in its journal alone.
"""
