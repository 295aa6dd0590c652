"""Series with labels from NPZ files. Nothing pickled is read: ragged series are `values` and `lengths`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runyard.config.dataset import TrainingData
from runyard.core.errors import Invalid
from runyard.data.arrays import load_arrays
from runyard.data.sources import Source

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SHAPES = "X (n, time, channels) or values (total time, channels) with lengths (n); y (n)"
_GROUPS = ("group", "groups", "subject")


@dataclass(frozen=True)
class SeriesSet:
    """Series of shape (time, channels), float32, with their class names and, if there are any, groups and times."""

    series: "list[NDArray[np.float32]]"
    labels: list[str]
    groups: list[str] | None
    times: list[float] | None = None


def read_series(source: Source, data: TrainingData, *, labelled: bool = True) -> SeriesSet:
    """Read all series.

    Args:
        labelled: False for series to predict: then labels need not be there, and are not read.

    Raises:
        Invalid: the file is no NPZ file, arrays are missing or do not fit, or values are not finite.
    """
    if source.path is None:
        return _digits()
    if source.format != "npz":
        raise Invalid(
            f"{source.path} is a table, not series.", hint="Nets for series read NPZ files; texts need a text model."
        )
    arrays = load_arrays(source.path)
    if not labelled:
        if not _has_series(arrays):
            raise _no_series(arrays, str(source.path))
        series = _pieces(arrays, str(source.path))
        _check_finite(series, str(source.path))
        return SeriesSet(series, [], None)
    return _series_of(arrays, str(source.path), data)


def _has_series(arrays: "Mapping[str, NDArray[Any]]") -> bool:
    return "X" in arrays or {"values", "lengths"} <= set(arrays)


def _no_series(arrays: "Mapping[str, NDArray[Any]]", name: str) -> Invalid:
    return Invalid(f"{name} holds {', '.join(sorted(arrays)) or 'nothing'}.", hint=f"Expected: {_SHAPES}.")


def _series_of(arrays: "Mapping[str, NDArray[Any]]", name: str, data: TrainingData) -> SeriesSet:
    import numpy as np

    labels = next((arrays[key] for key in (data.label_column, "y") if key in arrays), None)
    if labels is None or not _has_series(arrays):
        raise _no_series(arrays, name)
    series = _pieces(arrays, name)
    group_key = next((key for key in (data.group_column, *_GROUPS) if key in arrays), None)
    if data.split_by == "group" and (group_key is None or data.group_column not in (None, group_key)):
        wanted = data.group_column or "group"
        raise Invalid(
            f"{name} has no array {wanted!r} to split by group.", hint=f"It has: {', '.join(sorted(arrays))}."
        )
    groups = arrays[group_key] if group_key else None
    times = arrays.get(data.time_column or "") if data.split_by == "time" else None
    if data.split_by == "time" and (times is None or times.dtype.kind not in "fiuM"):
        raise Invalid(
            f"{name} has no array {data.time_column!r} of numbers or dates to split by time.",
            hint=f"It has: {', '.join(sorted(arrays))}.",
        )
    for key, array in (("y", labels), (group_key, groups), (data.time_column, times)):
        if array is not None and array.shape != (len(series),):
            raise Invalid(f"{name}: {key} has the shape {array.shape}, expected ({len(series)},).", hint=_SHAPES)
    _check_finite(series, name)
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        where = int(np.flatnonzero(~np.isfinite(labels))[0])
        raise Invalid(f"{name}: the label of series {where} is NaN.", hint="Every series needs a class.")
    moments = None if times is None else times.astype("datetime64[us]" if times.dtype.kind == "M" else float)
    return SeriesSet(
        series,
        _names(labels),
        None if groups is None else _names(groups),
        None if moments is None else moments.astype(float).tolist(),
    )


def _check_finite(series: "list[NDArray[np.float32]]", name: str) -> None:
    import numpy as np

    for index, piece in enumerate(series):
        if not np.isfinite(piece).all():
            step = int(np.argwhere(~np.isfinite(piece))[0][0])
            raise Invalid(
                f"{name}: series {index} holds NaN or infinity at time step {step}.",
                hint="Fill or drop the gaps first.",
            )


def _pieces(arrays: "Mapping[str, NDArray[Any]]", name: str) -> "list[NDArray[np.float32]]":
    import numpy as np

    values = arrays["X"] if "X" in arrays else arrays["values"]
    dimensions = 3 if "X" in arrays else 2
    if values.ndim == dimensions - 1:
        values = values[..., None]
    if values.ndim != dimensions or values.dtype.kind not in "fiu" or 0 in values.shape:
        raise Invalid(f"{name}: the values have the shape {values.shape} and type {values.dtype}.", hint=_SHAPES)
    if "X" in arrays:
        return list(values.astype(np.float32))
    lengths = arrays["lengths"]
    if lengths.dtype.kind not in "iu" or lengths.ndim != 1 or (lengths < 1).any() or lengths.sum() != len(values):
        raise Invalid(f"{name}: lengths do not add up to the {len(values)} time steps of values.", hint=_SHAPES)
    return np.split(values.astype(np.float32), np.cumsum(lengths)[:-1])


def _names(array: "NDArray[Any]") -> list[str]:
    if array.dtype.kind == "f" and (array == array.astype(int)).all():
        array = array.astype(int)
    return [str(value) for value in array.tolist()]


def _digits() -> SeriesSet:
    """The handwritten digits of scikit-learn, read row by row: 1,797 series of 8 steps and 8 channels."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return SeriesSet(list(digits.images.astype("float32")), _names(digits.target), None)
