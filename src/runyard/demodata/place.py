"""Puts cached demo data into a yard by hard link or copy: no network, no conversion, safe to repeat."""

from __future__ import annotations

import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from runyard.core.paths import Yard
from runyard.demodata import packages


@dataclass(frozen=True)
class Assets:
    """What of the demo a yard has; `note` is a sentence for people when stand-ins are used, else empty."""

    watch: bool
    reviews: bool
    model: bool
    descriptions: bool
    chats: bool
    note: str


def place(cache: Path, yard: Yard) -> Assets:
    """Link or copy what the cache has and the yard lacks.

    Raises:
        OSError: the yard is not writable or the disk is full.
    """
    names = [*(package.produces for package in packages.PACKAGES), packages.CODE, packages.STAND_IN]
    for name in names:
        source, target = cache / name, yard.home / name
        if source.exists() and not target.exists():
            _put(source, target)
    return look(yard)


def look(yard: Yard) -> Assets:
    """Say what the yard has, without changing anything."""
    watch, reviews = (yard.datasets / packages.WATCH).is_file(), (yard.datasets / packages.REVIEWS).is_file()
    model = (yard.models / packages.MODEL / "model.safetensors").is_file()
    language_model = (yard.models / packages.LANGUAGE_MODEL / "model.safetensors").is_file()
    chats = language_model and (yard.datasets / packages.CHATS).is_file()
    missing = [
        text
        for there, text in (
            (watch, "smartwatch series"),
            (reviews, "food reviews"),
            (model, f"text encoder {packages.MODEL}"),
            (chats, f"language model {packages.LANGUAGE_MODEL} with chat pairs"),
        )
        if not there
    ]
    note = ""
    if missing:
        note = f"Demo data could not be had: {', '.join(missing)}. scikit-learn's own data sets stand in."
    return Assets(
        watch=watch,
        reviews=reviews,
        model=model,
        descriptions=(yard.datasets / packages.DESCRIPTIONS).is_file(),
        chats=chats,
        note=note,
    )


def _put(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        if source.is_dir():
            shutil.copytree(source, temporary, copy_function=_link_or_copy)
        else:
            _link_or_copy(str(source), str(temporary))
        os.rename(temporary, target)
    except OSError:
        if not target.exists():  # somebody else was first otherwise, with the same content
            raise
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        else:
            temporary.unlink(missing_ok=True)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)
