"""The task of classifying series: windows of (time, channels) through a small net."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from runyard.config.models import Mlp
from runyard.config.run import RunConfig
from runyard.core.paths import Yard
from runyard.train import nets
from runyard.train.losses import build_loss
from runyard.train.order import epoch_order, in_order
from runyard.train.scores import classification_scores
from runyard.train.series_data import Notice
from runyard.train.table_windows import read_windows
from runyard.train.task import Batch, Batches, Built, Loss, Part
from runyard.train.transfer import put_body, put_head, read_source


class SeriesTask:
    """Series with a class each; longer ones are cut into windows that inherit it."""

    def __init__(self, config: RunConfig, yard: Yard, notice: Notice, device: torch.device) -> None:
        self._config, self._yard, self._notice = config, yard, notice

    def build(self) -> Built:
        data, self._prepare = read_windows(self._config, self._yard, self._notice)
        self.classes = data.classes
        self._x = {part: torch.from_numpy(x) for part, x in data.x.items()}
        self._y = {part: torch.from_numpy(y) for part, y in data.y.items()}
        self._loss = build_loss(self._config.optimization.loss, data.classes, self._y["train"])
        model = self._model()
        transferred = None
        if self._config.start_from is not None:
            source = read_source(self._yard.run(self._config.start_from))
            transferred = put_head(source, model.head, self.classes, put_body(source, model))
        return Built(model, data.facts, self._save, transferred)

    def _model(self) -> nets.SeriesNet:
        x = self._x["train"].double()  # squares of large values would be infinite in float32
        model = nets.NETS[self._config.model.model_type](**self._architecture())
        model.mean.copy_(x.mean(dim=(0, 1)))
        model.scale.copy_(x.std(dim=(0, 1)).clamp_min(1e-6))
        return model

    def _architecture(self) -> dict[str, Any]:
        """Return the arguments of the net: what the config says, and what follows from the data."""
        _, steps, inputs = self._x["train"].shape
        part = self._config.model
        return {
            "inputs": inputs,
            "classes": len(self.classes),
            **({"steps": steps} if isinstance(part, Mlp) else {}),
            **part.model_dump(mode="json", exclude={"model_type"}),
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

    def metrics(self, outputs: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
        names = self._config.evaluation.metrics
        return classification_scores(outputs.argmax(-1).numpy(), labels.numpy(), len(self.classes), names)

    def _save(self, model: torch.nn.Module, folder: Path) -> None:
        """Write weights, architecture and the net's own source, which needs torch alone."""
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
        save_file(weights, folder / "model.safetensors")
        shutil.copyfile(Path(nets.__file__), folder / "nets.py")
        about: dict[str, Any] = {
            "model_type": self._config.model.model_type,
            "architecture": self._architecture(),
            "classes": self.classes,
            "input": {"shape": ["batch", self._x["train"].shape[1], self._x["train"].shape[2]], "type": "float32"},
            "load": f"model = nets.{type(model).__name__}(**architecture); model.load_state_dict(load_file(...))",
        }
        if self._prepare is not None:
            about |= self._prepare.save(folder)
        (folder / "config.json").write_text(json.dumps(about, indent=1), "utf-8")
