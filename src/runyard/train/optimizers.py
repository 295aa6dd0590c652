"""Builds the optimizers of `config/optimizers.py`. The loop sets the rate before each step."""

import logging
from functools import singledispatch
from typing import Any

import torch
from torch import nn

from runyard.config import optimizers as parts
from runyard.config.part import Part

Groups = list[dict[str, Any]]
_LOG = logging.getLogger(__name__)


def build_optimizers(part: Part, model: nn.Module, *, lr: float, weight_decay: float) -> list[torch.optim.Optimizer]:
    """Return what steps the trainable parameters of a model: one optimizer, or two with Muon.

    Args:
        part: a part of the configuration.
        weight_decay: decay of matrices; vectors and biases are spared.
    """
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not isinstance(part, parts.Muon):
        return [build_optimizer(part, _groups(trainable, weight_decay), lr)]
    inner = _hidden_matrices(model)
    adamw = parts.AdamW(beta1=part.beta1, beta2=part.beta2, epsilon=part.epsilon)
    others = _groups([parameter for parameter in trainable if id(parameter) not in inner], weight_decay)
    built = [build_optimizer(adamw, others, lr)]
    if hidden := [parameter for parameter in trainable if id(parameter) in inner]:
        # Scaled so that one rate suits both: Liu and others 2025, "Muon is scalable for LLM training".
        scaled = "match_rms_adamw"
        muon = torch.optim.Muon(hidden, lr=lr, momentum=part.momentum, weight_decay=weight_decay, adjust_lr_fn=scaled)
        return [muon, *built]
    _LOG.warning("The model has no hidden matrices for Muon: AdamW steps all of it.")
    return built


def _groups(parameters: list[nn.Parameter], weight_decay: float) -> Groups:
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def _hidden_matrices(model: nn.Module) -> set[int]:
    """Return the identities of the matrices that are neither an embedding nor the last layer."""
    linear = [module.weight for module in model.modules() if isinstance(module, nn.Linear)]
    outer = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    outer |= {id(weight) for weight in linear[-1:]}
    return {id(p) for p in model.parameters() if p.ndim == 2 and p.requires_grad} - outer


@singledispatch
def build_optimizer(part: object, groups: Groups, lr: float) -> torch.optim.Optimizer:
    """Return the optimizer of a part of the configuration for groups of parameters."""
    raise TypeError(f"no optimizer for {type(part).__name__}")


@build_optimizer.register
def _(part: parts.Adam, groups: Groups, lr: float) -> torch.optim.Optimizer:
    return torch.optim.Adam(groups, lr=lr, betas=(part.beta1, part.beta2), eps=part.epsilon, fused=True)


@build_optimizer.register
def _(part: parts.AdamW, groups: Groups, lr: float) -> torch.optim.Optimizer:
    return torch.optim.AdamW(groups, lr=lr, betas=(part.beta1, part.beta2), eps=part.epsilon, fused=True)


@build_optimizer.register
def _(part: parts.NAdam, groups: Groups, lr: float) -> torch.optim.Optimizer:
    betas = (part.beta1, part.beta2)
    return torch.optim.NAdam(groups, lr=lr, betas=betas, eps=part.epsilon, decoupled_weight_decay=True)


@build_optimizer.register
def _(part: parts.RAdam, groups: Groups, lr: float) -> torch.optim.Optimizer:
    betas = (part.beta1, part.beta2)
    return torch.optim.RAdam(groups, lr=lr, betas=betas, eps=part.epsilon, decoupled_weight_decay=True)


@build_optimizer.register
def _(part: parts.Adamax, groups: Groups, lr: float) -> torch.optim.Optimizer:
    return torch.optim.Adamax(groups, lr=lr, betas=(part.beta1, part.beta2), eps=part.epsilon)


@build_optimizer.register
def _(part: parts.Sgd, groups: Groups, lr: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(groups, lr=lr, momentum=part.momentum, nesterov=part.nesterov, fused=True)


@build_optimizer.register
def _(part: parts.RmsProp, groups: Groups, lr: float) -> torch.optim.Optimizer:
    return torch.optim.RMSprop(groups, lr=lr, alpha=part.rho, momentum=part.momentum, eps=part.epsilon)


@build_optimizer.register
def _(part: parts.Adagrad, groups: Groups, lr: float) -> torch.optim.Optimizer:
    return torch.optim.Adagrad(groups, lr=lr, eps=part.epsilon, fused=True)


@build_optimizer.register
def _(part: parts.Adadelta, groups: Groups, lr: float) -> torch.optim.Optimizer:
    return torch.optim.Adadelta(groups, lr=lr, rho=part.rho, eps=part.epsilon)


@build_optimizer.register
def _(part: parts.Adafactor, groups: Groups, lr: float) -> torch.optim.Optimizer:
    return torch.optim.Adafactor(groups, lr=lr, beta2_decay=part.beta2_decay)


def put_state(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Take up the moments of a checkpoint; rates, decays and betas stay as they are configured now."""
    configured = [
        {name: value for name, value in group.items() if name != "params"} for group in optimizer.param_groups
    ]
    optimizer.load_state_dict(state)
    for group, options in zip(optimizer.param_groups, configured, strict=True):
        group.update(options)
