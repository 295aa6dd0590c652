"""What can be known about the data and the base model before a run is started, without torch."""

from collections import Counter
from collections.abc import Sequence

from runyard.config.models import SERIES_NETS, EncoderLogreg, TextEncoder
from runyard.config.run import RunConfig
from runyard.config.series import read_series
from runyard.config.sources import Source, find_model, find_source
from runyard.config.tables import read_table
from runyard.core.errors import Invalid
from runyard.core.paths import Yard

_READ_WHOLE = 64_000_000
_HEAD = 1000


def check_data(config: RunConfig, yard: Yard) -> None:
    """Look at the data file and the base model; large tables are read in part.

    Raises:
        NotFound: a data set, a file or a model is not there.
        Invalid: it is there but cannot be used.
    """
    if isinstance(config.model, TextEncoder | EncoderLogreg):
        find_model(config.model.base_model, yard)
    source = find_source(config.training_data, yard)
    if isinstance(config.model, SERIES_NETS):
        if _is_small(source):
            check_classes(read_series(source, config.training_data).labels, source.name)
        return
    if source.path is None:
        raise Invalid(f"{source.name} holds series, not texts.", hint="Take a model of type cnn1d, lstm or mlp.")
    small = _is_small(source)
    table = read_table(source, config.training_data, limit=None if small else _HEAD)
    if small:
        check_classes(table.labels, source.name)


def _is_small(source: Source) -> bool:
    return source.path is None or source.path.stat().st_size <= _READ_WHOLE


def check_classes(labels: Sequence[str], name: str) -> list[str]:
    """Return the class names in order, numbers by value.

    Raises:
        Invalid: there is one class only, or nearly every example has a class of its own.
    """
    counts = Counter(labels)
    if len(counts) < 2:
        raise Invalid(
            f"All {len(labels)} examples of {name} are of one class, {next(iter(counts), '')!r}.",
            hint="A classifier needs two classes at least; check training_data.label_column.",
        )
    if len(counts) > max(20, len(labels) // 3):
        raise Invalid(
            f"{name} has {len(counts)} classes in {len(labels)} examples: numbers or ids, not classes.",
            hint="Check training_data.label_column.",
        )
    numeric = all(label.lstrip("-").isdigit() for label in counts)
    return sorted(counts, key=int) if numeric else sorted(counts)
