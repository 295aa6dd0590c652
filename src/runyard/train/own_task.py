"""The task of training a torch module of the user's own on arrays: classes by a config's loss, or real numbers."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import save_model

from runyard.config.own_module import FitConfig
from runyard.core.errors import Invalid
from runyard.train.losses import build_loss
from runyard.train.order import epoch_order, in_order
from runyard.train.own_data import ONE, Examples, Inputs, Targets
from runyard.train.scores import classification_scores
from runyard.train.task import Batch, Batches, Built, Loss, Part

OwnLoss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class OwnTask:
    """Examples for training and validation, and the loss between a module's outputs and their targets.

    `own_loss` of (outputs, targets) returns the mean over the examples; without one, classes take that of the config
    and real numbers the squared error.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        parts: dict[Part, Examples],
        targets: Targets,
        config: FitConfig,
        own_loss: OwnLoss | None = None,
    ) -> None:
        self.module, self.parts, self.targets, self._config, self.own_loss = module, parts, targets, config, own_loss
        if targets.is_classes:
            self._of_classes = build_loss(config.optimization.loss, targets.classes, parts["train"].y)

    def build(self) -> Built:
        train, validation = self.parts["train"], self.parts["validation"]
        facts = {
            "dataset_id": f"arrays@{(self._config.training_data.sha256 or '')[:12]}",
            "dataset_size": len(train),
            "validation_size": len(validation),
            "classes": list(self.targets.classes) or None,
        }
        return Built(self.module, facts, save_module)

    def batches(self, part: Part, epoch: int) -> Sequence[Batch]:
        size, examples = self._config.hyperparameters.batch_size, self.parts[part]
        if part == "train":
            order = epoch_order(len(examples), size, seed=self._config.seed, epoch=epoch)
        else:
            order = in_order(range(len(examples)), size)
        return Batches(order, lambda numbers: _batch(examples, numbers))

    def loss(self, model: torch.nn.Module, batch: Batch) -> Loss:
        outputs = outputs_of(model, batch.inputs)
        if self.own_loss is not None:
            count = torch.tensor(float(len(batch.labels)), device=outputs.device)
            return Loss(self.own_loss(outputs, batch.labels) * count, count, outputs.detach())
        if self.targets.is_classes:
            total, count = self._of_classes(outputs, batch.labels)
            return Loss(total, count, outputs.detach())
        outputs = _shaped(outputs, batch.labels)
        count = torch.tensor(float(outputs.numel()), device=outputs.device)
        return Loss(F.mse_loss(outputs.float(), batch.labels, reduction="sum"), count, outputs.detach())

    def metrics(self, logits: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
        """Return the scores of outputs; none where a loss of the user's own reads outputs of another shape."""
        if logits.ndim != 2 if self.targets.is_classes else logits.numel() != labels.numel():
            return {}
        if self.targets.is_classes:
            names = self._config.evaluation.metrics
            return classification_scores(logits.argmax(-1).numpy(), labels.numpy(), len(self.targets.classes), names)
        logits = _shaped(logits, labels)
        spread = (labels - labels.mean(dim=0)).square().sum()
        left = (labels - logits).square().sum()
        scores = {"mae": float((labels - logits).abs().mean())}
        return scores | ({"r2": float(1 - left / spread)} if spread > 0 else {})


def _batch(examples: Examples, numbers: list[int]) -> Batch:
    return Batch({name: tensor[numbers] for name, tensor in examples.inputs.items()}, examples.y[numbers])


def _shaped(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return outputs.reshape(targets.shape) if outputs.numel() == targets.numel() else outputs


def outputs_of(module: torch.nn.Module, inputs: Inputs) -> torch.Tensor:
    """Run a module: on one array by position, on several by their names; its outputs may be those of transformers."""
    out = module(inputs[ONE]) if set(inputs) == {ONE} else module(**inputs)
    found: Any = getattr(out, "logits", out)
    if not isinstance(found, torch.Tensor):
        raise Invalid(
            f"The module returns a {type(out).__name__}, not a tensor.",
            hint="Let its forward() return the outputs (examples, classes), or an object with `logits`.",
        )
    return found


def probe(module: torch.nn.Module, inputs: Inputs) -> int:
    """Run a module on two examples; returns how many numbers it gives for one.

    Raises:
        Invalid: it cannot read inputs of this shape, gives no row for each example, or has nothing to train.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in inputs.items()}
    shown = shapes[ONE] if set(shapes) == {ONE} else shapes
    module.eval()
    device = next((tensor.device for tensor in module.parameters() if _is_made(tensor)), torch.device("cpu"))
    few = {name: tensor[:2].to(device) for name, tensor in inputs.items()}
    try:
        with torch.no_grad():
            outputs = outputs_of(module, few)
    except (RuntimeError, ValueError, TypeError, IndexError, AssertionError) as error:
        raise Invalid(
            f"The module cannot read inputs of the shape {shown}: {error}",
            hint="Its forward() gets a batch: the shape of X with the number of examples in front.",
        ) from error
    if outputs.ndim == 0 or len(outputs) != len(next(iter(few.values()))):
        raise Invalid(
            f"The module returns {tuple(outputs.shape)} for {len(next(iter(few.values())))} examples.",
            hint="It has to return a row for each example; the loss comes from Runyard.",
        )
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise Invalid("The module has no parameters that can be trained.", hint="Check requires_grad and the layers.")
    return 1 if outputs.ndim == 1 else int(outputs.shape[1])


def _is_made(tensor: torch.Tensor) -> bool:
    return not isinstance(tensor, torch.nn.parameter.UninitializedParameter)


def check_outputs(module: torch.nn.Module, part: Examples, targets: Targets) -> None:
    """Refuse outputs that no loss can compare with the targets.

    Raises:
        Invalid: classes need (examples, classes), real numbers the shape of their targets.
    """
    device = next(module.parameters()).device
    with torch.no_grad():
        outputs = outputs_of(module, {name: tensor[:2].to(device) for name, tensor in part.inputs.items()})
    if targets.is_classes and (outputs.ndim != 2 or outputs.shape[1] < 2):
        raise Invalid(
            f"The module returns {tuple(outputs.shape)} for {len(outputs)} examples; classes need one number each.",
            hint="Let its last layer have an output for each class, two at least; give floats for a regression.",
        )
    if not targets.is_classes and outputs.numel() != part.y[:2].numel():
        raise Invalid(
            f"The module returns {tuple(outputs.shape)} where the targets have the shape {tuple(part.y[:2].shape)}.",
            hint="It has to return as many numbers as y has for an example.",
        )


def save_module(module: torch.nn.Module, folder: Path) -> None:
    """Write all weights and buffers of a module; tied ones are written once."""
    save_model(module, str(folder / "model.safetensors"))
