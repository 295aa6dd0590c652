"""TensorBoard's files of a run, which open in TensorBoard: its values, histograms of its layers, its configuration."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runyard.config.run import RunConfig, to_yaml
from runyard.train.mirrors import Event, values_of


class TensorBoard:
    """A writer of event files.

    A later attempt says from which step on it repeats an earlier one; until then it hears nothing but samples of the
    process, which are left out.
    """

    def __init__(self, folder: Path, config: RunConfig, attempt: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._folder, self._config, self._make = folder, config, SummaryWriter
        self._is_first = attempt == 1
        self._writer: Any = None

    def log(self, events: Sequence[Event]) -> None:
        for event in events:
            step = event.get("step")
            if step is None or (self._writer is None and not (self._is_first or "epoch" in event)):
                continue
            if self._writer is None:
                self._writer = self._make(str(self._folder), purge_step=None if self._is_first else step)
                self._writer.add_text(
                    "config", f"```yaml\n{to_yaml(self._config, full=False)}```", 0, event["at"] / 1e6
                )
            for name, value in values_of(event).items():
                self._writer.add_scalar(name, value, step, event["at"] / 1e6)
            for row in event.get("histograms") or ():
                self._histogram(row, step, event["at"] / 1e6)

    def _histogram(self, row: dict[str, Any], step: int, at: float) -> None:
        counts, low, high = row["counts"], row["low"], row["high"]
        number, mean = sum(counts), row["mean"]
        self._writer.add_histogram_raw(
            f"{row['kind']}/{row['layer']}",
            min=low,
            max=high,
            num=number,
            sum=number * mean,
            sum_squares=number * (row["deviation"] ** 2 + mean**2),
            bucket_limits=[low + (high - low) * (place + 1) / len(counts) for place in range(len(counts))],
            bucket_counts=counts,
            global_step=step,
            walltime=at,
        )

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
