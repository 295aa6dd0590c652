"""Small nets for series. They need torch alone: a copy of this file goes with each saved model."""

import torch
from torch import nn


class SeriesNet(nn.Module):
    """Series (batch, time, channels) -> logits (batch, classes): normed, through `layers`, to a linear `head`.

    `mean` and `scale` (channels) are those of the training data and travel with the weights.
    """

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, inputs: int, classes: int, features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("scale", torch.ones(inputs))
        self.head = nn.Linear(features, classes)

    def forward(self, series: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.features((series - self.mean) / self.scale))
        return logits

    def features(self, normed: torch.Tensor) -> torch.Tensor:
        """Return what the head sees, shape (batch, features)."""
        raise NotImplementedError


class Cnn1d(SeriesNet):
    """Convolutions over time and the mean over time.

    Norms are over groups of filters, not over the batch, so that accumulated batches give the gradient of one large
    batch.
    """

    def __init__(
        self, inputs: int, classes: int, channels: list[int], kernel_size: int = 5, dropout: float = 0.1
    ) -> None:
        super().__init__(inputs, classes, channels[-1])
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

    def features(self, normed: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.layers(normed.transpose(1, 2))
        return found.mean(dim=-1)


class Mlp(SeriesNet):
    """Fully connected layers over all `steps` of a window at once."""

    def __init__(self, inputs: int, classes: int, steps: int, widths: list[int], dropout: float = 0.1) -> None:
        super().__init__(inputs, classes, widths[-1])
        layers: list[nn.Module] = []
        for before, width in zip([inputs * steps, *widths], widths, strict=False):
            layers += [nn.Linear(before, width), nn.ReLU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers)

    def features(self, normed: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.layers(normed.flatten(1))
        return found


class Lstm(SeriesNet):
    """A recurrent net; the head sees the last state, of both directions if there are two."""

    def __init__(
        self, inputs: int, classes: int, hidden: int, depth: int = 1, bidirectional: bool = False, dropout: float = 0.1
    ) -> None:
        super().__init__(inputs, classes, hidden * (2 if bidirectional else 1))
        between = dropout if depth > 1 else 0.0
        self.layers = nn.LSTM(inputs, hidden, depth, batch_first=True, dropout=between, bidirectional=bidirectional)
        self.dropout = nn.Dropout(dropout)
        self.directions = 2 if bidirectional else 1

    def features(self, normed: torch.Tensor) -> torch.Tensor:
        _, (last, _) = self.layers(normed)  # (depth * directions, batch, hidden)
        found: torch.Tensor = self.dropout(torch.cat(list(last[-self.directions :]), dim=-1))
        return found


NETS: dict[str, type[SeriesNet]] = {"cnn1d": Cnn1d, "mlp": Mlp, "lstm": Lstm}
