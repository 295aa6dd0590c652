"""Which version of a data set a run learns from: said by the sum of its content, and kept in the run's folder."""

import json
from dataclasses import dataclass
from pathlib import Path

from runyard.core.errors import Corrupt, Invalid
from runyard.core.paths import RunFolder
from runyard.data.sources import Source

_FILE = "data.json"


@dataclass(frozen=True)
class DataVersion:
    """A data set as it was: `id` is what a session calls it, NAME@ and the first digits of its sha256."""

    name: str
    sha256: str

    @property
    def id(self) -> str:
        return f"{self.name}@{self.sha256[:12]}"


def version_of(source: Source) -> DataVersion | None:
    """Return the version of a source as it is now; None for a data set that comes with a library."""
    sha256 = source.sha256()
    return None if sha256 is None else DataVersion(source.name, sha256)


def hold_version(folder: RunFolder, version: DataVersion) -> bool:
    """Keep the version that the first attempt of a run reads; returns whether it was the first.

    Raises:
        Invalid, Corrupt: as `check_held`.
    """
    path = folder.path / _FILE
    if path.is_file():
        check_held(folder, version)
        return False
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps({"name": version.name, "sha256": version.sha256}), "utf-8")
    temporary.replace(path)
    return True


def check_held(folder: RunFolder, version: DataVersion) -> None:
    """Hold a version against the one that earlier attempts of a run read, if there were any.

    Raises:
        Invalid: the data changed between the attempts.
        Corrupt: what was kept cannot be read.
    """
    path = folder.path / _FILE
    before = _kept(path) if path.is_file() else version.sha256
    if before != version.sha256:
        raise Invalid(
            f"The data set {version.name} changed between the attempts of this run: its sha256 was {before}, "
            f"and is {version.sha256} now.",
            hint="Put the old file back, or launch a new run: what was learnt from other data cannot be continued.",
        )


def _kept(path: Path) -> str:
    try:
        return str(json.loads(path.read_text("utf-8"))["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Corrupt(f"{path} cannot be read: {error}", hint="Launch a new run.") from error
