"""Where a run stands: everything but weights that a resume needs, as plain numbers."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class EpochSums:
    """What has been added up over the epoch so far."""

    loss: float = 0.0
    loss_count: float = 0.0
    norm: float = 0.0
    norm_count: int = 0
    samples: int = 0
    tokens: int = 0
    seconds: float = 0.0
    gpu: float = 0.0
    gpu_count: int = 0
    skipped: int = 0

    @property
    def train_loss(self) -> float | None:
        return self.loss / self.loss_count if self.loss_count else None

    @property
    def gradient_norm(self) -> float | None:
        return self.norm / self.norm_count if self.norm_count else None

    @property
    def gpu_utilization(self) -> float | None:
        return self.gpu / self.gpu_count if self.gpu_count else None


@dataclass
class Progress:
    """Finished epochs, batches of the present epoch, optimizer steps over the whole run.

    `ranked` are the monitored values of the best epochs, turned so that smaller is better, with their checkpoints;
    `samples_here` and `tokens_here` are what this process has trained on. `cpu_seconds` is the CPU time of earlier
    processes, `cpu_beside` that of the others of the present team until the last checkpoint.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    tokens: int = 0
    learning_rate: float = 0.0
    rate_scale: float = 1.0
    best_epoch: int = 0
    best_checkpoint: str = ""
    ranked: list[tuple[float, str]] = field(default_factory=list)
    samples_here: int = 0
    tokens_here: int = 0
    stopped: bool = False
    cpu_seconds: float = 0.0
    cpu_beside: float = 0.0
    sums: EpochSums = field(default_factory=EpochSums)

    def state(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, state: dict[str, Any]) -> "Progress":
        return cls(
            **{**state, "sums": EpochSums(**state["sums"]), "samples_here": 0, "tokens_here": 0, "cpu_beside": 0.0}
        )
