"""What one attempt of a run has at hand, and how it is interrupted."""

import signal
import threading
from dataclasses import dataclass

from runyard.config.run import RunConfig
from runyard.core.journal import RunJournal
from runyard.core.paths import RunFolder, Yard
from runyard.core.settings import Settings
from runyard.train import circumstances
from runyard.train.outcome import Cancelled
from runyard.train.progress import Progress


class Interruption:
    """SIGTERM and SIGINT: before the loop they end the run at once, in the loop after the step."""

    def __init__(self) -> None:
        self.signalled = threading.Event()
        self.patient = False

    def install(self) -> None:
        """Take the two signals over from Python."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._arrived)

    def _arrived(self, number: int, frame: object) -> None:
        self.signalled.set()
        if not self.patient:
            self.patient = True
            raise Cancelled


@dataclass(frozen=True)
class Attempt:
    """One incarnation of a run."""

    folder: RunFolder
    yard: Yard
    config: RunConfig
    settings: Settings
    pen: RunJournal
    interruption: Interruption
    progress: Progress

    def started(self, device: str, accelerators: int) -> None:
        """Journal the start, then hold a CPU run to its memory limit: called once the imports are done."""
        threads = self.config.resources.threads
        about = circumstances.circumstances()
        self.pen.emit("started", device=device, accelerators=accelerators, threads=threads, **about)
        if device == "cpu":
            limit_gb = self.config.resources.memory_limit_gb or self.settings.max_memory_mb / 1000
            circumstances.limit_memory(limit_gb)

    def notice(self, level: str, message: str, hint: str = "") -> None:
        """Journal something that the owner of the run should know."""
        self.pen.emit("notice", level=level, message=message, hint=hint)
