"""Waste and efficiency: the ledger's numbers on the page, the what-if, and the same numbers from pasted SQL."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import duckdb
import pytest
from ready import ready_yard
from streamlit.testing.v1 import AppTest

from runyard.core.ids import new_id
from runyard.core.journal import Journal
from runyard.core.paths import Yard
from runyard.queries import waste
from runyard.queries.query import Query
from runyard.store.store import Store

Visit = Callable[..., AppTest]
Full = tuple[Path, dict[str, UUID]]


def figures(at: AppTest) -> dict[str, tuple[str, str]]:
    return {metric.label: (metric.value, metric.delta) for metric in at.metric}


def test_the_bill_has_every_cause_and_says_its_sum(visit: Visit, full: Full) -> None:
    at = visit(full[0], "waste")

    chart = at.get("vega_lite_chart")[0]
    assert json.loads(chart.spec)["data"]["name"] == "bars"
    assert "compute hours spent for nothing, by agent" in chart.proto.alt
    store = Store(Yard(full[0]))
    lost = store.read("SELECT sum(hours) FROM waste_lines WHERE line <> 'used'").item()
    assert figures(at)["For nothing"][0] == f"{lost:.3g} h"
    at.button_group(key="waste-unit").set_value("Epochs").run()
    lost = store.read("SELECT sum(epochs)::BIGINT FROM waste_lines WHERE line <> 'used'").item()
    assert f"{lost} epochs spent for nothing" in at.get("vega_lite_chart")[0].proto.alt


def test_the_chosen_rule_says_what_it_saves_and_costs(visit: Visit, full: Full) -> None:
    at = visit(full[0], "waste", **{"waste-tab": "What if"})
    best = Store(Yard(full[0])).read("FROM waste_best_rule WHERE is_best").row(0, named=True)
    assert at.select_slider(key="waste-patience").value == best["patience"]
    assert "the best rule" in at.success[0].value

    at.select_slider(key="waste-patience").set_value(1).run()
    at.button_group(key="waste-delta").set_value(0.01).run()

    rule = Store(Yard(full[0])).read("FROM waste_best_rule WHERE patience = 1 AND min_delta = 0.01").row(0, named=True)
    said = (at.success or at.warning)[0].value
    assert f"stopped {rule['stopped_runs']} of {rule['runs']} runs" in said
    assert f"saved {rule['saved_epochs']} epochs" in said
    assert f"{rule['costly_runs']} would have ended" in said
    assert bool(at.success) is rule["is_fit"]
    table = at.dataframe[0].value
    assert table["epochs"].sum() == rule["saved_epochs"]


def test_the_worst_offender_is_on_top(visit: Visit, full: Full) -> None:
    at = visit(full[0], "waste", **{"waste-tab": "Worst offenders"})

    table = at.dataframe[0].value
    assert table["name"].iloc[0] == "watch-cnn"
    assert table["wasted_cost_usd"].is_monotonic_decreasing


def test_savings_and_efficiency_have_their_rows(visit: Visit, full: Full) -> None:
    savings = visit(full[0], "waste", **{"waste-tab": "Savings"}).dataframe[0].value
    assert set(savings["agent_id"]) == {"demo", "reviewer", "odd"}

    at = visit(full[0], "waste", **{"waste-tab": "Efficiency"})
    assert "for 6 runs" in at.get("vega_lite_chart")[0].proto.alt
    assert any("on a CPU there is none" in caption.value for caption in at.caption)


def test_runs_without_validation_or_epochs_are_counted_and_explained(visit: Visit, tmp_path: Path) -> None:
    yard = ready_yard(tmp_path / "blind")
    journal = Journal(yard.events / "blind.jsonl")
    for status in ("completed", "failed"):
        run = str(new_id())
        for second, event in enumerate((
            {"k": "queued", "attempt": 1, "kind": "train", "name": status, "config": {}},
            {"k": "started", "attempt": 1, "device": "npu"},
            *([{"k": "epoch", "attempt": 1, "epoch": 1, "train_loss": 1.0}] if status == "completed" else []),
            {"k": "ended", "attempt": 1, "status": status},
        )):  # fmt: skip
            journal.write({**event, "run": run, "at": (1_700_000_000 + 60 * second) * 1_000_000})
    journal.close()
    Store(yard).ingest(verb="test", wait_seconds=20, snapshot=True, replace_views=True)

    at = visit(yard.home, "waste")
    assert figures(at)["Best rule"] == ("–", "no run was evaluated")
    assert "compute hours spent for nothing" in at.get("vega_lite_chart")[0].proto.alt
    at.button_group(key="waste-unit").set_value("Dollars").run()
    assert any("count in" in info.value for info in at.info), "nobody knows the price of this device"
    for tab, words in (
        ("What if", "no rule could have stopped it"),
        ("Worst offenders", "No finished run went on"),
        ("Efficiency", "No run has a finite validation value"),
    ):
        at = visit(yard.home, "waste", **{"waste-tab": tab})
        assert any(words in info.value for info in at.info), tab


def test_an_empty_yard_offers_one_way_on(visit: Visit, empty: Path) -> None:
    at = visit(empty, "waste")

    assert [button.proto.type for button in at.button] == ["primary"]
    assert "runyard demo" in at.markdown[0].value
    assert not at.metric


def test_no_yard_is_a_sentence_with_the_remedy(visit: Visit, tmp_path: Path) -> None:
    at = visit(tmp_path / "nowhere", "waste")

    assert "There is no yard" in at.info[0].value


def test_a_broken_snapshot_is_a_sentence_with_the_remedy(visit: Visit, full: Full, tmp_path: Path) -> None:
    home = tmp_path / "broken"
    shutil.copytree(full[0], home, symlinks=True)
    for snapshot in (home / "store").glob("snapshot-*.duckdb"):
        snapshot.write_bytes(b"not a database" * 1000)

    at = visit(home, "waste")

    assert "cannot be read" in at.error[0].value
    assert "rebuild" in at.error[0].value


@pytest.mark.parametrize(
    "query",
    [
        waste.lines("agent_id"),
        waste.lines("month"),
        waste.rules(),
        waste.of_rule(3, 0.001, by="workspace_id"),
        waste.savings(),
        waste.offenders(),
        waste.efficiency(),
    ],
    ids=["lines-agent", "lines-month", "rules", "of-rule", "savings", "offenders", "efficiency"],
)
def test_pasted_into_a_stock_duckdb_it_gives_the_same_numbers(full: Full, query: Query) -> None:
    store = Store(Yard(full[0]))
    store.publish()
    shown = store.read(query.sql, list(query.arguments))

    with duckdb.connect(str(Yard(full[0]).link), read_only=True) as shell:
        pasted = shell.sql(query.shell).pl()

    assert shown.height
    assert pasted.rows() == shown.rows()
