"""A notebook shows a run inline: the forms it may choose from, and a real notebook where Jupyter is installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import altair as alt
import pytest

import runyard
from runyard.core.errors import NotFound
from runyard.core.paths import Yard
from runyard.notebook import CHART_TYPES


@pytest.fixture
def home(yard: Yard) -> Iterator[Path]:
    yield yard.home
    runyard.finish("cancelled")


def overtrained(home: Path) -> runyard.Run:
    """A run that is still open: best at epoch 2 of 4, and one loss is not a number."""
    run = runyard.init(home=home, name="tiny", agent="bot")
    for epoch, loss in enumerate((1.0, 0.5, float("nan"), 0.75), start=1):
        run.log_epoch(epoch, train_loss=1 / epoch, val_loss=loss)
    return run


def shown(run: Any) -> dict[str, Any]:
    """The bundle as it would stand in a notebook's file."""
    found: dict[str, Any] = json.loads(json.dumps(run._repr_mimebundle_(), allow_nan=False))
    return found


def test_an_open_run_shows_its_curves_so_far(home: Path) -> None:
    bundle = shown(overtrained(home))

    assert "tiny: running, agent bot" in bundle["text/plain"]
    assert "best 0.5 at epoch 2 of 4" in bundle["text/plain"]
    chart = bundle[CHART_TYPES[0]]
    assert chart == bundle[CHART_TYPES[1]]
    alt.Chart.from_dict(chart)  # which validates it
    assert chart["title"]["text"] == bundle["text/plain"].splitlines()[0]
    data = chart["datasets"]
    assert [row["val_loss"] for row in data["curve"]] == [1.0, 0.5, None, 0.75]
    assert data["best"][0]["epoch"] == 2
    assert {layer["data"]["name"] for layer in chart["layer"]} == set(data)


def test_a_run_of_the_yard_is_shown_as_it_ended(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    overtrained(home).finish()

    print(runyard.run("tiny", home=home))

    first, second = capsys.readouterr().out.splitlines()
    assert "tiny: completed" in first
    assert second.startswith("best 0.5 at epoch 2 of 4, 2 epochs wasted since")
    assert shown(runyard.run(home=home))[CHART_TYPES[0]]["datasets"]["waste"] == [
        {"start": 2, "stop": 4, "label": "2 epochs wasted"}
    ]
    with pytest.raises(NotFound):
        runyard.run("nothing", home=home)


def test_a_run_without_an_epoch_is_words_alone(home: Path) -> None:
    bundle = shown(runyard.init(home=home, name="new"))

    assert list(bundle) == ["text/plain"]
    assert "new: running" in bundle["text/plain"]


def test_a_long_curve_stays_small_in_the_notebook(home: Path) -> None:
    run = runyard.init(home=home)
    for epoch in range(1, 3001):
        run.log_epoch(epoch, train_loss=1.0, val_loss=2.0 if epoch != 1234 else 0.5)

    chart = shown(run)[CHART_TYPES[0]]

    assert len(json.dumps(chart)) < 100_000
    assert 1234 in [row["epoch"] for row in chart["datasets"]["curve"]], "thinning keeps the best"
    assert any("of 3,000 points shown" in line for line in chart["title"]["subtitle"])


def test_what_cannot_be_read_is_said_and_raises_nothing(home: Path) -> None:
    run = overtrained(home)
    run.finish()
    for path in (home / "store").glob("*.duckdb"):
        path.write_bytes(b"not a database" * 1000)

    assert "cannot be shown" in shown(run)["text/plain"]


def test_ipython_takes_the_forms_that_it_is_given(home: Path) -> None:
    formatters = pytest.importorskip("IPython.core.formatters", reason="IPython is not installed")

    data, _ = formatters.DisplayFormatter().format(overtrained(home))

    assert set(data) == {"text/plain", *CHART_TYPES}


@pytest.mark.slow
def test_a_real_notebook_keeps_the_chart(home: Path, tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat", reason="Jupyter is not installed")
    nbclient = pytest.importorskip("nbclient", reason="Jupyter is not installed")
    pytest.importorskip("ipykernel", reason="Jupyter is not installed")
    cells = (
        f"import runyard\nrun = runyard.init(home={str(home)!r}, name='nb')",
        "for epoch in (1, 2, 3):\n    run.log_epoch(epoch, train_loss=1 / epoch, val_loss=abs(epoch - 2) + 0.5)\nrun",
        f"run.finish()\nrunyard.run(home={str(home)!r})",
    )
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    kernel = {"argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "here"}
    folder = tmp_path / "jupyter" / "kernels" / "here"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps({**kernel, "language": "python"}))
    script = (
        "import sys, nbformat, nbclient\n"
        "book = nbformat.read(sys.argv[1], 4)\n"
        "nbclient.NotebookClient(book, kernel_name='here', timeout=120).execute()\n"
        "nbformat.write(book, sys.argv[1])\n"
    )
    assert nbclient
    file = tmp_path / "book.ipynb"
    nbformat.write(book, file)
    subprocess.run(
        [sys.executable, "-c", script, str(file)], check=True, timeout=180,
        env={**os.environ, "JUPYTER_PATH": str(tmp_path / "jupyter")},
    )  # fmt: skip

    live, ended = (cell.outputs[-1].data for cell in nbformat.read(file, 4).cells[1:])
    assert "nb: running" in live["text/plain"]
    assert "nb: completed" in ended["text/plain"]
    for data in (live, ended):
        assert data[CHART_TYPES[0]]["datasets"]["best"][0]["epoch"] == 2
