"""What `runyard.fit` returns: the trained module with its history, predictions, scores, and a way to keep it."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from runyard.config.own_module import FitConfig
from runyard.core.errors import Conflict, Invalid
from runyard.train.own_data import ONE, Examples, Inputs, as_inputs, as_targets, same_length
from runyard.train.own_task import OwnTask, outputs_of, save_module


class Fitted:
    """A module after its training, with the weights of its best epoch.

    `history` is a Polars frame with a row for each epoch; `status` is `completed`, or `cancelled` where somebody asked
    the run to stop on a page or by `runyard cancel`.
    """

    def __init__(
        self,
        task: OwnTask,
        config: FitConfig,
        run_id: UUID,
        *,
        history: pl.DataFrame,
        status: str,
        best_epoch: int | None,
    ) -> None:
        self.module, self.config, self.run_id = task.module, config, run_id
        self.history, self.status, self.best_epoch = history, status, best_epoch
        self.classes = list(task.targets.values)
        self._task = task

    def __repr__(self) -> str:
        best = f", best in {self.best_epoch}" if self.best_epoch else ""
        return f"<Fitted {self.config.name}, {self.status}, {self.history.height} epochs{best}, run {self.run_id}>"

    def predict(self, x: Any) -> NDArray[Any]:
        """Return the label of each example as the training gave them, or the numbers of a regression.

        Raises:
            Invalid: the inputs have another shape than those of the training, or are not finite.
        """
        outputs = self._outputs(self._inputs(x))
        if not self.classes:
            y = self._task.parts["train"].y
            right = outputs[0].numel() == y[0].numel()
            real: NDArray[np.float32] = (outputs.reshape(len(outputs), *y.shape[1:]) if right else outputs).numpy()
            return real
        labels: NDArray[Any] = np.array(self.classes)[outputs.argmax(-1).numpy()]
        return labels

    def probabilities(self, x: Any) -> NDArray[np.float32]:
        """Return the softmax over the classes, shape (examples, classes), in the order of `classes`.

        Raises:
            Invalid: as `predict`; or the module learned real numbers.
        """
        if not self.classes:
            raise Invalid("The module learned real numbers, not classes.", hint="Use predict().")
        found: NDArray[np.float32] = self._outputs(self._inputs(x)).softmax(-1).numpy()
        return found

    def evaluate(self, x: Any, y: Any) -> dict[str, float]:
        """Return the loss and the scores on other examples: `loss` and what each epoch of the training measured.

        Raises:
            Invalid: as `predict`; or a label is unknown, or there are more of one than of the other.
        """
        inputs = self._inputs(x)
        same_length(inputs, y)
        examples = Examples(inputs, as_targets(y, self._task.targets))
        device = next(self.module.parameters()).device
        self.module.eval()
        task = OwnTask(self.module, {"train": self._task.parts["train"], "validation": examples}, self._task.targets,
                       self.config, self._task.own_loss)  # fmt: skip
        total, count, outputs = 0.0, 0.0, []
        with torch.no_grad():
            for batch in task.batches("validation", 1):
                loss = task.loss(self.module, batch.to(device))
                total, count = total + loss.total.item(), count + loss.count.item()
                outputs.append(loss.outputs.float().cpu())
        return {"loss": total / count, **task.metrics(torch.cat(outputs), examples.y)}

    def save(self, path: str | Path) -> Path:
        """Write the weights to `path/model.safetensors`, and beside them what they mean; returns the folder.

        They load again with `safetensors.torch.load_model(module, file)` into a module of the same class.

        Raises:
            Conflict: there is a file of that name, or a folder that holds something else.
        """
        folder = Path(path)
        if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not (folder / "module.json").is_file()):
            raise Conflict(f"{folder} exists and is no saved module.", hint="Name another folder.")
        folder.mkdir(parents=True, exist_ok=True)
        write_module(self._task, self.config, folder)
        return folder

    def _inputs(self, x: Any) -> Inputs:
        inputs = as_inputs(x)
        wanted = {name: tuple(tensor.shape[1:]) for name, tensor in self._task.parts["train"].inputs.items()}
        found = {name: tuple(tensor.shape[1:]) for name, tensor in inputs.items()}
        if found != wanted:
            shown = [shapes[ONE] if set(shapes) == {ONE} else shapes for shapes in (found, wanted)]
            raise Invalid(f"An example of X has the shape {shown[0]}; the module was trained on {shown[1]}.",
                          hint="Give it examples like those of the training.")  # fmt: skip
        return inputs

    @torch.no_grad()
    def _outputs(self, inputs: Inputs) -> torch.Tensor:
        self.module.eval()
        device, size = next(self.module.parameters()).device, self.config.hyperparameters.batch_size
        count = len(next(iter(inputs.values())))
        pieces = [
            outputs_of(self.module, {n: t[start : start + size].to(device) for n, t in inputs.items()}).float().cpu()
            for start in range(0, count, size)
        ]
        return torch.cat(pieces)


def write_module(task: OwnTask, config: FitConfig, folder: Path) -> None:
    """Write a module's weights, and what its inputs and outputs are."""
    save_module(task.module, folder)
    shapes = {name: ["examples", *tensor.shape[1:]] for name, tensor in task.parts["train"].inputs.items()}
    kind = type(task.module)
    about = {
        "model_type": config.model.model_type,
        "class": f"{kind.__module__}.{kind.__qualname__}",
        "inputs": shapes,
        "classes": list(task.targets.classes) or None,
        "load": "safetensors.torch.load_model(module, 'model.safetensors'), with a module of that class",
    }
    (folder / "module.json").write_text(json.dumps(about, indent=1, default=str), "utf-8")
