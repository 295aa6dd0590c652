"""What all of tracking, ingest included, adds to the CNN of the demo."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

from runyard.config.run import canonical, load_run_config, parse_run_config, to_yaml
from runyard.core.ids import new_id
from runyard.core.paths import Yard
from runyard.demodata.place import place
from runyard.store import Store

PROGRAM = Path(__file__).with_name("measured_run.py")


def test_share_of_tracking(yard: Yard, board: Any, demo_cache: Path, short: bool) -> None:
    Store(yard).ingest(replace_views=True)
    place(demo_cache, yard)
    config = canonical(load_run_config((files("runyard.config") / "demo" / "watch-cnn.yaml").read_text()))
    if short:
        config["hyperparameters"]["epochs"] //= 4
    folder = yard.run(new_id())
    folder.path.mkdir(parents=True)
    folder.config.write_text(to_yaml(parse_run_config(config)))
    done = subprocess.run([sys.executable, str(PROGRAM), str(folder.path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    parts = ", ".join(f"{name} {seconds:.2f}" for name, seconds in found["parts"].items() if seconds > 0.005)
    note = f"{found['tracking']:.2f} of {found['all']:.1f} CPU s ({parts})"
    board.add("tracking of the CNN demo", 100 * found["tracking"] / found["all"], 2, "%", note)
