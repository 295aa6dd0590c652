"""Hugging Face `trainer_state.json`: what the Trainer logged, as its last checkpoint or its end left it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from runyard.core.errors import Invalid, NotFound
from runyard.service.imports.source import Point, Run, Source, changed_at, number, whole

FILE = "trainer_state.json"
_SETTINGS = {"train_batch_size": "batch_size", "num_train_epochs": "epochs"}
_FACTS = (
    "best_metric",
    "best_model_checkpoint",
    "best_global_step",
    "is_hyper_param_search",
    "total_flos",
    "trial_name",
)


def read(path: Path) -> Source:
    """Return the runs of a `trainer_state.json`, of an output folder, or of all those below a folder.

    A checkpoint's file tells the run up to the checkpoint, so of one output folder the longest is taken.

    Raises:
        NotFound: there is none.
        Invalid: the file holds something else.
    """
    files = [path] if path.is_file() else sorted(path.rglob(FILE))
    if not files:
        raise NotFound(f"There is no {FILE} in {path}.", hint="Name the Trainer's output folder or one checkpoint.")
    runs: dict[Path, Run] = {}
    damages: list[str] = []
    for file in files:
        run, damage = _run(file)
        if damage and len(files) == 1 and run is None:
            raise Invalid(f"{file} is no {FILE}: {damage}", hint="The Trainer writes one into each checkpoint.")
        if run is None:
            damages.append(f"{file}: {damage}")
            continue
        folder = output_folder(file)
        if folder not in runs or len(run.points) > len(runs[folder].points):
            runs[folder] = run
    return Source(tuple(runs.values()), tuple(damages))


def output_folder(file: Path) -> Path:
    """Return the Trainer's output folder: the parent of a checkpoint."""
    folder = file.resolve().parent
    return folder.parent if folder.name.startswith("checkpoint-") else folder


def _run(file: Path) -> tuple[Run | None, str]:
    text = file.read_text(encoding="utf-8", errors="replace")
    damages: list[str] = []
    try:
        state = json.loads(text)
    except (ValueError, RecursionError) as error:
        state = _before_damage(text)
        damages.append(f"{file.name} is cut or damaged ({error}); what stands before that was imported.")
    if not isinstance(state, dict) or not isinstance(state.get("log_history"), list):
        return None, damages[0] if damages else "it has no log_history."
    points: list[Point] = []
    skipped = n_stepless = 0
    for entry in state["log_history"]:
        before = points[-1].step if points else 0
        point, left_out = _point(entry, before)
        skipped += left_out
        if point:
            points.append(point)
            n_stepless += len(point.values) if whole(entry.get("step")) is None else 0
    folder = output_folder(file)
    first = json.dumps(state["log_history"][:1], sort_keys=True)
    settings = {
        canonical: state[name] for name, canonical in _SETTINGS.items() if isinstance(state.get(name), int | float)
    }
    steps, limit = state.get("global_step"), state.get("max_steps")
    is_cut = isinstance(steps, int) and isinstance(limit, int) and steps < limit
    return Run(
        source_id=f"{folder.name}/{hashlib.sha256(first.encode()).hexdigest()[:16]}",
        name=folder.name,
        points=tuple(points),
        read_at=changed_at(file),
        has_no_id=True,
        settings=settings,
        facts={name: state[name] for name in _FACTS if state.get(name) is not None},
        losses={"train_loss": "loss", "val_loss": "eval_loss"},  # `train_loss` is the mean of the whole training
        total_epochs=state["num_train_epochs"] if isinstance(state.get("num_train_epochs"), int) else None,
        total_steps=limit if isinstance(limit, int) and limit > 0 else None,
        notes=(
            "The source has no times: the last change of its file stands for them.",
            *((f"{n_stepless} values have no step: they stand at the one before them.",) if n_stepless else ()),
            *((f"It tells {steps} of {limit} planned steps.",) if is_cut else ()),
        ),
        damages=tuple(damages),
        skipped=skipped,
    ), ""


def _point(entry: Any, before: int) -> tuple[Point | None, int]:
    """Return an entry of the log, at the step before it if it has none, and how many of its values are no numbers."""
    if not isinstance(entry, dict):
        return None, 1
    step = whole(entry.get("step"))
    rest = {name: number(value) for name, value in entry.items() if name not in ("step", "epoch")}
    values = tuple((name, value) for name, value in rest.items() if value is not None)
    point = Point(before if step is None else step, values, epoch=number(entry.get("epoch")))
    return (point if values else None), len(rest) - len(values)


def _before_damage(text: str) -> Any:
    """Return the entries of a cut file that are whole; the Trainer sorts its keys, so some stand before."""
    key, found, text = text.partition('"log_history"')
    place = text.find("[")
    if not found or place < 0:
        return None
    entries: list[Any] = []
    decoder = json.JSONDecoder()
    place += 1
    while True:
        while place < len(text) and text[place] in " \t\r\n,":
            place += 1
        try:
            entry, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            break
        entries.append(entry)
    return {"log_history": entries, **_head(key)}


def _head(text: str) -> dict[str, Any]:
    """Return what stands before the log, such as the step it was written at."""
    try:
        head = json.loads(text.rstrip().rstrip(",") + "}")
    except ValueError:
        return {}
    return head if isinstance(head, dict) else {}
