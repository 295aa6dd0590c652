"""Layers that are not trained: for good, or until their turn comes (Howard and Ruder 2018)."""

from torch import nn

from runyard.config.weights import Freezing
from runyard.core.errors import Invalid
from runyard.train.layers import Layer, layers_of


class Thaw:
    """Which layers are trained in which epoch: a pure function of the epoch, so a resume needs nothing but that."""

    def __init__(self, waiting: list[Layer], every: int) -> None:
        self._waiting, self._every = waiting, every

    def before_epoch(self, epoch: int) -> list[str]:
        """Set what is trained in a 1-based epoch; returns the names of layers that are trained from now on."""
        if not self._waiting:
            return []
        thawed = (epoch - 1) // self._every
        frozen, new = max(0, len(self._waiting) - thawed), []
        for place, layer in enumerate(self._waiting):
            if place >= frozen and not all(parameter.requires_grad for parameter in layer.parameters):
                new.append(layer.name)
            for parameter in layer.parameters:
                parameter.requires_grad_(place >= frozen)
        return new


def freeze(model: nn.Module, freezing: Freezing) -> Thaw:
    """Freeze layers for good where nothing unfreezes them; else say which ones wait for their turn.

    Those that wait still count as trained: the optimizer has them, and checkpoints hold them.

    Raises:
        Invalid: nothing but the head, or not even that, would be trained for good.
    """
    *body, head = layers_of(model)
    count = freezing.frozen_layers or (len(body) if freezing.unfreeze_every else 0)
    if count > len(body):
        names = ", ".join(layer.name for layer in [*body, head])
        raise Invalid(
            f"{count} layers cannot be frozen: this model trains {len(body)} and {head.name}.",
            hint=f"Set optimization.freezing.frozen_layers to at most {len(body)}. Its layers: {names}.",
        )
    if freezing.unfreeze_every:
        return Thaw(body[:count], freezing.unfreeze_every)
    for layer in body[:count]:
        for parameter in layer.parameters:
            parameter.requires_grad_(False)
    return Thaw([], 1)
