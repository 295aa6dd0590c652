"""How a run is interrupted. It is installed before the slow imports, so that an early signal is not lost."""

import signal
import threading

from runyard.train.outcome import Cancelled


class Interruption:
    """SIGTERM and SIGINT are noted; while the run is impatient they also end it at once.

    A run is impatient while it builds data and model, when there is nothing to save. In the loop it is patient:
    the step is finished and a checkpoint written.
    """

    def __init__(self) -> None:
        self.signalled = threading.Event()
        self._impatient = False

    def install(self) -> None:
        """Take the two signals over from Python."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._arrived)

    def impatient(self) -> None:
        """Let a signal end the run at once from here on.

        Raises:
            Cancelled: one has come already.
        """
        self._impatient = True
        if self.signalled.is_set():
            self._impatient = False
            raise Cancelled

    def patient(self) -> None:
        """Let a signal be noted only."""
        self._impatient = False

    def _arrived(self, number: int, frame: object) -> None:
        self.signalled.set()
        if self._impatient:
            self._impatient = False
            raise Cancelled
