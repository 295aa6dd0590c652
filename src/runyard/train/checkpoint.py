"""Checkpoints: folders that are whole or not there, checked by their sums before they are used.

A checkpoint is written beside its place, synced, then renamed. Its manifest holds the sha256 of each file and names
the checkpoint of the best epoch so far, which is kept for as long as one of the kept ones names it. The newest one at
the end of an epoch is kept, too: one inside an epoch is of no use to batches of another size.
"""

import errno
import json
import random
import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from runyard.train.continuity import without_best
from runyard.train.files import sha256_of, sync_path
from runyard.train.patience import HARDLY_FREE

_WEIGHTS, _STATE, _MANIFEST = "model.safetensors", "state.pt", "manifest.json"
Weights = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Saved:
    """A checkpoint on disk; `sha256` is that of its manifest, which holds those of its files."""

    path: Path
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Loaded:
    """A checkpoint whose sums agree."""

    name: str
    weights: Weights
    state: dict[str, Any]


def trained_weights(model: torch.nn.Module, also: Collection[str] = ()) -> Weights:
    """Return what training changes: trainable parameters and buffers, tied ones once, on the CPU.

    Args:
        also: names of parameters that are frozen now, but not for good.
    """
    named = model.named_parameters(remove_duplicate=False)
    frozen = {name for name, parameter in named if not parameter.requires_grad and name not in also}
    kept: Weights = {}
    seen: set[int] = set()
    for name, tensor in model.state_dict().items():
        if name not in frozen and not (tensor.numel() and tensor.data_ptr() in seen):
            seen.add(tensor.data_ptr())
            kept[name] = tensor.detach().cpu().contiguous()
    return kept


def checkpoint_name(step: int) -> str:
    """Return the name of the checkpoint of a step."""
    return f"step-{step:08d}"


def save_checkpoint(
    folder: Path,
    name: str,
    weights: Weights,
    state: dict[str, Any],
    *,
    best: str,
    keep: int,
    ranked: Sequence[str] = (),
) -> Saved:
    """Write a checkpoint and drop those that are not among the newest `keep` nor named as good by one of them.

    The newest one at the end of an epoch stays, however many came after it. Those of later steps than this one are
    dropped: an attempt left them behind that this one could not go on from.

    Args:
        ranked: the checkpoints of the best epochs, the best one first; `best` is kept with them.

    Raises:
        OSError: the disk is full; the checkpoints before stay as they are.
    """
    final, beside = folder / name, folder / f"{name}.tmp"
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        save_file(weights, beside / _WEIGHTS)
        torch.save(state, beside / _STATE)
        manifest = {
            "best": best,
            "ends_epoch": _ends_epoch(state),
            "ranked": list(ranked),
            "sha256": {file: sha256_of(beside / file) for file in (_WEIGHTS, _STATE)},
        }
        (beside / _MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True), "utf-8")
        for file in (_WEIGHTS, _STATE, _MANIFEST):
            sync_path(beside / file)
        sync_path(beside)
        shutil.rmtree(final, ignore_errors=True)
        beside.rename(final)
    except BaseException as error:
        # safetensors and torch have errors of their own for a full disk.
        full = shutil.disk_usage(folder).free < HARDLY_FREE
        shutil.rmtree(beside, ignore_errors=True)
        if isinstance(error, Exception) and full:
            raise OSError(errno.ENOSPC, f"no space left for the checkpoint {name}") from error
        raise
    sync_path(folder)
    _prune(folder, keep, newest=name)
    size = sum(path.stat().st_size for path in final.iterdir())
    return Saved(final, size, sha256_of(final / _MANIFEST))


def is_in_order(state: dict[str, Any], order: dict[str, int]) -> bool:
    """Return whether batches go on from a checkpoint where it was: at the end of an epoch, or in the same order."""
    return _ends_epoch(state) or bool(state.get("order", order) == order)


def _ends_epoch(state: dict[str, Any]) -> bool:
    return not state.get("progress", {}).get("batch", 0)


def load_newest(
    folder: Path, complain: Callable[[str], None], fits: Callable[[dict[str, Any]], bool] = lambda state: True
) -> Loaded | None:
    """Return the newest checkpoint that is whole; says which ones are not used and why.

    Where the best one that it names is not whole, its state comes without it: no epoch has to beat one that is lost.

    Args:
        fits: whether a run can go on from a state.
    """
    for name in reversed(_names(folder)):
        try:
            manifest = _checked(folder / name)
            state = torch.load(folder / name / _STATE, weights_only=True, map_location="cpu")
            if not fits(state):
                raise ValueError("it is inside an epoch whose batches were others")
            weights = load_file(folder / name / _WEIGHTS)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, an older one may be whole
            complain(f"The checkpoint {name} cannot be used ({error}); going one back.")
            continue
        if manifest["best"] and (lost := _damage(folder / manifest["best"])):
            complain(f"The best checkpoint {manifest['best']} is lost ({lost}); the best epoch is sought anew.")
            state = without_best(state)
        return Loaded(name, weights, state)
    return None


def load_weights(folder: Path, name: str) -> Weights:
    """Return the weights of one checkpoint.

    Raises:
        ValueError, OSError: it is damaged or gone.
    """
    _checked(folder / name)
    return load_file(folder / name / _WEIGHTS)


def load_state(folder: Path, name: str) -> dict[str, Any]:
    """Return the state beside the weights of one checkpoint.

    Raises:
        ValueError, OSError: it is damaged or gone.
    """
    _checked(folder / name)
    state: dict[str, Any] = torch.load(folder / name / _STATE, weights_only=True, map_location="cpu")
    return state


def put_weights(model: torch.nn.Module, weights: Weights, also: Collection[str] = ()) -> None:
    """Put trained weights back; what training does not change stays as it is. `also` is as in `trained_weights`.

    Raises:
        ValueError: the weights do not belong to this model.
    """
    missing, unexpected = model.load_state_dict(weights, strict=False)
    if unexpected or set(missing) & set(trained_weights(model, also)):
        raise ValueError(f"the weights do not fit the model: {[*unexpected, *missing][:3]}")


def random_state() -> dict[str, Any]:
    """Return the state of all random number generators, in a form that loads without pickles."""
    kind, keys, *rest = np.random.get_state(legacy=True)
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "python": random.getstate(),
        "numpy": [kind, np.asarray(keys).tolist(), *rest],
    }


def put_random_state(state: dict[str, Any]) -> None:
    """Take up the random numbers where they were."""
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
    random.setstate(state["python"])
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), *rest))


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("step-*") if path.suffix != ".tmp" and path.is_dir())


def _checked(path: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((path / _MANIFEST).read_text("utf-8"))
    for file, expected in manifest["sha256"].items():
        if sha256_of(path / file) != expected:
            raise ValueError(f"the sha256 of {path.name}/{file} does not agree")
    return manifest


def _damage(path: Path) -> str:
    """Return what is wrong with a checkpoint; nothing where it is whole."""
    try:
        _checked(path)
    except (OSError, ValueError, KeyError, AttributeError) as error:
        return str(error) or type(error).__name__
    return ""


def _is_at_an_end(path: Path) -> bool:
    try:
        return bool(json.loads((path / _MANIFEST).read_text("utf-8"))["ends_epoch"])
    except (OSError, ValueError, KeyError, TypeError):  # one of an older version does not say
        return False


def _prune(folder: Path, keep: int, *, newest: str) -> None:
    there = _names(folder)
    names = [name for name in there if name <= newest]
    kept = set(names[-keep:])
    for name in names[-keep:]:
        try:
            manifest = json.loads((folder / name / _MANIFEST).read_text("utf-8"))
            kept |= {manifest["best"], *manifest.get("ranked", ())}
        except (OSError, ValueError, KeyError):
            continue
    kept |= {*islice((name for name in reversed(names) if _is_at_an_end(folder / name)), 1)}
    for name in set(there) - kept:
        shutil.rmtree(folder / name, ignore_errors=True)
