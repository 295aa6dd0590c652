"""What is measured of each layer while it trains: histograms of gradients, weights and activations, gradient norms.

A histogram is of an even sample of at most about 4,096 values of a layer, so that it costs the same for every model.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from runyard.config.monitoring import Monitoring
from runyard.core.journal import RunJournal
from runyard.train.layers import layers_of

SAMPLED, BINS = 4096, 32


class LayerWatch:
    """Looks at the layers of a model on the steps of its configuration; between `before` and `after` a step is run."""

    def __init__(self, model: nn.Module, monitoring: Monitoring, pen: RunJournal) -> None:
        self._model, self._pen = model, pen
        self._layers = layers_of(model)
        tracked = monitoring.track_gradients
        self._norms = monitoring.layer_norm_frequency if tracked else 0
        self._gradients = monitoring.gradient_histogram_frequency if tracked else 0
        self._weights = monitoring.weight_histogram_frequency if monitoring.track_weights else 0
        self._activations = monitoring.activation_histogram_frequency if monitoring.track_activations else 0
        self._hooks: list[RemovableHandle] = []
        self._outputs: dict[int, torch.Tensor] = {}

    def before(self, step: int) -> None:
        """Listen to what the layers put out, if this 1-based step is one whose activations are looked at."""
        if not _is_due(step, self._activations):
            return
        heard: set[str] = set()
        modules = dict(self._model.named_modules())
        for place, layer in enumerate(self._layers):
            if layer.module in modules and layer.module not in heard:
                heard.add(layer.module)
                self._hooks.append(modules[layer.module].register_forward_hook(self._listener(place)))

    def after(self, step: int, epoch: float) -> None:
        """Write down what is due after the backward pass; the gradients are not clipped yet."""
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()
        if _is_due(step, self._norms):
            self._pen.metrics(step, self._gradient_norms(), epoch=epoch)
        samples = [
            *((place, "activation", tensor) for place, tensor in self._outputs.items()),
            *(
                (place, kind, sampled([_values(parameter, kind) for parameter in layer.parameters]))
                for kind, every in (("gradient", self._gradients), ("weight", self._weights))
                if _is_due(step, every)
                for place, layer in enumerate(self._layers)
            ),
        ]
        self._outputs.clear()
        if samples:
            self._pen.histograms(step, self._rows(samples), epoch=epoch)

    def _listener(self, place: int) -> Any:
        def listen(_module: nn.Module, _inputs: Any, output: Any) -> None:
            tensor = output
            while isinstance(tensor, tuple | list) and tensor:
                tensor = tensor[0]
            if isinstance(tensor, torch.Tensor) and place not in self._outputs:  # of the first batch of the step
                self._outputs[place] = sampled([tensor])

        return listen

    def _gradient_norms(self) -> dict[str, float]:
        """Return the norm of each layer's gradients; a frozen layer has none."""
        kept = [
            (layer, [parameter.grad for parameter in layer.parameters if parameter.grad is not None])
            for layer in self._layers
        ]
        trained = [(layer, gradients) for layer, gradients in kept if gradients]
        if not trained:
            return {}
        together: list[torch.Tensor] = [gradient for _, gradients in trained for gradient in gradients]
        norms = iter(torch.stack(torch._foreach_norm(together)).float().tolist())
        return {
            f"gradient_norm/{layer.name}": math.hypot(*(next(norms) for _ in gradients)) for layer, gradients in trained
        }

    def _rows(self, samples: Sequence[tuple[int, str, torch.Tensor]]) -> list[dict[str, Any]]:
        """Return what the journal says of each sample; all of them come from the device at once."""
        together = torch.cat([sample for _, _, sample in samples]).cpu()
        values = torch.split(together, [len(sample) for _, _, sample in samples])
        return [
            {"layer": self._layers[place].name, "place": place + 1, "kind": kind, **row}
            for (place, kind, _), sample in zip(samples, values, strict=True)
            if (row := described(sample)) is not None
        ]


def _is_due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


def _values(parameter: nn.Parameter, kind: str) -> torch.Tensor:
    found = parameter.grad if kind == "gradient" else parameter
    return parameter.new_empty(0) if found is None else found


def sampled(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return an even sample of the values of some tensors together, in single precision."""
    stride = max(1, sum(tensor.numel() for tensor in tensors) // SAMPLED)
    return torch.cat([tensor.detach().flatten()[::stride].float() for tensor in tensors])


def described(sample: torch.Tensor) -> dict[str, Any] | None:
    """Return the histogram of a sample with its mean and deviation; None where no value is finite.

    `counts` are those of equal bins from `low` to `high`; where all values are the same, all are in the first one.
    """
    finite = sample[torch.isfinite(sample)]
    if not len(finite):
        return None
    low, high = (edge.item() for edge in torch.aminmax(finite))
    counts = [len(finite)] if low == high else torch.histc(finite, BINS, low, high).long().tolist()
    return {
        "low": low,
        "high": high,
        "mean": finite.mean().item(),
        "deviation": finite.std(correction=0).item(),
        "zeros": (finite == 0).float().mean().item(),
        "counts": counts,
    }
