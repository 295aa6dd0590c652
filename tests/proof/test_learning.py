"""Learning is real: each model of the demo is held against the simple ones on the same data, and the verdict said."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from runyard.config.comparison import compare
from runyard.config.run import RunConfig, load_run_config, parse_run_config
from runyard.queries import comparisons, ranking
from runyard.runtime import Runtime, open_runtime
from runyard.service import demo
from runyard.service.comparisons import start
from runyard.service.pump import pump
from runyard.service.runs import state


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Runtime]:
    runtime = open_runtime(tmp_path / "yard", create=True)
    yield runtime
    runtime.close()


def wine_forest(rt: Runtime) -> RunConfig:
    from sklearn.datasets import load_wine

    wine = load_wine(as_frame=True).frame.rename(columns={"target": "label"})
    with (rt.yard.datasets / "wine.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(wine.columns)
        writer.writerows(wine.itertuples(index=False))
    return parse_run_config(
        {"name": "wine forest", "model": {"model_type": "random_forest"}, "training_data": {"source": "wine"}}
    )


def accuracy(config: RunConfig) -> RunConfig:
    """Return the config judged by its accuracy, which models of other losses share."""
    stopping = {**config.optimization.early_stopping.model_dump(), "monitor": "accuracy", "mode": "max"}
    values = config.model_dump(mode="json")
    return parse_run_config({**values, "optimization": {**values["optimization"], "early_stopping": stopping}})


@pytest.mark.timeout(3000)
def test_each_demo_task_beats_its_baselines_or_says_that_it_does_not(
    rt: Runtime, demo_cache: Path, short: bool
) -> None:
    if short:
        pytest.skip("takes minutes: make proof without SHORT")
    demo.prepare(rt)
    digits = load_run_config(demo.text_of("digits-cnn"))
    tasks = [digits, wine_forest(rt), *(config for config in demo.plan(rt) if config.model.model_type != "causal_lm")]
    for config in tasks:
        if config.model.model_type in ("tfidf_logreg", "encoder_logreg"):
            continue
        parent = start(rt, compare([accuracy(config)]), launched_by="proof")
        while not state(rt, parent).has_ended:
            pump(rt, wait_seconds=30)
            rt.store.ingest(wait_seconds=30)
        rows = ranking.ranked(comparisons.models(parent).live(rt))
        print(f"\n{config.name}: {ranking.summary(rows)}")
        for row in rows:
            print(f"  {row['model_name']:24} {row['mean']:.3f} [{row['low']:.3f}, {row['high']:.3f}]")
        means = {row["model_type"]: row["mean"] for row in rows}
        assert means[config.model.model_type] > means["majority"] + 0.05
        beaten = not any(row["is_baseline"] and row["ties"] for row in rows) and not rows[0]["is_baseline"]
        said = ranking.summary(rows)
        assert beaten != ("does not beat" in said or "no model beats it" in said), said
