"""Signs of life: a thread that journals CPU, memory and speed every five seconds and has the journal synced."""

import logging
import threading
import time
from dataclasses import dataclass, field

from runyard.core import usage
from runyard.core.energy import EnergyMeter
from runyard.core.journal import RunJournal
from runyard.train.progress import Progress

_LOG = logging.getLogger(__name__)
_SYNC_SECONDS, _BEATS = 1.0, 5


@dataclass
class Speed:
    """How fast a run goes between two looks, validation and checkpoints included."""

    progress: Progress
    _samples: int = 0
    _tokens: int = 0
    _at: float = field(default_factory=time.monotonic)

    def metrics(self) -> dict[str, float]:
        """Return samples and tokens a second since the last look; nothing before the first step."""
        now, samples, tokens = time.monotonic(), self.progress.samples_here, self.progress.tokens_here
        seconds = max(1e-9, now - self._at)
        rates = {"samples": (samples - self._samples) / seconds, "tokens": (tokens - self._tokens) / seconds}
        self._samples, self._tokens, self._at = samples, tokens, now
        known = {"samples": samples > 0, "tokens": tokens > 0}
        return {f"system/{name}_per_second": rate for name, rate in rates.items() if known[name]}


class Heartbeat:
    """Beats from `start` to `stop`; the numbers are those of the whole process."""

    def __init__(self, pen: RunJournal, progress: Progress) -> None:
        self._pen, self._progress = pen, progress
        self.energy = EnergyMeter()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="runyard-heartbeat", daemon=True)

    def start(self) -> None:
        """Start beating."""
        self._thread.start()

    def stop(self) -> None:
        """Stop, and wait for the last beat."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self.energy.look()

    def _run(self) -> None:
        meter, speed = usage.CpuMeter(), Speed(self._progress)
        beats = 0
        while not self._stopping.wait(_SYNC_SECONDS):
            beats += 1
            try:
                if beats % _BEATS == 0:
                    self.energy.look()
                    sample = usage.system_metrics(meter)
                    if (busy := sample.get("system/gpu_percent")) is not None:
                        sums = self._progress.sums
                        sums.gpu, sums.gpu_count = sums.gpu + busy / 100, sums.gpu_count + 1
                    self._pen.metrics(self._progress.step, {**sample, **speed.metrics()})
                self._pen.journal.sync()
            except OSError as error:
                _LOG.warning("the heartbeat could not be written: %s", error)
