"""scikit-learn's own tables as files, with gaps and words in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn import datasets

NAMES = {"wine": datasets.load_wine, "breast_cancer": datasets.load_breast_cancer, "digits": datasets.load_digits}


def rows_of(name: str) -> list[dict[str, Any]]:
    """Return the rows of a table of scikit-learn: its features under short names, `label` a class name."""
    bunch = NAMES[name]()
    names = [str(column).replace(" ", "_") for column in bunch.feature_names]
    return [
        {**dict(zip(names, map(float, x), strict=True)), "label": str(bunch.target_names[y])}
        for x, y in zip(bunch.data, bunch.target, strict=True)
    ]


def gappy_wine() -> list[dict[str, Any]]:
    """Wine with a column of words that follows the class half of the time, and every tenth value missing."""
    random = np.random.default_rng(2)
    rows = rows_of("wine")
    for number, row in enumerate(rows):
        row["cellar"] = row["label"] if random.random() < 0.5 else str(random.choice(["north", "south"]))
        for key in [key for key in row if key != "label" and random.random() < 0.1]:
            row[key] = None
        row["vintage"] = f"20{10 + number % 12}-05-01"
        row["grower"] = f"g{number % 30}"
    return rows


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    names = list(rows[0])
    lines = [",".join(names), *(",".join("" if row[n] is None else str(row[n]) for n in names) for row in rows)]
    path.write_text("\n".join(lines) + "\n", "utf-8")


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    pq.write_table(pa.Table.from_pylist(rows), path)


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")


WRITERS: dict[str, Callable[[Path, list[dict[str, Any]]], None]] = {
    "csv": write_csv,
    "parquet": write_parquet,
    "jsonl": write_jsonl,
}
