"""A yard with two comparisons: one that is through, of five models with five seeds, and one that still trains.

`python tests/app/compared.py FOLDER` makes it in a folder, to serve it and look at the page.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

from ready import ready_yard

from runyard.core.clock import now_us
from runyard.core.ids import new_id
from runyard.core.journal import Journal
from runyard.core.paths import Yard
from runyard.store.store import Store

SECOND = 1_000_000
# The mean accuracy of each model, how far its seeds are apart, its kind, and whether one run says all.
MODELS = (
    ("wide net", 0.91, 0.012, "mlp"),
    ("convolutions", 0.905, 0.015, "cnn1d"),
    ("recurrent net, both directions", 0.86, 0.01, "lstm"),
    ("narrow net", 0.80, 0.03, "mlp"),
    ("majority", 0.34, 0.0, "majority"),
)


def compared_yard(home: Path) -> dict[str, UUID]:
    """Make the yard; returns the ids of the comparisons by name."""
    yard = ready_yard(home)
    found = {
        "which net": _comparison(yard, "which net", seeds=5, ended=True, minutes_ago=40),
        "still at it": _comparison(yard, "still at it", seeds=1, ended=False, minutes_ago=2),
    }
    store = Store(yard)
    store.ingest(verb="test", wait_seconds=20, snapshot=True, replace_views=True)
    store.close()
    return found


def _comparison(yard: Yard, name: str, *, seeds: int, ended: bool, minutes_ago: int) -> UUID:
    dice, parent, begun = random.Random(name), new_id(), now_us() - minutes_ago * 60 * SECOND
    journal = Journal(yard.events / f"{parent}.jsonl")

    def write(run: UUID, k: str, at: int, /, **fields: Any) -> None:
        journal.write({"k": k, "run": str(run), "at": at, "attempt": 1, **fields})

    runs = [(model, seed) for seed in range(seeds) for model in MODELS if not (seed and model[3] == "majority")]
    config = {"metric": "accuracy", "mode": "max", "baselines": ["majority"], "runs": len(runs)}
    write(parent, "queued", begun, kind="compare", name=name, agent="nets", config=config, launched_by="page")
    write(parent, "started", begun)
    for place, ((label, mean, spread, kind), seed) in enumerate(runs):
        run, at = new_id(), begun + place * SECOND
        folder = yard.run(run).path
        folder.mkdir(parents=True)
        of_run = {"name": label, "model": {"model_type": kind}, "seed": seed, "hyperparameters": {"epochs": 4}}
        write(run, "queued", at, kind="train", name=label, agent="nets", config=of_run, group=label, seed=seed,
              parent=str(parent), launched_by="page")  # fmt: skip
        if not ended and place == len(runs) - 1:
            continue
        write(run, "started", at, device="cpu", accelerators=1)
        write(
            run, "planned", at, total_epochs=4, dataset_id="watch@1", validation_size=320, parameters=9000 * len(label)
        )
        score = mean + dice.uniform(-spread, spread)
        is_running = not ended and place == len(runs) - 2
        for epoch in range(1, 3 if is_running else 5):
            write(run, "epoch", at + epoch * SECOND, epoch=epoch, train_loss=1 / epoch, val_loss=1.1 / epoch,
                  metrics=[{"name": "accuracy", "value": score - 0.1 * (4 - epoch)}])  # fmt: skip
        if not is_running:
            write(run, "ended", at + 30 * SECOND, status="completed")
    if ended:
        write(parent, "ended", begun + 600 * SECOND, status="completed")
    journal.close()
    return parent


if __name__ == "__main__":
    print(compared_yard(Path(sys.argv[1])))
