"""NumPy arrays as tables: a matrix X with names for its columns, columns one by one, or one NPY array."""

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runyard.core.errors import Invalid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = Mapping[str, NDArray[Any]]

_SHAPES = "X (n, features) and y (n), with feature_names if you like; or one array (n) for each column"


def load_arrays(path: Path) -> "dict[str, NDArray[Any]]":
    """Return the arrays of an NPZ file; nothing pickled is read.

    Raises:
        Invalid: it is no NPZ file of plain arrays.
    """
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (ValueError, OSError, zipfile.BadZipFile, EOFError, TypeError) as error:
        pickled = "allow_pickle" in str(error)
        hint = "Pickled arrays are not read: store values and lengths." if pickled else "Write it with numpy.savez."
        raise Invalid(f"{path} is not an NPZ file of plain arrays: {error}", hint=hint) from error


def holds_series(path: Path) -> bool:
    """Return whether an NPZ file holds series rather than a table: X of three dimensions, or values with lengths."""
    arrays = load_arrays(path)
    return {"values", "lengths"} <= set(arrays) or ("X" in arrays and arrays["X"].ndim == 3)


def array_rows(path: Path, label: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the rows of arrays as mappings, numbered from 1; `y`, or the last column of a bare array, is the label.

    Raises:
        Invalid: the arrays do not fit together, or are not those of a table.
    """
    columns = _npy_columns(path, label) if path.suffix.lower() == ".npy" else _npz_columns(path, label)
    names = list(columns)
    for number, values in enumerate(zip(*(columns[name].tolist() for name in names), strict=True), start=1):
        yield number, dict(zip(names, values, strict=True))


def _npz_columns(path: Path, label: str) -> "dict[str, NDArray[Any]]":
    arrays = load_arrays(path)
    names = arrays.pop("feature_names", None)
    if "y" in arrays and label not in arrays:
        arrays[label] = arrays.pop("y")
    columns: dict[str, NDArray[Any]] = {}
    if "X" in arrays:
        columns = _of_matrix(path, arrays.pop("X"), None if names is None else [str(name) for name in names.tolist()])
    columns |= arrays
    lengths = {len(array) if array.ndim == 1 else -1 for array in columns.values()}
    if len(lengths) != 1 or -1 in lengths:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in columns.items()) or "nothing"
        raise Invalid(f"{path} holds {shapes}: no table.", hint=f"Expected: {_SHAPES}.")
    return columns


def _npy_columns(path: Path, label: str) -> "dict[str, NDArray[Any]]":
    import numpy as np

    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise Invalid(
            f"{path} is not an NPY file of plain numbers: {error}", hint="Write it with numpy.save."
        ) from error
    if array.dtype.names and array.ndim == 1:
        return {name: array[name] for name in array.dtype.names}
    if array.ndim == 2 and array.shape[1] > 1:
        columns = _of_matrix(path, array[:, :-1], None)
        return {**columns, label: array[:, -1]}
    raise Invalid(
        f"{path} holds an array of shape {array.shape}.",
        hint="Expected rows of features with the class as last column.",
    )


def _of_matrix(path: Path, matrix: "NDArray[Any]", names: list[str] | None) -> "dict[str, NDArray[Any]]":
    if matrix.ndim != 2:
        raise Invalid(f"{path}: X has the shape {matrix.shape}.", hint=f"Expected: {_SHAPES}.")
    names = names or [f"x{number}" for number in range(matrix.shape[1])]
    if len(names) != matrix.shape[1] or len(set(names)) < len(names):
        raise Invalid(
            f"{path}: feature_names has {len(set(names))} names for {matrix.shape[1]} columns of X.",
            hint="Give each column a name of its own.",
        )
    return {name: matrix[:, number] for number, name in enumerate(names)}
