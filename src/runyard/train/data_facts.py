"""What a run journals of its data before it trains: the version, what it holds, and how the classes are split."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from runyard.core import records
from runyard.core.errors import RunyardError
from runyard.data.sources import find_source
from runyard.data.survey import survey
from runyard.data.version import hold_version, version_of
from runyard.train.attempt import Attempt

_MOST_ROWS = 20_000  # a look that costs less than a second


def journal_data(attempt: Attempt) -> None:
    """Journal the version of the data once; later attempts must find the same.

    Raises:
        NotFound, Invalid: the data is not there, or changed between the attempts.
    """
    data = attempt.config.training_data
    source = find_source(data, attempt.yard)
    version = version_of(source)
    if version is None or not hold_version(attempt.folder, version):
        return
    facts: dict[str, Any] = {"version": version.id, "name": source.name, "sha256": version.sha256}
    facts |= {"path": str(source.path), "format": source.format, "size_bytes": source.size_bytes()}
    facts["split"] = {"by": data.split_by, "validation_split": data.validation_split}
    try:
        found = survey(source, data, most=_MOST_ROWS)
    except RunyardError:  # what reads the data to train on it will say it better
        found = None
    if found is not None:
        facts["columns"] = found.plain()["columns"]
        if found.is_whole:
            facts |= {"rows": found.rows, "classes": found.classes}
    event = records.event("dataset", facts)
    attempt.pen.emit("dataset", **{name: value for name, value in event.items() if name not in ("k", "at")})


def class_counts(
    labels: Sequence[str], training: Sequence[int], validation: Sequence[int]
) -> dict[str, dict[str, int]]:
    """Return how many examples of each class are in each part."""
    parts = {"train": training, "validation": validation}
    return {part: dict(sorted(Counter(labels[i] for i in numbers).items())) for part, numbers in parts.items()}
