"""The task of classifying texts with an encoder: all weights, LoRA adapters beside them, or the head alone."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from runyard.config.models import Lora, TextEncoder
from runyard.config.problems import did_you_mean
from runyard.config.run import RunConfig
from runyard.core.errors import Invalid, Problem
from runyard.core.paths import Yard
from runyard.data.sources import find_model
from runyard.train.encoder import (
    TextClassifier,
    check_length,
    features_of,
    load_encoder,
    padded,
    save_classifier,
    shape_of,
    tokenized,
)
from runyard.train.losses import build_loss
from runyard.train.order import epoch_order, in_order
from runyard.train.scores import classification_scores, numbered
from runyard.train.task import Batch, Batches, Built, Loss, Part
from runyard.train.text_data import read_text_data
from runyard.train.token_cache import cached_tokens
from runyard.train.transfer import put_body, put_head, read_source

Notice = Callable[[str, str, str], None]


class TextTask:
    """Texts with a class each. With the encoder frozen its features are computed once, before the first epoch."""

    def __init__(self, config: RunConfig, yard: Yard, notice: Notice, device: torch.device) -> None:
        self._config, self._yard, self._notice, self._device = config, yard, notice, device

    def build(self) -> Built:
        config, part, hyper = self._config, self._config.model, self._config.hyperparameters
        assert isinstance(part, TextEncoder)
        folder = find_model(part.base_model, self._yard)
        encoder, self._tokenizer = load_encoder(folder)
        data = read_text_data(config, self._yard, self._notice)
        self.classes = data.classes
        check_length(self._tokenizer, encoder, hyper.max_length)
        self._rows, cut = cached_tokens(
            self._yard,
            config.training_data,
            data.sha256,
            folder,
            hyper.max_length,
            data.texts,
            lambda: tokenized(self._tokenizer, encoder, data.texts, hyper.max_length),
        )
        if cut:
            message = f"{cut} of {len(self._rows)} texts are longer than {hyper.max_length} tokens and were cut."
            self._notice("info", message, "Raise hyperparameters.max_length to read more of them.")
        self._padding = self._tokenizer.pad_token_id or 0
        self._y = torch.from_numpy(numbered(data.labels, data.classes))
        self._members: dict[str, list[int]] = {"train": data.training, "validation": data.validation}
        self._loss = build_loss(config.optimization.loss, data.classes, self._y[data.training])
        self._features: torch.Tensor | None = None
        width = int(encoder.config.hidden_size)
        source = None if config.start_from is None else read_source(self._yard.run(config.start_from))
        taken = [] if source is None else put_body(source, encoder)
        if config.method == "lora":
            encoder = with_adapters(encoder, part.lora)
        elif config.method == "frozen":
            encoder.requires_grad_(False)
            self._features = features_of(encoder, self._rows, self._padding, 32, self._device)
        model = TextClassifier(encoder, width, len(data.classes), hyper.dropout)
        transferred = None if source is None else put_head(source, model.head, data.classes, taken)
        facts = {**data.facts, "base_model": part.base_model}
        if self._features is None:
            facts |= shape_of(encoder, self._rows)
        return Built(model, facts, self._save, transferred)

    def batches(self, part: Part, epoch: int) -> Sequence[Batch]:
        members, size = self._members[part], self._config.hyperparameters.batch_size
        lengths = None if self._features is not None else [len(self._rows[i]) for i in members]
        if part == "train":
            order = epoch_order(len(members), size, seed=self._config.seed, epoch=epoch, lengths=lengths)
        else:
            by_length = sorted(range(len(members)), key=lengths.__getitem__) if lengths else range(len(members))
            order = in_order(by_length, size)
        return Batches(order, lambda numbers: self._batch([members[i] for i in numbers]))

    def _batch(self, numbers: list[int]) -> Batch:
        labels, tokens = self._y[numbers], sum(len(self._rows[i]) for i in numbers)
        if self._features is not None:
            return Batch({"features": self._features[numbers]}, labels, tokens)
        return Batch(padded([self._rows[i] for i in numbers], self._padding), labels, tokens)

    def loss(self, model: torch.nn.Module, batch: Batch) -> Loss:
        logits = model(**batch.inputs)
        total, count = self._loss(logits, batch.labels)
        return Loss(total, count, logits.detach())

    def metrics(self, outputs: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
        names = self._config.evaluation.metrics
        return classification_scores(outputs.argmax(-1).numpy(), labels.numpy(), len(self.classes), names)

    def _save(self, model: torch.nn.Module, folder: Path) -> None:
        """Write the encoder (adapters merged into it), its tokenizer and the head."""
        assert isinstance(model, TextClassifier)
        encoder: Any = model.encoder
        if self._config.method == "lora":
            encoder = encoder.merge_and_unload(safe_merge=True)
        about = {"classes": self.classes, "max_length": self._config.hyperparameters.max_length}
        save_classifier(folder, encoder, self._tokenizer, model.head.state_dict(), about)


def with_adapters(encoder: Any, lora: Lora, *, task: str = "FEATURE_EXTRACTION") -> Any:
    """Return the encoder frozen, with trainable LoRA adapters beside its layers.

    Args:
        task: what peft makes of it, a name of its `TaskType`.

    Raises:
        Invalid: the named layers are not there, or peft does not know the usual ones of this architecture.
    """
    from peft import LoraConfig, TaskType, get_peft_model

    adapters = LoraConfig(
        task_type=TaskType[task],
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(lora.targets) or None,
    )
    names = [name for name, _ in encoder.named_modules()]
    linear = sorted({n.rsplit(".", 1)[-1] for n, m in encoder.named_modules() if isinstance(m, torch.nn.Linear)})
    hint = f"Set model.lora.targets to some of: {', '.join(linear)}."
    # peft would leave out without a word those that are not there, as long as one is.
    lacking = [
        Problem(
            f"model.lora.targets.{place}", f"there is no layer {target!r}{did_you_mean(target, linear)}", (*linear,)
        )
        for place, target in enumerate(lora.targets)
        if not any(name == target or name.endswith(f".{target}") for name in names)
    ]
    if lacking:
        raise Invalid("LoRA is to go beside layers that this model does not have.", hint=hint, problems=lacking)
    try:
        return get_peft_model(encoder, adapters)
    except ValueError as error:
        raise Invalid(f"LoRA cannot be put into this model: {error}", hint=hint) from error
