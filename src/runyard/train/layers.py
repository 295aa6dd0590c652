"""The layers of a network in their order from the input to the output: what is frozen, and what is looked at."""

import re
from dataclasses import dataclass, field

from torch import nn

_HEADS = frozenset(("head", "lm_head", "classifier", "score"))  # registered first by some, last in every network
_RECURRENT = re.compile(r"^(?:weight|bias)_(?:ih|hh|hr)_(l\d+)(?:_reverse)?$")
_ADAPTED = "base_model.model."  # how peft wraps a model


@dataclass
class Layer:
    """Trained parameters that belong together: those of a block, an embedding, a convolution with its norm, a head.

    `module` is the path of what computes it, where that is a module of its own.
    """

    name: str
    module: str
    parameters: list[nn.Parameter] = field(default_factory=list)


def layers_of(model: nn.Module) -> list[Layer]:
    """Return the layers with trainable parameters, from the input to the output; the head is the last."""
    found: dict[str, Layer] = {}
    for path, parameter in model.named_parameters():
        if parameter.requires_grad:
            name, module = _place(path)
            found.setdefault(name, Layer(name.replace(_ADAPTED, ""), module)).parameters.append(parameter)
    body = [layer for layer in found.values() if layer.module.split(".")[0] not in _HEADS]
    heads = [layer for layer in found.values() if layer.module.split(".")[0] in _HEADS]
    merged: list[Layer] = []
    for layer in body:
        if merged and all(parameter.ndim <= 1 for parameter in layer.parameters):  # a norm is part of what it follows
            merged[-1].parameters += layer.parameters
        else:
            merged.append(layer)
    return merged + heads


def _place(path: str) -> tuple[str, str]:
    """Return the layer of a parameter and the module that computes it: down to the first number in its path."""
    *parts, leaf = path.split(".")
    if recurrent := _RECURRENT.match(leaf):
        return ".".join([*parts, recurrent[1]]), ".".join(parts)
    number = next((place for place, part in enumerate(parts) if part.isdecimal()), None)
    module = ".".join(parts[:2] if number is None else parts[: number + 1])
    return module or leaf, module
