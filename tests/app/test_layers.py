"""The tab of a run's layers, and the loss of its steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from ready import ready_yard
from streamlit.testing.v1 import AppTest

from runyard.core.clock import now_us
from runyard.core.ids import new_id
from runyard.core.journal import Journal, RunJournal
from runyard.store.store import Store

Visit = Callable[..., AppTest]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, UUID]:
    """A yard with a run of two layers that were looked at every ten steps."""
    yard = ready_yard(tmp_path_factory.mktemp("layers") / "yard")
    run = new_id()
    pen = RunJournal(Journal(yard.run(run).journal(1)), run, 1)
    config = {"monitoring": {"loss_curve_smoothing": 0.5}}
    pen.emit("queued", kind="train", name="watched", agent="a", config=config, launched_by="page")
    pen.emit("started", pid=4_194_305, host="here", device="cpu", accelerators=1, pid_created=now_us() / 1e6)
    for step in range(1, 201):
        pen.metrics(step, {"train/loss": 1 / step, **{f"gradient_norm/{name}": 1.0 for name in ("body.0", "head")}})
        if step % 2 == 0:
            rows = [
                {"layer": name, "place": place, "kind": kind, "low": -1.0 / step, "high": 1.0 / step, "counts": [1, 3]}
                for place, name in enumerate(("body.0", "head"), start=1)
                for kind in (("gradient", "weight") if name == "head" else ("gradient",))
            ]
            pen.histograms(step, rows)
    pen.epoch(1, step=200, train_loss=0.5, val_loss=0.5)
    pen.emit("ended", status="completed", steps=200)
    pen.journal.close()
    Store(yard).ingest(verb="test", wait_seconds=20, snapshot=True, replace_views=True)
    return yard.home, run


def charts(at: AppTest) -> list[str]:
    return [chart.proto.alt for chart in at.get("vega_lite_chart")]


def test_a_layer_is_picked_and_its_histograms_and_all_norms_are_drawn(visit: Visit, watched: tuple[Path, UUID]) -> None:
    at = visit(watched[0], "run", id=str(watched[1]), tab="Layers")
    assert at.selectbox(key="run-layer").options == ["body.0", "head"]
    histograms, norms = charts(at)
    assert (
        histograms == "Histograms of the gradients of body.0 over 50 steps, from -0.5 to 0.5"
    )  # thinned to every other
    assert norms == "Gradient norm of 2 layers over steps, 1 at the end in body.0"
    at.selectbox(key="run-layer").set_value("head").run()
    at.button_group(key="run-layer-kind").set_value("weight").run()
    assert not at.exception
    assert charts(at)[0].startswith("Histograms of the weights of head over 50 steps")


def test_the_loss_of_steps_is_smoothed_as_configured(visit: Visit, watched: tuple[Path, UUID]) -> None:
    at = visit(watched[0], "run", id=str(watched[1]), tab="Curves")
    assert "Exponential mean, 0.5 of it the past." in [caption.value for caption in at.caption]
    drawn = next(alt for alt in charts(at) if "200 steps" in alt)
    weights = [0.5**i for i in range(200)]
    value = sum(w / (200 - i) for i, w in enumerate(weights)) / sum(weights)
    assert drawn == f"Training loss over 200 steps, {value:.3g} at the end"


def test_a_run_without_layers_says_how_to_have_them(visit: Visit, full: tuple[Path, dict[str, UUID]]) -> None:
    at = visit(full[0], "run", id=str(full[1]["watch-cnn"]), tab="Layers")
    assert any("`monitoring`" in info.value for info in at.info)
    assert charts(at) == []
