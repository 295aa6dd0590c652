"""A long run on its own pages: thinned in SQL with its extremes kept, and more of a range that is looked at closely."""

from __future__ import annotations

import math
from collections.abc import Callable
from uuid import UUID

import polars as pl
import pytest
from ready import ready_yard
from streamlit.testing.v1 import AppTest

from runyard.core.ids import new_id
from runyard.core.journal import Journal
from runyard.queries import epochs
from runyard.queries.thinned import MOST_ROWS
from runyard.store.store import Store

Visit = Callable[..., AppTest]
Long = tuple[Store, UUID]
EPOCHS = 20_000
BEST, SPIKE, DEAD = 12_345, 7_777, 15_001
START = 1_700_000_000_000_000


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Long:
    """A yard with one run of 20,000 epochs: a best one, a spike, and one without a number; its process sampled."""
    yard, run = ready_yard(tmp_path_factory.mktemp("long")), new_id()
    launcher = Journal(yard.events / "long.jsonl")
    queued = {"attempt": 1, "kind": "train", "name": "long", "config": {}}
    launcher.write({"k": "queued", "run": str(run), "at": START, **queued})
    launcher.close()
    yard.run(run).path.mkdir(parents=True)
    journal = Journal(yard.run(run).journal(1))
    head = {"run": str(run), "attempt": 1}
    journal.write({"k": "started", "at": START, "device": "cpu", **head})
    for epoch in range(1, EPOCHS + 1):
        wave = 1 + math.sin(epoch / 50) / 10
        loss = {BEST: 0.1, SPIKE: 99.0, DEAD: math.nan}.get(epoch, wave)
        at = START + epoch * 5_000_000
        losses = {"epoch": epoch, "step": epoch, "train_loss": wave, "val_loss": loss, "learning_rate": 1 / epoch}
        journal.write({"k": "epoch", "at": at, **losses, **head})
        sample = [{"name": "system/cpu_percent", "value": 100.0 if epoch != SPIKE else 3.0}]
        journal.write({"k": "metrics", "at": at, "step": epoch, "metrics": sample, **head})
    journal.write({"k": "ended", "at": at, "status": "completed", **head})
    journal.close()
    store = Store(yard)
    store.ingest(verb="test", wait_seconds=20, snapshot=True, replace_views=True)
    return store, run


def drawn(long: Long, *values: str, between: tuple[float, float] | None = None) -> pl.DataFrame:
    query = epochs.curve(long[1], *values, between=between)
    return long[0].read(query.sql, list(query.arguments))


def test_a_long_curve_keeps_first_last_and_extremes_of_each_value(long: Long) -> None:
    points = drawn(long, *epochs.LOSSES)

    assert {1, BEST, SPIKE, EPOCHS} <= set(points["epoch"])
    assert points.height <= MOST_ROWS + 10
    assert points["epoch"].is_sorted()
    assert points["points"].unique().to_list() == [EPOCHS]


def test_a_range_of_it_is_drawn_in_full(long: Long) -> None:
    assert drawn(long, "val_loss", between=(7_700, 7_899))["epoch"].to_list() == [*range(7_700, 7_900)]


def test_a_curve_that_nobody_logged_has_no_points(long: Long) -> None:
    assert drawn(long, "gradient_norm").is_empty()


def captions(at: AppTest) -> list[str]:
    return [caption.value for caption in at.caption if "points shown" in caption.value]


def test_the_page_of_the_run_says_how_many_points_it_draws_and_looks_closer(visit: Visit, long: Long) -> None:
    at = visit(long[0].yard.home, "run", id=str(long[1]), tab="Curves")

    whole = captions(at)
    assert len(whole) == 2, "losses and learning rate; no gradient norm was logged"
    assert all("of 20,000 points shown, extremes kept; drag across to see more" in words for words in whole)
    charts = at.get("vega_lite_chart")
    assert sum(chart.proto.ByteSize() for chart in charts) < 1_000_000
    at.slider[0].set_value((7_700.0, 7_899.0)).run()
    assert captions(at) == ["200 of 200 points shown"] * 2
    next(button for button in at.button if button.label == "Whole run").click().run()
    assert captions(at) == whole


def test_its_process_is_thinned_too(visit: Visit, long: Long) -> None:
    at = visit(long[0].yard.home, "run", id=str(long[1]), tab="Resources")

    assert captions(at)[0].endswith("of 20,000 points shown, extremes kept; drag across to see more")


def test_live_says_that_it_draws_a_part(visit: Visit, long: Long) -> None:
    at = visit(long[0].yard.home, "live", run=str(long[1]))

    assert captions(at)[0].endswith("of 20,000 points shown, extremes kept; all of them are behind Details")
