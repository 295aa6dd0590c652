"""Where things lie: the yard's folders and files, and the packaged `sql` and `app` folders."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from runyard.core.errors import NotFound

_PACKAGE = Path(__file__).resolve().parent.parent


def resource(name: str) -> Path:
    """Return the folder `sql` or `app`: inside the wheel, or beside `src` in a checkout."""
    for folder in (_PACKAGE / f"_{name}", _PACKAGE.parent.parent / name):
        if folder.is_dir():
            return folder
    raise NotFound(f"The folder {name!r} of Runyard is missing.", hint="Install the package again.")


def expanded(path: str | Path) -> Path:
    """Return a path with `~` and `~user` replaced by the home folder that they stand for.

    Raises:
        NotFound: there is no such home folder.
    """
    try:
        return Path(path).expanduser()
    except (RuntimeError, ValueError):
        raise NotFound(f"{path}: there is no such home folder.", hint="Write the path without ~.") from None


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "config.yaml"

    @property
    def log(self) -> Path:
        return self.path / "run.log"

    @property
    def old_log(self) -> Path:
        return self.path / "run.log.zst"

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def cancel(self) -> Path:
        return self.path / "cancel"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def model(self) -> Path:
        return self.path / "model"

    def journal(self, attempt: int) -> Path:
        """Return a fresh journal name: one file per process incarnation."""
        return self.path / f"journal-{attempt}-{os.urandom(4).hex()}.jsonl"


@dataclass(frozen=True)
class Yard:
    """One folder that holds everything; nothing is created by naming it.

    `more_datasets` and `more_models` are folders elsewhere in which data sets and base models are looked for, too.
    """

    home: Path
    more_datasets: tuple[Path, ...] = ()
    more_models: tuple[Path, ...] = ()

    @property
    def store_db(self) -> Path:
        return self.home / "store" / "live.duckdb"

    @property
    def store(self) -> Path:
        return self.home / "store"

    @property
    def lock(self) -> Path:
        return self.home / "store" / "lock"

    @property
    def watched(self) -> Path:
        return self.home / "store" / "watched"

    @property
    def published(self) -> Path:
        return self.home / "published"

    @property
    def link(self) -> Path:
        return self.home / "runyard.duckdb"

    @property
    def runs(self) -> Path:
        return self.home / "runs"

    @property
    def events(self) -> Path:
        return self.home / "events"

    @property
    def models(self) -> Path:
        return self.home / "models"

    @property
    def datasets(self) -> Path:
        return self.home / "datasets"

    @property
    def dataset_folders(self) -> tuple[Path, ...]:
        """Where data sets are looked for: its own folder first."""
        return self.datasets, *self.more_datasets

    @property
    def model_folders(self) -> tuple[Path, ...]:
        """Where base models are looked for: its own folder first."""
        return self.models, *self.more_models

    @property
    def queries(self) -> Path:
        return self.home / "queries"

    def run(self, run_id: UUID | str) -> RunFolder:
        return RunFolder(self.runs / str(run_id))

    def exists(self) -> bool:
        return self.store.is_dir()

    def create(self) -> None:
        """Make the folders that are missing.

        Raises:
            OSError: the place is not writable or the disk is full.
        """
        for folder in (self.store, self.published, self.runs, self.events, self.models, self.datasets):
            folder.mkdir(parents=True, exist_ok=True)
