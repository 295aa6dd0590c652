"""The running mean of the weights: updated after each step, and put in their place to validate and to save."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from runyard.config.weights import Ema
from runyard.train.checkpoint import Weights


class Average:
    """The exponential mean of the trained parameters of a model; the first step's weights are where it begins.

    Without torch's `AveragedModel`, which copies the whole model: of a large one with adapters that is all of it.
    """

    def __init__(self, model: nn.Module, ema: Ema) -> None:
        self._trained = {name: p for name, p in model.named_parameters() if p.requires_grad} if ema.enabled else {}
        self._update = get_ema_multi_avg_fn(ema.decay)  # type: ignore[no-untyped-call]
        self._mean: Weights = {}

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights after a step."""
        if not self._trained:
            return
        if self._mean:
            self._update(list(self._mean.values()), [p.detach() for p in self._trained.values()], 0)
        else:
            self._mean = {name: parameter.detach().clone() for name, parameter in self._trained.items()}

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Have the mean in the place of the weights for a while; without a mean nothing changes."""
        if not self._mean:
            yield
            return
        own = {name: self._trained[name].detach().clone() for name in self._mean}
        self.put(self._mean)
        try:
            yield
        finally:
            self.put(own)

    @torch.no_grad()
    def put(self, weights: Weights) -> None:
        """Put weights of these names into the model."""
        for name, tensor in weights.items():
            self._trained[name].copy_(tensor)

    def settle(self) -> None:
        """Leave the mean in the place of the weights: the training is over."""
        self.put(self._mean)

    def state(self) -> Weights:
        """Return the mean, on the CPU; empty where there is none."""
        return {name: tensor.cpu() for name, tensor in self._mean.items()}

    def restore(self, state: Weights) -> None:
        """Take up the mean of what is trained now again."""
        self._mean = {
            name: tensor.to(self._trained[name].device) for name, tensor in state.items() if name in self._trained
        }
