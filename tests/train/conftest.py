"""Small real runs: a temporary yard, generated series and texts, an encoder of two thousand weights."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
import zstandard

sys.path.insert(0, str(Path(__file__).parent))

from ready import ready_yard
from warm import WarmRunner

from runyard.config.run import RunConfig, parse_run_config, to_yaml
from runyard.core.journal import Journal, RunJournal
from runyard.core.paths import RunFolder, Yard

TIMES = {"at", "attempt", "run", "epoch_seconds", "memory_gb", "cpu_utilization", "cpu_seconds", "memory_peak_gb"}
Event = dict[str, Any]


def read_events(folder: Path) -> list[Event]:
    """Return the events of all journals of a run, in the order of their attempts."""
    events: list[Event] = []
    for path in sorted(folder.glob("journal-*.jsonl*"), key=lambda path: path.name.split("-")[:2]):
        data = path.read_bytes()
        if path.suffix == ".zst":
            data = zstandard.ZstdDecompressor().stream_reader(data).read()
        events += [json.loads(line) for line in data.splitlines()]
    return events


@dataclass(frozen=True)
class Story:
    """The events of a run, by what a reader would ask for."""

    events: list[Event]

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.events if event["k"] == kind]

    def curve(self, name: str) -> dict[int, float]:
        """Return a metric by step; the last attempt wins."""
        return {
            event["step"]: metric["value"]
            for event in self.of("metrics")
            for metric in event["metrics"]
            if metric["name"] == name
        }

    def epochs(self) -> list[Event]:
        """Return the epochs without what depends on the clock; the last attempt wins."""
        by_number = {event["epoch"]: event for event in self.of("epoch")}
        return [{k: v for k, v in event.items() if k not in TIMES} for _, event in sorted(by_number.items())]

    @property
    def ended(self) -> Event:
        return self.of("ended")[-1]


class Child(Protocol):
    """A process that runs an attempt."""

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, number: int, /) -> None: ...


@dataclass(frozen=True)
class Bench:
    """A yard in which runs are made, in a process of their own or right here."""

    yard: Yard

    def prepare(self, **config: Any) -> RunFolder:
        folder = self.yard.run(uuid.uuid4())
        folder.path.mkdir(parents=True)
        folder.config.write_text(to_yaml(parse_run_config(config)), "utf-8")
        return folder

    def start(self, folder: RunFolder, attempt: int = 1, code: str = "", *, fresh: bool = False) -> Child:
        """Start the runner as a process, forked from a warm one.

        Args:
            code: what a fresh interpreter runs instead of `-m runyard.train`.
            fresh: start it as a launcher does, in a fresh interpreter: it proves as much and costs seconds of imports.
        """
        arguments = [str(folder.path), "--attempt", str(attempt)]
        if not code and not fresh:
            return WarmRunner(arguments, log=folder.log, cwd=self.yard.home)
        command = ["-c", code] if code else ["-m", "runyard.train"]
        with folder.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *command, *arguments],
                stdout=log,
                stderr=log,
                cwd=self.yard.home,
                env={**os.environ, "HF_HUB_OFFLINE": "1"},
                start_new_session=True,
            )

    def finish(self, folder: RunFolder, attempt: int = 1, code: str = "", *, fresh: bool = False) -> tuple[int, Story]:
        """Run to the end; return the exit code and the story."""
        exit_code = self.start(folder, attempt, code, fresh=fresh).wait(timeout=240)
        return exit_code, self.story(folder)

    def kill(
        self, folder: RunFolder, attempt: int, *, steps: int, how: int = signal.SIGKILL, fresh: bool = False
    ) -> int:
        """Start an attempt and kill it once it has journalled so many steps; return its exit code."""
        child = self.start(folder, attempt, fresh=fresh)
        deadline = time.monotonic() + 200
        while child.poll() is None and time.monotonic() < deadline:
            lines = b"".join(path.read_bytes() for path in folder.path.glob(f"journal-{attempt}-*.jsonl"))
            if lines.count(b'"train/loss"') >= steps:
                child.send_signal(how)
                return child.wait(timeout=60)
            time.sleep(0.002)
        raise AssertionError(f"the run ended before step {steps}:\n{folder.log.read_text()[-3000:]}")

    def story(self, folder: RunFolder) -> Story:
        return Story(read_events(folder.path))

    def loop(self, folder: RunFolder, attempt: int = 1, extra: Sequence[Any] = ()) -> Any:
        """Assemble the network of a run in this process, with further callbacks."""
        from threading import Event as Flag

        import torch

        from runyard.config.run import load_run_config
        from runyard.train.callbacks import usual_callbacks
        from runyard.train.network import assemble, task_maker
        from runyard.train.progress import Progress

        config: RunConfig = load_run_config(folder.config)
        pen = RunJournal(Journal(folder.journal(attempt)), folder.path.name, attempt)
        device = torch.device("cpu")

        def notice(level: str, message: str, hint: str) -> None:
            pen.emit("notice", level=level, message=message, hint=hint)

        return assemble(
            config,
            task_maker(config)(config, self.yard, notice, device),
            pen,
            checkpoints=folder.checkpoints,
            callbacks=[*usual_callbacks(config, Flag(), folder.cancel), *extra],
            device=device,
            progress=Progress(),
        )

    def fit(self, **config: Any) -> tuple[Any, Story]:
        """Train a config in this process; return the network and the story."""
        folder = self.prepare(**config)
        network = self.loop(folder)
        network.loop.run()
        return network, self.story(folder)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return bench_in(tmp_path)


def bench_in(folder: Path) -> Bench:
    return Bench(ready_yard(folder / "yard"))


@pytest.fixture
def waves(bench: Bench) -> dict[str, Any]:
    return put_waves(bench)


def put_waves(bench: Bench) -> dict[str, Any]:
    """Two kinds of noisy waves, unevenly many of each, from twelve subjects; as the data of a config."""
    random = np.random.default_rng(5)
    count, steps = 120, 24
    y = (np.arange(count) % 3 == 0).astype(np.int64)
    time_ = np.arange(steps) * np.where(y, 0.9, 0.5)[:, None]
    x = np.stack([np.sin(time_), np.cos(time_)], axis=-1) + random.normal(0, 0.5, (count, steps, 2))
    np.savez(bench.yard.datasets / "waves.npz", X=x.astype(np.float32), y=y, subject=np.arange(count) % 12)
    return {
        "model": {"model_type": "cnn1d", "channels": [8, 8], "kernel_size": 3},
        "training_data": {"source": "waves"},
    }


FOOD = ["soup", "bread", "tea", "rice", "cake", "beans"]
GOOD, BAD = ["fresh", "tasty", "lovely"], ["stale", "bitter", "burnt"]


@pytest.fixture
def reviews(bench: Bench) -> dict[str, Any]:
    return put_reviews(bench)


def put_reviews(bench: Bench) -> dict[str, Any]:
    """Eighty short reviews of uneven length, as the data of a config."""
    random = np.random.default_rng(3)
    rows = []
    for number in range(80):
        good = number % 2 == 0
        words = [*random.choice(FOOD, random.integers(1, 9)), *random.choice(GOOD if good else BAD, 2)]
        random.shuffle(words)
        rows.append({"text": " ".join(words), "label": "great" if good else "other"})
    path = bench.yard.datasets / "reviews.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    return {"training_data": {"source": "reviews"}}


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two thousand random weights with a tokenizer of whole words, as a model folder."""
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("models") / "tiny"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *FOOD, *GOOD, *BAD]
    tokenizer = Tokenizer(WordLevel({word: index for index, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    shape = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
    )
    BertModel(shape).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def learned(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., RunFolder]:
    """Give a bench a completed run of this config: it is trained for the first who asks, the others get a copy."""
    made: dict[str, RunFolder] = {}

    def give(bench: Bench, **config: Any) -> RunFolder:
        key = json.dumps(config, sort_keys=True)
        if key not in made:
            first = bench_in(tmp_path_factory.mktemp("learned"))
            put_waves(first)
            put_reviews(first)
            (first.yard.models / "tiny").symlink_to(tiny_encoder)
            folder = first.prepare(**config)
            assert first.finish(folder)[0] == 0, folder.log.read_text()
            made[key] = folder
        copy = bench.yard.run(uuid.UUID(made[key].path.name))
        shutil.copytree(made[key].path, copy.path)
        return copy

    return give


@pytest.fixture
def encoder(bench: Bench, tiny_encoder: Path) -> Path:
    """The tiny encoder as the model `tiny` of the yard."""
    folder = bench.yard.models / "tiny"
    folder.symlink_to(tiny_encoder)
    return folder


class Killed(BaseException):
    """Stands for the end of a process between two steps, where nothing can be saved any more."""


@pytest.fixture
def killer() -> Callable[[int], Any]:
    """Make a callback under which the loop dies after a step."""
    from runyard.train.callbacks import Action, Quiet

    class Killer(Quiet):
        def __init__(self, step: int) -> None:
            self._step = step

        def after_step(self, progress: Any) -> Action:
            if progress.step == self._step:
                raise Killed
            return Action.NOTHING

    return Killer
