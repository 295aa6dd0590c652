"""The task of continuing texts: a causal language model learns answers with all its weights, or LoRA beside them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from runyard.config.models import CausalLm
from runyard.config.run import RunConfig
from runyard.core.errors import Invalid, Problem
from runyard.core.paths import Yard
from runyard.data.sources import find_model
from runyard.train.answers import BLEU_EXAMPLES, answered, bleu, questions
from runyard.train.dialogue_tokens import Row, writer_of
from runyard.train.encoder import check_length, shape_of
from runyard.train.language_data import LanguageData, read_language_data, written
from runyard.train.language_model import (
    Form,
    answer_logits,
    load_language_model,
    padded_rows,
    padding_of,
    save_language_model,
    token_facts,
)
from runyard.train.losses import build_loss
from runyard.train.order import epoch_order, in_order
from runyard.train.scores import token_scores
from runyard.train.task import Batch, Batches, Built, Loss, Part, Sample
from runyard.train.text import with_adapters
from runyard.train.transfer import put_body, read_source, without_head

Notice = Callable[[str, str, str], None]


class LanguageTask:
    """Dialogues, pairs or plain texts; the loss is on the tokens of the answers alone."""

    def __init__(self, config: RunConfig, yard: Yard, notice: Notice, device: torch.device) -> None:
        self._config, self._yard, self._notice = config, yard, notice

    def build(self) -> Built:
        config, part, hyper = self._config, self._config.model, self._config.hyperparameters
        assert isinstance(part, CausalLm)
        pretrained = config.training_type != "from_scratch"
        model, self._tokenizer = load_language_model(find_model(part.base_model, self._yard), weights=pretrained)
        data = read_language_data(config, self._yard)
        check_length(self._tokenizer, model, hyper.max_length)
        self._writer = writer_of(self._tokenizer, data.shape, config.training_data.template, hyper.max_length)
        if data.shape == "texts" and "bleu" in config.evaluation.metrics:
            problem = Problem("evaluation.metrics", "bleu compares answers; plain texts have none")
            raise Invalid(f"{problem}.", hint="Leave bleu out.", problems=[problem])
        self._rows = self._read(data)
        self._padding = padding_of(self._tokenizer)
        self._loss = build_loss(config.optimization.loss, [], torch.empty(0, dtype=torch.long))
        rows = [row.tokens for row in self._rows if row]
        facts = {**data.facts, "base_model": part.base_model, **shape_of(model, rows)}
        transferred = None
        if config.start_from is not None:
            source = read_source(self._yard.run(config.start_from))
            transferred = without_head(source, put_body(source, model))
        if config.method == "lora":
            model = with_adapters(model, part.lora, task="CAUSAL_LM")
        held_out = [data.examples[i] for i in self._members["validation"]]
        self._model, metrics = model, config.evaluation.metrics
        self._shown = questions(self._writer, data.shape, held_out, config.evaluation.samples)
        self._asked = questions(self._writer, data.shape, held_out, BLEU_EXAMPLES if "bleu" in metrics else 0)
        return Built(model, facts, self._save, transferred, self._samples)

    def _samples(self, model: torch.nn.Module) -> list[Sample]:
        return answered(model, self._tokenizer, self._shown, tokens=self._config.evaluation.sample_tokens)

    def _read(self, data: LanguageData) -> list[Row | None]:
        """Write the examples as tokens, and say what was cut and what is left out."""
        length = self._writer.max_length
        made = written(self._writer, data.examples)
        if made.cut:
            message = f"{made.cut} of {len(made.rows)} examples are longer than {length} tokens and were cut."
            self._notice("info", message, "Raise hyperparameters.max_length to read more of them.")
        lost = sum(row is None for row in made.rows)
        if lost:
            message = f"{lost} of {len(made.rows)} examples have no answer within {length} tokens and are left out."
            self._notice("warning", message, "Raise hyperparameters.max_length, or shorten the prompts.")
        self._members = {
            "train": [i for i in data.training if made.rows[i]],
            "validation": [i for i in data.validation if made.rows[i]],
        }
        for name, members in self._members.items():
            if not members:
                raise Invalid(f"No example of {name} has an answer within {length} tokens.", hint="Raise max_length.")
        return made.rows

    def batches(self, part: Part, epoch: int) -> Sequence[Batch]:
        members, size = self._members[part], self._config.hyperparameters.batch_size
        lengths = [len(row.tokens) for i in members if (row := self._rows[i])]
        if part == "train":
            order = epoch_order(len(members), size, seed=self._config.seed, epoch=epoch, lengths=lengths)
        else:
            order = in_order(sorted(range(len(members)), key=lengths.__getitem__), size)
        return Batches(order, lambda numbers: self._batch([members[i] for i in numbers]))

    def _batch(self, numbers: list[int]) -> Batch:
        rows = [row for i in numbers if (row := self._rows[i])]
        inputs, labels = padded_rows(rows, self._padding)
        return Batch(inputs, labels, sum(len(row.tokens) for row in rows))

    def loss(self, model: torch.nn.Module, batch: Batch) -> Loss:
        logits, tokens = answer_logits(model, batch.inputs, batch.labels)
        total, count = self._loss(logits, tokens)
        if model.training:  # nobody asks for scores
            return Loss(total, count, logits.new_empty((0, 2)), tokens)
        return Loss(total, count, token_facts(logits, tokens), tokens)

    def metrics(self, outputs: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
        scores = token_scores(outputs, self._config.evaluation.metrics)
        if self._asked:
            tokens = self._config.evaluation.sample_tokens
            scores["bleu"] = bleu(answered(self._model, self._tokenizer, self._asked, tokens=tokens))
        return scores

    def _save(self, model: torch.nn.Module, folder: Path) -> None:
        """Write the model, its adapters merged into it or alone, and its tokenizer."""
        part: Any = self._config.model
        whole: Any = model
        alone = self._config.method == "lora" and part.adapter == "adapter"
        if self._config.method == "lora" and not alone:
            whole = whole.merge_and_unload(safe_merge=True)
        writer, tokens = self._writer, self._config.evaluation.sample_tokens
        form = Form(writer.template, writer.max_length, part.base_model, alone, tokens)
        save_language_model(folder, whole, self._tokenizer, form)
