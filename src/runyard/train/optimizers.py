"""Builds the optimizers of `config/optimizers.py`. The loop sets the rate before each step."""

from functools import singledispatch
from typing import Any

import torch

from runyard.config.optimizers import Adam, AdamW, RmsProp, Sgd

Groups = list[dict[str, Any]]


def parameter_groups(model: torch.nn.Module, weight_decay: float) -> Groups:
    """Return the trainable parameters in two groups: matrices decay, vectors and biases do not."""
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in trainable if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trainable if p.ndim <= 1], "weight_decay": 0.0},
    ]


@singledispatch
def build_optimizer(part: object, groups: Groups, lr: float) -> torch.optim.Optimizer:
    """Return the optimizer of a part of the configuration."""
    raise TypeError(f"no optimizer for {type(part).__name__}")


@build_optimizer.register
def _(part: Adam, groups: Groups, lr: float) -> torch.optim.Optimizer:
    return torch.optim.Adam(groups, lr=lr, betas=(part.beta1, part.beta2), eps=part.epsilon, fused=True)


@build_optimizer.register
def _(part: AdamW, groups: Groups, lr: float) -> torch.optim.Optimizer:
    return torch.optim.AdamW(groups, lr=lr, betas=(part.beta1, part.beta2), eps=part.epsilon, fused=True)


@build_optimizer.register
def _(part: Sgd, groups: Groups, lr: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(groups, lr=lr, momentum=part.momentum, nesterov=part.nesterov, fused=True)


@build_optimizer.register
def _(part: RmsProp, groups: Groups, lr: float) -> torch.optim.Optimizer:
    return torch.optim.RMSprop(groups, lr=lr, alpha=part.rho, momentum=part.momentum, eps=part.epsilon)
