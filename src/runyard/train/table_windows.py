"""What a small net reads: windows of series, or the rows of a table as windows of one step, prepared as numbers."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from runyard.config.run import RunConfig
from runyard.core.paths import Yard
from runyard.data.features import Feature, reads_table
from runyard.data.sources import find_source
from runyard.train.series_data import Notice, SeriesData, read_series_data

if TYPE_CHECKING:
    from runyard.train.task import Part

PREPARE_FILE = "prepare.skops"


@dataclass(frozen=True)
class Prepared:
    """How the rows of a table became the numbers of a net; `transform` is fitted on the training part."""

    transform: Any
    features: tuple[Feature, ...]

    def save(self, folder: Path) -> dict[str, Any]:
        """Write the transformer; returns what config.json says of it."""
        from runyard.train.estimator_files import dump_estimator

        dump_estimator(self.transform, folder / PREPARE_FILE)
        return {
            "columns": [{"name": feature.name, "kind": feature.kind} for feature in self.features],
            "prepare": f"model(torch.tensor(skops.io.load('{PREPARE_FILE}').transform(rows)).float()[:, None])",
        }


def read_windows(config: RunConfig, yard: Yard, notice: Notice) -> tuple[SeriesData, Prepared | None]:
    """Read the series, or the table, of a config; of a table also how its rows became numbers.

    Raises:
        NotFound, Invalid: as `read_series_data` and `read_table_data`.
    """
    if not reads_table(config.model, find_source(config.training_data, yard), config.training_data):
        return read_series_data(config, yard, notice), None
    from runyard.train.prepare import build_prepare  # scikit-learn, which series do without
    from runyard.train.table_data import read_table_data

    data = read_table_data(config, yard, notice)
    transform = build_prepare(data.features).fit(data.x[data.training])
    x: dict[Part, NDArray[np.float32]] = {}
    y: dict[Part, NDArray[np.int64]] = {}
    parts: tuple[tuple[Part, list[int]], ...] = (("train", data.training), ("validation", data.validation))
    for part, members in parts:
        x[part], y[part] = as_windows(transform.transform(data.x[members])), data.y[members]
    return SeriesData(x, y, data.classes, data.validation, data.facts), Prepared(transform, data.features)


def as_windows(rows: NDArray[Any]) -> NDArray[np.float32]:
    """Return rows (n, features) as windows of one step (n, 1, features)."""
    return np.asarray(rows, dtype=np.float32)[:, None, :]
