"""The same texts, weights and batch size through Runyard's loop and through transformers' Trainer.

As a program, `rivals.py ours|trainer METHOD FOLDER`, one of them trains alone and its peak memory is printed.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from runyard.config.run import RunConfig, parse_run_config
from runyard.core import usage
from runyard.core.journal import Journal, RunJournal
from runyard.core.paths import Yard
from runyard.train.callbacks import Action, Quiet
from runyard.train.encoder import TextClassifier, load_encoder
from runyard.train.network import assemble
from runyard.train.progress import Progress
from runyard.train.text import TextTask, with_adapters

CLASSES = ["great", "other"]


@dataclass
class Pace(Quiet):
    """What the steps of one training cost: CPU seconds of each after the first two, and the tokens with padding."""

    seconds: list[float] = field(default_factory=list)
    padded_tokens: int = 0
    _last: float = 0.0

    def tick(self) -> None:
        now = time.process_time()
        if self._last:
            self.seconds.append(now - self._last)
        self._last = now

    def after_step(self, progress: Progress) -> Action:
        self.tick()
        return Action.NOTHING

    @property
    def of_a_step(self) -> float:
        """The median, without the first steps, in which memory is taken."""
        usual = sorted(self.seconds[1:])
        return usual[len(usual) // 2]

    @property
    def of_all(self) -> float:
        return sum(self.seconds)


def config_of(path: Path, *, method: str, max_length: int) -> RunConfig:
    return parse_run_config(
        {
            "model": {"model_type": "text_encoder", "base_model": "all-MiniLM-L6-v2"},
            "method": method,
            "training_data": {"path": str(path), "split_by": "column"},
            "hyperparameters": {"learning_rate": 1e-4, "batch_size": 16, "epochs": 1, "max_length": max_length},
        }
    )


def ours(config: RunConfig, yard: Yard, kind: Any = TextTask) -> Pace:
    """Train one epoch of a kind of task with Runyard's loop, its journal and its gradient norms included."""
    folder = yard.run(uuid.uuid4())
    folder.path.mkdir(parents=True)
    pen = RunJournal(Journal(folder.journal(1)), folder.path.name, 1)
    pace, device = Pace(), torch.device("cpu")
    task = kind(config, yard, lambda *_: None, device)
    with contextlib.closing(pen.journal):
        checkpoints = folder.checkpoints
        network = assemble(
            config, task, pen, checkpoints=checkpoints, callbacks=[pace], device=device, progress=Progress()
        )
        pace.padded_tokens = sum(batch.inputs["input_ids"].numel() for batch in task.batches("train", 1))
        network.loop.run()
    return pace


class Judged(nn.Module):
    """The same classifier as Trainer wants it: labels in, a loss out."""

    def __init__(self, classifier: TextClassifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor
    ) -> Mapping[str, torch.Tensor]:
        logits = self.classifier(input_ids=input_ids, attention_mask=attention_mask)
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


def trainer(config: RunConfig, yard: Yard) -> Pace:
    """Train one epoch with Trainer as it comes, a log line a step."""
    from transformers import DataCollatorWithPadding, Trainer, TrainerCallback, TrainingArguments

    pace, hyper = Pace(), config.hyperparameters

    class Clock(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            pace.tick()

    torch.set_num_threads(1)
    encoder, tokenizer = load_encoder(yard.models / "all-MiniLM-L6-v2")
    width = int(encoder.config.hidden_size)
    if config.method == "lora":
        encoder = with_adapters(encoder, config.model.lora)  # type: ignore[union-attr]
    model = Judged(TextClassifier(encoder, width, len(CLASSES), hyper.dropout))
    rows = texts_of(Path(config.training_data.path or ""))
    ids = tokenizer([text for text, _ in rows], truncation=True, max_length=hyper.max_length)["input_ids"]
    examples = [
        {"input_ids": row, "attention_mask": [1] * len(row), "labels": CLASSES.index(label)}
        for row, (_, label) in zip(ids, rows, strict=True)
    ]
    pad = DataCollatorWithPadding(tokenizer)

    def collate(batch: list[Any]) -> Any:
        made = pad(batch)
        pace.padded_tokens += made["input_ids"].numel()
        return made

    arguments = TrainingArguments(
        output_dir=str(yard.home / "trainer"),
        per_device_train_batch_size=hyper.batch_size,
        learning_rate=hyper.learning_rate,
        num_train_epochs=1,
        lr_scheduler_type="cosine",
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        seed=config.seed,
    )
    runner = Trainer(model, arguments, data_collator=collate, train_dataset=examples, callbacks=[Clock()])
    with contextlib.redirect_stdout(None):
        runner.train()
    return pace


def write_texts(source: Path, target: Path, tokenizer_folder: Path, *, count: int, longer_than: int = 0) -> None:
    """Write so many food reviews, those with enough tokens, and a few to validate on."""
    import polars as pl
    from transformers import AutoTokenizer

    table = pl.read_parquet(source).select("text", "label")
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder, local_files_only=True)
    sizes = [len(ids) for ids in tokenizer(table["text"].to_list(), verbose=False)["input_ids"]]
    chosen = (
        table.with_columns(size=pl.Series(sizes)).filter(pl.col("size") > longer_than).drop("size").head(count + 16)
    )
    split = ["train"] * count + ["validation"] * 16
    chosen.with_columns(split=pl.Series(split)).write_parquet(target)


def texts_of(path: Path) -> list[tuple[str, str]]:
    import polars as pl

    table = pl.read_parquet(path).filter(pl.col("split") == "train")
    return list(table.select("text", "label").iter_rows())


if __name__ == "__main__":
    who, method, home, path = sys.argv[1:]
    alone = {"ours": ours, "trainer": trainer}[who]
    alone(config_of(Path(path), method=method, max_length=128), Yard(Path(home)))
    print(json.dumps({"peak_mb": 1000 * usage.memory_peak_gb()}))
