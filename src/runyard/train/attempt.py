"""What one attempt of a run has at hand."""

from dataclasses import dataclass

import psutil

from runyard.config.run import RunConfig
from runyard.core import provenance
from runyard.core.journal import RunJournal
from runyard.core.paths import RunFolder, Yard
from runyard.core.settings import Settings
from runyard.train.interruption import Interruption
from runyard.train.memory_limit import limit_memory
from runyard.train.progress import Progress


@dataclass(frozen=True)
class Attempt:
    """One incarnation of a run; `together` where torchrun started this process as one of several."""

    folder: RunFolder
    yard: Yard
    config: RunConfig
    settings: Settings
    pen: RunJournal
    interruption: Interruption
    progress: Progress
    together: bool = False

    def started(self, device: str, accelerators: int) -> None:
        """Journal the start, then hold a CPU run to its memory limit: called once the imports are done."""
        threads = self.config.resources.threads
        about = provenance.process() | {"pid_created": psutil.Process().create_time()}
        self.pen.emit("started", device=device, accelerators=accelerators, threads=threads, **about)
        if device == "cpu":
            limit_gb = self.config.resources.memory_limit_gb or self.settings.max_memory_mb / 1000
            limit_memory(limit_gb)

    def notice(self, level: str, message: str, hint: str = "") -> None:
        """Journal something that the owner of the run should know."""
        self.pen.emit("notice", level=level, message=message, hint=hint)
