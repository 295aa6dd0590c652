"""`import runyard` stays light: it is what people put into their own training scripts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "pydantic",
    "duckdb",
    "pyarrow",
    "polars",
    "pandas",
    "numpy",
    "streamlit",
    "starlette",
    "altair",
    "typer",
    "rich",
    "yaml",
    "torch",
    "transformers",
    "sklearn",
    "psutil",
}


def loaded_after(code: str) -> set[str]:
    """Top-level modules in a fresh interpreter after `code`."""
    code = f"{code}\nimport json, sys; print(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_import_runyard_loads_nothing_heavy() -> None:
    assert not loaded_after("import runyard") & HEAVY


def test_logging_loads_nothing_heavy_into_the_script(tmp_path: Path) -> None:
    """DuckDB comes with the background thread's first tick, seconds after the start."""
    code = (
        f"import runyard\nrun = runyard.init(config={{'seed': 7}}, home={str(tmp_path / 'yard')!r})\n"
        "run.log_epoch(1, train_loss=1.0, val_loss=2.0)\nrun.log({'accuracy': 0.5})"
    )
    assert not loaded_after(code) & HEAVY


@pytest.mark.parametrize("module", ["runyard.config.run", "runyard.core.journal"])
def test_configs_and_journals_know_no_training_library(module: str) -> None:
    assert not loaded_after(f"import {module}") & {"torch", "transformers", "sklearn", "duckdb", "streamlit"}
