"""Signs of life: a thread that journals CPU and memory every five seconds and has the journal synced."""

import logging
import threading

from runyard.core import usage
from runyard.core.energy import EnergyMeter
from runyard.core.journal import RunJournal
from runyard.train.progress import Progress

_LOG = logging.getLogger(__name__)
_SYNC_SECONDS, _BEATS = 1.0, 5


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
        meter = usage.CpuMeter()
        beats = 0
        while not self._stopping.wait(_SYNC_SECONDS):
            beats += 1
            try:
                if beats % _BEATS == 0:
                    self.energy.look()
                    self._pen.metrics(self._progress.step, usage.system_metrics(meter))
                self._pen.journal.sync()
            except OSError as error:
                _LOG.warning("the heartbeat could not be written: %s", error)
