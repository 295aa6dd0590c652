"""A small convolutional net for series. It needs torch alone: a copy of this file goes with each saved model."""

from typing import TypedDict

import torch
from torch import nn


class Architecture(TypedDict):
    """The arguments of the net."""

    inputs: int
    classes: int
    channels: list[int]
    kernel_size: int
    dropout: float


class Cnn1d(nn.Module):
    """Convolutions over time, mean over time, linear head: series (batch, time, channels) -> logits (batch, classes).

    `mean` and `scale` (channels) are those of the training data and travel with the weights. Norms are over groups
    of filters, not over the batch, so that accumulated batches give the gradient of one large batch.
    """

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(
        self, inputs: int, classes: int, channels: list[int], kernel_size: int = 5, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("scale", torch.ones(inputs))
        layers: list[nn.Module] = []
        for index, width in enumerate(channels):
            before = channels[index - 1] if index else inputs
            groups = next((n for n in (8, 4, 2) if width % (4 * n) == 0), 1)
            layers += [
                nn.Conv1d(before, width, kernel_size, padding=kernel_size // 2),
                nn.GroupNorm(groups, width),
                nn.ReLU(),
                nn.Dropout(dropout),
            ]
            if index < len(channels) - 1:
                layers.append(nn.MaxPool1d(2, ceil_mode=True))
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(channels[-1], classes)

    def forward(self, series: torch.Tensor) -> torch.Tensor:
        normed = (series - self.mean) / self.scale
        features: torch.Tensor = self.layers(normed.transpose(1, 2)).mean(dim=-1)
        logits: torch.Tensor = self.head(features)
        return logits
