"""Labels, groups and times of a data set, of whatever kind, without its inputs: what a split needs."""

from runyard.config.dataset import TrainingData
from runyard.data.arrays import holds_series
from runyard.data.marks import MarkReader, Marks
from runyard.data.series import read_series
from runyard.data.sources import Source
from runyard.data.tables import rows_of


def read_marks(source: Source, data: TrainingData) -> Marks:
    """Read what a split needs.

    Raises:
        Invalid: the rows cannot be read, or lack what the split asks for.
    """
    if source.path is None or (source.format == "npz" and holds_series(source.path)):
        series = read_series(source, data)
        return Marks(series.labels, series.groups, None, series.times)
    marks = MarkReader(source.path, data)
    for line, row in rows_of(source, data):
        marks.read(line, row)
    return marks.finish()
