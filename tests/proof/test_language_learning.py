"""Learning is real: a few LoRA steps on chat pairs lower the loss of SmolLM2 on questions that it has not seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runyard.config.run import parse_run_config
from runyard.demodata import packages
from runyard.demodata.place import place
from runyard.runtime import open_runtime
from runyard.service.launch import launch
from runyard.service.processes import run_in_foreground

STEPS = 15
BATCH = 4


@pytest.mark.timeout(1300)
def test_fifteen_steps_lower_the_held_out_loss_of_smollm2(demo_cache: Path, tmp_path: Path, short: bool) -> None:
    if short:
        pytest.skip("takes minutes: make proof without SHORT")
    rt = open_runtime(tmp_path / "yard", create=True)
    try:
        place(demo_cache, rt.yard)
        split = {"split_by": "column", "split_column": "part"}
        pairs = [json.loads(line) for line in (rt.yard.datasets / packages.CHATS).open(encoding="utf-8")]
        held_out = pairs[7::250]
        asked = {row["question"] for row in held_out}
        training = [row for row in pairs[::30] if row["question"] not in asked][: STEPS * BATCH]
        rows = [*({**row, "part": "train"} for row in training), *({**row, "part": "val"} for row in held_out)]
        (rt.yard.datasets / "chats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        values = {
            "model": {"model_type": "causal_lm", "adapter": "adapter"},
            "training_data": {"source": "chats", **split},
            "hyperparameters": {"learning_rate": 1e-3, "batch_size": BATCH, "epochs": 1, "max_length": 96},
            "optimization": {"schedule": "constant", "validation_frequency": 1},
            "evaluation": {"samples": 2, "benchmark": False},
            "seed": 1,
        }
        run = launch(rt, parse_run_config(values), launched_by="proof", start=False)
        code = run_in_foreground(rt, run).wait(timeout=1200)
        assert code == 0, rt.yard.run(run).log.read_text()[-3000:]
        rt.store.ingest(wait_seconds=30)
        told = "SELECT step, value FROM metrics WHERE session_id = $id AND name = 'validation/val_loss' ORDER BY step"
        losses = [value for _, value in rt.store.live(told, {"id": str(run)}).rows()]
        last = rt.store.live("SELECT val_loss FROM training_epochs WHERE session_id = $id", {"id": str(run)}).row(0)[0]
        print(f"held-out loss before {losses[0]:.3f}, after {STEPS} steps {last:.3f}")
        assert last < 0.9 * losses[0]
    finally:
        rt.close()
