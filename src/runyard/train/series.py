"""The task of classifying series: windows of (time, channels) through a small convolutional net."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from runyard.config.dataset import TrainingData
from runyard.config.models import Cnn1d as Cnn1dConfig
from runyard.config.preflight import check_classes
from runyard.config.run import RunConfig
from runyard.config.series import SeriesSet, read_series
from runyard.config.sources import DIGITS, find_source
from runyard.core.errors import Invalid
from runyard.core.paths import Yard
from runyard.train import nets
from runyard.train.files import sha256_of
from runyard.train.losses import build_loss
from runyard.train.order import epoch_order, in_order, sampled, split
from runyard.train.scores import classification_scores, numbered
from runyard.train.task import Batch, Batches, Built, Loss, Part

Notice = Callable[[str, str, str], None]


class SeriesTask:
    """Series with a class each; longer ones are cut into windows that inherit it."""

    def __init__(self, config: RunConfig, yard: Yard, notice: Notice, device: torch.device) -> None:
        self._config, self._yard, self._notice = config, yard, notice

    def build(self) -> Built:
        config, data = self._config, self._config.training_data
        source = find_source(data, self._yard)
        series = read_series(source, data)
        numbers = sampled(series.labels, data.max_examples)
        labels = [series.labels[i] for i in numbers]
        classes = check_classes(labels, source.name)
        groups = [series.groups[i] for i in numbers] if series.groups is not None else None
        training, validation = split(labels, groups, None, data)
        length = window_length(series, data)
        self._x, self._y = {}, {}
        parts: tuple[tuple[Part, list[int]], ...] = (("train", training), ("validation", validation))
        for part, members in parts:
            pieces = [windows(series.series[numbers[i]], length, data.stride) for i in members]
            if short := sum(len(piece) == 0 for piece in pieces):
                message = f"{short} of {len(pieces)} series for {part} are shorter than a window and were left out."
                self._notice("warning", message, "Set a smaller training_data.window.")
            if short == len(pieces):
                raise Invalid(
                    f"No series for {part} is as long as a window of {length} steps.", hint="Set a smaller window."
                )
            of_class = numbered([labels[i] for i in members], classes)
            self._x[part] = torch.from_numpy(np.concatenate(pieces))
            self._y[part] = torch.from_numpy(np.repeat(of_class, [len(piece) for piece in pieces]))
        self.classes = classes
        self._loss = build_loss(config.optimization.loss, classes, self._y["train"])
        model = self._model()
        digest = f"@{sha256_of(source.path)[:12]}" if source.path else ""
        facts = {
            "dataset_id": source.name + digest,
            "dataset_size": len(self._x["train"]),
            "validation_size": len(self._x["validation"]),
            "classes": classes,
            "base_model": None,
            "dataset_note": _STAND_IN if source.name == DIGITS else None,
        }
        return Built(model, facts, self._save)

    def _model(self) -> nets.Cnn1d:
        part = self._config.model
        assert isinstance(part, Cnn1dConfig)
        x = self._x["train"].double()  # squares of large values would be infinite in float32
        model = nets.Cnn1d(**self._architecture())
        model.mean.copy_(x.mean(dim=(0, 1)))
        model.scale.copy_(x.std(dim=(0, 1)).clamp_min(1e-6))
        return model

    def _architecture(self) -> "nets.Architecture":
        part = self._config.model
        assert isinstance(part, Cnn1dConfig)
        return {
            "inputs": self._x["train"].shape[2],
            "classes": len(self.classes),
            "channels": list(part.channels),
            "kernel_size": part.kernel_size,
            "dropout": self._config.hyperparameters.dropout,
        }

    def batches(self, part: Part, epoch: int) -> Sequence[Batch]:
        size, count = self._config.hyperparameters.batch_size, len(self._x[part])
        if part == "train":
            order = epoch_order(count, size, seed=self._config.seed, epoch=epoch)
        else:
            order = in_order(range(count), size)
        return Batches(order, lambda numbers: Batch({"series": self._x[part][numbers]}, self._y[part][numbers]))

    def loss(self, model: torch.nn.Module, batch: Batch) -> Loss:
        logits = model(**batch.inputs)
        total, count = self._loss(logits, batch.labels)
        return Loss(total, count, logits.detach())

    def metrics(self, logits: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
        names = self._config.evaluation.metrics
        return classification_scores(logits.argmax(-1).numpy(), labels.numpy(), len(self.classes), names)

    def _save(self, model: torch.nn.Module, folder: Path) -> None:
        """Write weights, architecture and the net's own source, which needs torch alone."""
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
        save_file(weights, folder / "model.safetensors")
        shutil.copyfile(Path(nets.__file__), folder / "nets.py")
        about = {
            "model_type": "cnn1d",
            "architecture": self._architecture(),
            "classes": self.classes,
            "input": {"shape": ["batch", self._x["train"].shape[1], self._x["train"].shape[2]], "type": "float32"},
            "load": "model = nets.Cnn1d(**architecture); model.load_state_dict(safetensors.torch.load_file(...))",
        }
        (folder / "config.json").write_text(json.dumps(about, indent=1), "utf-8")


_STAND_IN = "A stand-in: the handwritten digits that come with scikit-learn, read row by row."


def window_length(series: SeriesSet, data: TrainingData) -> int:
    """Return the length of the windows: the one length of all series if it is not longer than a window."""
    lengths = {len(piece) for piece in series.series}
    channels = {piece.shape[1] for piece in series.series}
    if len(channels) > 1:
        raise Invalid(f"The series have {sorted(channels)} channels.", hint="All need the same number.")
    return next(iter(lengths)) if len(lengths) == 1 and max(lengths) <= data.window else data.window


def windows(series: NDArray[np.float32], length: int, stride: int) -> NDArray[np.float32]:
    """Cut a series (time, channels) into whole windows (n, length, channels); a shorter one gives none."""
    starts = range(0, len(series) - length + 1, stride)
    if not starts:
        return np.empty((0, length, series.shape[1]), dtype=np.float32)
    return np.stack([series[start : start + length] for start in starts])
