"""What can be known about the data and the base model before a run is started, without torch."""

import re
from collections import Counter
from collections.abc import Sequence

from runyard.config.class_names import check_loss
from runyard.config.dataset import TrainingData
from runyard.config.estimators import ESTIMATORS
from runyard.config.models import SERIES_NETS, CausalLm, EncoderLogreg, Majority, TextEncoder
from runyard.config.reinforcement import is_rewarded
from runyard.config.run import RunConfig
from runyard.core.errors import Invalid, Problem
from runyard.core.paths import Yard
from runyard.data.dialogues import read_dialogues
from runyard.data.features import read_features, reads_table
from runyard.data.preferences import read_preferences
from runyard.data.series import read_series
from runyard.data.sources import FOLDER, Source, find_model, find_source, has_chat_template
from runyard.data.split import check_marks
from runyard.data.tables import read_table

_READ_WHOLE = 64_000_000
_HEAD = 1000
_WHOLE = re.compile(r"-?[0-9]{1,100}")  # what str.isdigit() takes for a digit, int() need not


def check_data(config: RunConfig, yard: Yard) -> None:
    """Look at the data file and the base model; large tables are read in part.

    Raises:
        NotFound: a data set, a file or a model is not there.
        Invalid: it is there but cannot be used.
    """
    if isinstance(config.model, TextEncoder | EncoderLogreg | CausalLm):
        find_model(config.model.base_model, yard)
    source = find_source(config.training_data, yard)
    small = _is_small(source)
    limit = None if small else _HEAD
    if isinstance(config.model, CausalLm):
        if config.training_type == "reinforcement":
            paired = not is_rewarded(config.reinforcement)
            read_preferences(source, config.training_data, paired=paired, limit=limit)
            return
        shape = read_dialogues(source, config.training_data, limit=limit).shape
        folder = find_model(config.model.base_model, yard)
        if not has_chat_template(folder) and (shape == "messages" or config.training_data.template == "chat"):
            raise no_chat_template()
        return
    if reads_table(config.model, source, config.training_data):
        labels = read_features(source, config.training_data, limit=limit).marks.labels
    elif isinstance(config.model, (*SERIES_NETS, *ESTIMATORS)) or (
        isinstance(config.model, Majority) and source.format == "npz"
    ):
        labels = _labels_of_series(source, config.training_data) if small else []
    elif source.path is None:
        raise Invalid(f"{source.name} holds series, not texts.", hint="Take a model of type cnn1d, lstm or mlp.")
    else:
        labels = read_table(source, config.training_data, limit=limit).labels
    if small:
        check_loss(config.optimization.loss, check_classes(labels, source.name))


def _labels_of_series(source: Source, data: TrainingData) -> list[str]:
    series = read_series(source, data)
    check_marks(data, groups=series.groups, held_out=None, times=series.times)
    return series.labels


def no_chat_template() -> Invalid:
    """Return what to say where conversations meet a tokenizer that cannot write them."""
    message = "the tokenizer of the base model has no chat template"
    return Invalid(
        f"The examples are to be written as conversations, and {message}.",
        hint="Take an instruct model, put a chat_template.jinja into its folder, or give the data as prompt and "
        "completion with training_data.template plain.",
        problems=[Problem("model.base_model", message)],
    )


def _is_small(source: Source) -> bool:
    return source.path is None or source.format == FOLDER or source.path.stat().st_size <= _READ_WHOLE


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
    numeric = all(_WHOLE.fullmatch(label) for label in counts)
    return sorted(counts, key=int) if numeric else sorted(counts)
