"""A pickle reader for the two published data sets that come as pickles: it can build arrays and nothing else.

A pickle is a program that calls what it names. Here it may name the few things in the tables below: numpy's
are numpy's own, pandas' are replaced by plain records, so not one function of pandas runs.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from runyard.core.errors import Corrupt

Allowed = Mapping[tuple[str, str], Any]


@dataclass
class FrameRecord:
    """What a pickled pandas.DataFrame holds: its block manager is in `state["_mgr"]`."""

    state: dict[str, Any] = field(default_factory=dict)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.state = state


class BlocksRecord:
    """What a pickled block manager holds: blocks of (values, placement) and the two axes."""

    def __init__(self, blocks: tuple[Any, ...], axes: list[Any]) -> None:
        self.blocks = blocks
        self.axes = axes


def _block(values: Any, placement: slice, ndim: int) -> tuple[Any, slice]:
    return values, placement


def _index(kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    return fields


def _latin1(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"encoding {encoding!r} is not allowed")
    return text.encode("latin1")


def _numpy() -> dict[tuple[str, str], Any]:
    from numpy._core import multiarray, numeric

    reconstruct: Callable[..., Any] = multiarray._reconstruct
    frombuffer: Callable[..., Any] = numeric._frombuffer  # type: ignore[attr-defined]
    return {
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("numpy.core.multiarray", "_reconstruct"): reconstruct,
        ("numpy.core.numeric", "_frombuffer"): frombuffer,
        ("_codecs", "encode"): _latin1,
    }


ARRAYS: Allowed = _numpy()
FRAMES: Allowed = {
    **ARRAYS,
    ("builtins", "slice"): slice,
    ("pandas.core.frame", "DataFrame"): FrameRecord,
    ("pandas.core.internals.managers", "BlockManager"): BlocksRecord,
    ("pandas._libs.internals", "_unpickle_block"): _block,
    ("pandas.core.indexes.base", "_new_Index"): _index,
    ("pandas.core.indexes.base", "Index"): "Index",
    ("pandas.core.indexes.range", "RangeIndex"): "RangeIndex",
}


class _Reader(pickle.Unpickler):
    def __init__(self, data: bytes, allowed: Allowed) -> None:
        super().__init__(io.BytesIO(data), encoding="latin1")
        self._allowed = allowed

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._allowed[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed") from None

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("persistent ids are not allowed")


def loads(data: bytes, allowed: Allowed) -> Any:
    """Read a pickle that may use only what `allowed` names.

    Raises:
        Corrupt: the pickle names something else, or is broken.
    """
    try:
        return _Reader(data, allowed).load()
    except Exception as error:  # a hostile pickle may raise anything
        raise Corrupt(
            f"The pickle was refused: {error}",
            hint="It is not the published file. Delete it and fetch the demo data again.",
        ) from error


def columns(frame: FrameRecord) -> dict[str, Any]:
    """Return the columns of a pickled DataFrame as name → 1-D array."""
    manager = frame.state["_mgr"]
    names = manager.axes[0]["data"]
    found: dict[str, Any] = {}
    for values, placement in manager.blocks:
        for row, position in enumerate(range(*placement.indices(len(names)))):
            found[str(names[position])] = values[row]
    return found
