"""Files that must be whole: sums, and asking the disk to keep what was written."""

import hashlib
import json
import os
from pathlib import Path


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_path(path: Path) -> None:
    """Ask the disk to keep a file or a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_manifest(folder: Path) -> str:
    """Write the sums of a folder's files into its manifest.json, sync all; return the sha256 of the manifest."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != "manifest.json")
    manifest = folder / "manifest.json"
    sums = {"sha256": {path.name: sha256_of(path) for path in files}}
    manifest.write_text(json.dumps(sums, indent=1), "utf-8")
    for path in (*files, manifest, folder):
        sync_path(path)
    return sha256_of(manifest)


def sums_agree(folder: Path) -> bool:
    """Say whether a folder's files are those of its manifest.json; one without it, of an older version, is believed."""
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        return True
    try:
        sums = json.loads(manifest.read_text("utf-8"))["sha256"]
        return all(sha256_of(folder / name) == expected for name, expected in sums.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
