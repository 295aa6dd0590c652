"""Whether a preset, a model and a data set go together; if not, why, and what would."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from runyard.config.models import SERIES_NETS
from runyard.data.facts import DataFacts
from runyard.presets.model_facts import ModelFacts
from runyard.presets.preset import Preset

_DOES = {
    "text_encoder": "reads a text as a whole and sorts it into classes",
    "causal_lm": "writes one word after the other",
    "cnn1d": "sorts series into classes",
    "mlp": "sorts series into classes",
    "lstm": "sorts series into classes",
}
_TASK_WORDS = {
    "classification": "texts with a label each",
    "chat": "conversations (messages)",
    "completion": "prompts with their answers",
    "text": "plain texts",
    "series": "series",
}
# What each kind of model can learn from.
LEARNS_FROM = {
    "text_encoder": ("classification",),
    "causal_lm": ("chat", "completion", "text", "classification"),
    "tfidf_logreg": ("classification",),
    "encoder_logreg": ("classification",),
    **dict.fromkeys((str(part.model_fields["model_type"].default) for part in SERIES_NETS), ("series",)),
}


@dataclass(frozen=True)
class Mismatch:
    """Why two things do not go together, and what to take instead; `about` is model, preset or data."""

    about: str
    message: str
    remedy: str


def mismatches(
    preset: Preset | None,
    kind: str | None,
    model: ModelFacts | None,
    data: DataFacts | None,
    *,
    presets: Sequence[Preset] = (),
) -> Iterator[Mismatch]:
    """Yield every reason why these cannot be trained together.

    Args:
        preset: None for a configuration of one's own.
        kind: the model type; None where the model is of no kind that Runyard trains.
        presets: those to name in a remedy.
    """
    if kind is None:
        what = model.architecture if model else "This model"
        yield Mismatch(
            "model",
            f"{what} is neither an encoder nor a language model that writes.",
            "Take a model like all-MiniLM-L6-v2 (reads) or SmolLM2-135M (writes).",
        )
        return
    name = f"{model.name} ({model.architecture})" if model else kind
    if preset is not None and kind not in preset.model_types:
        wanted = " or ".join(f"one that {_DOES.get(word, word)}" for word in preset.model_types)
        others = ", ".join(other.name for other in presets if kind in other.model_types)
        remedy = f"For this model take: {others}." if others else "Take another model."
        said = f"{preset.title} needs a model of another kind: {wanted}. {name} {_DOES.get(kind, '')}."
        yield Mismatch("model", said, remedy)
    if data is None or data.task == "unknown" or kind not in LEARNS_FROM:
        return
    holds = _TASK_WORDS[data.task]
    able = LEARNS_FROM[kind]
    if data.task not in able:
        wanted = ", or ".join(_TASK_WORDS[task] for task in able)
        said = f"{data.name} holds {holds}; {name} learns from {wanted}."
        yield Mismatch("data", said, "Take other data, or another model.")
    elif preset is not None and preset.tasks and data.task not in preset.tasks:
        wanted = ", or ".join(_TASK_WORDS[task] for task in preset.tasks)
        fitting = [p.name for p in presets if kind in p.model_types and (not p.tasks or data.task in p.tasks)]
        yield Mismatch(
            "data",
            f"{preset.title} learns from {wanted}; {data.name} holds {holds}.",
            f"Bring the data into that shape, or take: {', '.join(fitting) or 'another preset'}.",
        )
    if data.task == "chat" and kind == "causal_lm" and model is not None and not model.has_chat_template:
        yield Mismatch(
            "model",
            f"The tokenizer of {model.name} has no chat template: it does not know how a conversation is written.",
            "Take the model's instruct variant, or data with prompt and completion.",
        )
