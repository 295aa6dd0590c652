"""Hours, dollars and kWh: what epochs, runs and reports say adds up to the same, to the cent."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

import duckdb
import polars as pl
import pytest

from runyard.core.clock import to_us
from runyard.core.paths import Yard
from runyard.queries import waste
from runyard.queries.runs import totals
from runyard.store import Store

START = datetime(2026, 3, 28)  # so that some runs end in April
PRICES = [
    ("cpu", "0.05", datetime(2026, 1, 1)),
    ("cpu", "0.0733", START + timedelta(days=2)),
    ("cuda:NVIDIA A100", "1.79", datetime(2026, 1, 1)),
    ("cuda:NVIDIA A100", "2.333333", START + timedelta(days=3)),
]
CENT = Decimal("0.01")


@dataclass
class Job:
    """A run as it was: its attempts, its epochs, and what it has to cost."""

    id: str
    agent: str
    workspace: str
    device: str
    accelerators: int
    status: str
    parent: str | None = None
    deleted: bool = False
    attempts: list[tuple[datetime, datetime | None]] = field(default_factory=list)
    kwh: list[float | None] = field(default_factory=list)

    @property
    def has_ended(self) -> bool:
        return self.attempts[-1][1] is not None

    @property
    def microseconds(self) -> int:
        return self.accelerators * sum(to_us(end) - to_us(start) for start, end in self.attempts if end)

    @property
    def cost(self) -> Decimal | None:
        """The hours of all attempts at the price when the first began."""
        begun = self.attempts[0][0]
        valid = [(since, price) for device, price, since in PRICES if device == self.device and since <= begun]
        if not valid or not self.has_ended:
            return None
        exact = Decimal(self.microseconds) / Decimal(3_600_000_000) * Decimal(max(valid)[1])
        return exact.quantize(Decimal("0.000001"), ROUND_HALF_UP)

    @property
    def energy(self) -> float | None:
        known = [kwh for kwh in self.kwh if kwh is not None]
        return sum(known) if self.has_ended and len(known) == len(self.kwh) else None


def jobs(dice: random.Random) -> Iterator[Job]:
    for number in range(1, 61):
        job = Job(
            id=str(UUID(int=number)),
            agent=dice.choice(["a", "b"]),
            workspace=dice.choice(["v", "w"]),
            device=dice.choice(["cpu", "cuda:NVIDIA A100", "cuda:NVIDIA A100", "an unpriced one"]),
            accelerators=1,
            status=dice.choice(["completed", "completed", "completed", "failed", "cancelled", "running", "lost"]),
            parent=str(UUID(int=1)) if number % 11 == 0 else None,
            deleted=number % 13 == 0,
        )
        job.accelerators = 1 if job.device == "cpu" else dice.choice([1, 2, 8])
        moment = START + timedelta(minutes=dice.randint(0, 8 * 24 * 60))
        for _ in range(dice.choice([1, 1, 1, 2, 3])):
            end = moment + timedelta(microseconds=dice.randint(10**7, 2 * 10**10))
            job.attempts.append((moment, end))
            job.kwh.append(dice.choice([None, *[dice.random()] * 5]))
            moment = end + timedelta(minutes=dice.randint(1, 600))
        if job.status == "running":
            job.attempts[-1] = (job.attempts[-1][0], None)
        if job.status == "lost":
            job.kwh[-1] = None
        yield job


def lines(job: Job, dice: random.Random) -> Iterator[dict[str, Any]]:
    """Yield the events of a run; an epoch that was under way when an attempt ended is repeated by the next."""
    first = job.attempts[0][0]
    config = {"hyperparameters": {"epochs": 20}, "optimization": {"early_stopping": {"enabled": True, "patience": 2}}}
    yield {"k": "queued", "at": first, "attempt": 1, "kind": "train", "agent": job.agent, "workspace": job.workspace,
           "config": config, "digest": f"digest {int(job.id[-2:], 16) % 25}", "parent": job.parent}  # fmt: skip
    epoch = 1
    for attempt, ((begun, ended), kwh) in enumerate(zip(job.attempts, job.kwh, strict=True), start=1):
        yield {"k": "started", "at": begun, "attempt": attempt, "device": job.device, "accelerators": job.accelerators}
        until = ended or begun + timedelta(hours=1)
        count = dice.randint(0, 7)
        seconds = (until - begun).total_seconds() * dice.uniform(0.5, 1.0) / max(1, count)
        for place in range(count):
            loss = [1.0, 0.5, 0.3, 0.4, 0.5, 0.45, 0.6, 0.61][min(7, epoch)]
            at = begun + timedelta(seconds=seconds * (place + 1))
            row = {"epoch": epoch, "val_loss": loss, "epoch_seconds": dice.choice([seconds, seconds, seconds, None])}
            yield {"k": "epoch", "at": at, "attempt": attempt, **row}
            epoch += 1
        epoch = max(1, epoch - 1)
        if ended is None:
            continue
        if job.status == "lost" and attempt == len(job.attempts):
            yield {"k": "lost", "at": ended, "attempt": attempt, "last_seen": to_us(ended)}
        else:
            status = job.status if attempt == len(job.attempts) and job.status != "running" else "failed"
            yield {"k": "ended", "at": ended, "attempt": attempt, "status": status, "energy_kwh": kwh}
    if job.deleted:
        yield {"k": "changed", "at": job.attempts[-1][0] + timedelta(days=30), "deleted": 1}


@pytest.fixture(scope="module")
def world() -> list[Job]:
    return list(jobs(random.Random(7)))


@pytest.fixture
def filled(yard: Yard, store: Store, world: list[Job]) -> Store:
    """A yard whose prices changed while these runs went on."""
    store.ingest(snapshot=True)
    with duckdb.connect(str(yard.store_db)) as db:
        db.execute("DELETE FROM prices")
        for row in PRICES:
            db.execute("INSERT INTO prices VALUES (?, ?, ?)", row)
    dice = random.Random(8)
    with (yard.events / "hand.jsonl").open("w") as file:
        for job in world:
            for line in lines(job, dice):
                file.write(json.dumps({**line, "run": job.id, "at": to_us(line["at"])}) + "\n")
    done = store.ingest(snapshot=True)
    assert done is not None
    assert done.rejected == 0
    return store


def cents(value: Any) -> Decimal:
    return Decimal(str(value or 0)).quantize(CENT, ROUND_HALF_UP)


def kept(world: list[Job]) -> list[Job]:
    return [job for job in world if not job.deleted]


def test_the_world_has_every_kind_of_run(world: list[Job]) -> None:
    assert {job.status for job in world} == {"completed", "failed", "cancelled", "running", "lost"}
    assert any(job.cost is None and job.has_ended for job in world), "one that nobody has a price for"
    assert any(job.parent for job in world)
    assert max(len(job.attempts) for job in world) == 3
    assert {job.attempts[-1][0].month for job in world} == {3, 4}


def test_a_run_costs_its_hours_at_the_price_of_its_start(filled: Store, world: list[Job]) -> None:
    found = filled.read(
        "SELECT CAST(id AS VARCHAR) AS id, gpu_hours, training_cost_usd, energy_kwh FROM training_sessions"
    )
    rows = {row["id"]: row for row in found.to_dicts()}
    assert rows.keys() == {job.id for job in world}
    for job in world:
        row = rows[job.id]
        assert row["training_cost_usd"] == job.cost, job
        assert row["gpu_hours"] == (pytest.approx(job.microseconds / 3.6e9) if job.has_ended else None)
        assert row["energy_kwh"] == (None if job.energy is None else pytest.approx(job.energy))


def test_epochs_and_the_rest_add_up_to_the_run(filled: Store, world: list[Job]) -> None:
    """Dollars to the last digit, since each part is rounded so that they do."""
    parts = filled.read(
        "SELECT CAST(session_id AS VARCHAR) AS id, epoch, share, hours, usd, kwh FROM epoch_costs ORDER BY id, epoch"
    )
    by_run = {key[0]: part for key, part in parts.group_by("id")}
    assert by_run.keys() == {job.id for job in kept(world) if job.has_ended}
    for job in kept(world):
        if not job.has_ended:
            continue
        part = by_run[job.id]
        assert (part["usd"].sum() if part["usd"].null_count() == 0 else None) == job.cost
        assert part["hours"].sum() == pytest.approx(job.microseconds / 3.6e9)
        assert part["share"].sum() == pytest.approx(1)
        assert part["epoch"].null_count() == 1
        assert part["share"].min() >= 0
        if job.energy is not None:
            assert part["kwh"].sum() == pytest.approx(job.energy)
    epochs = parts.filter(pl.col("epoch").is_not_null() & (pl.col("share") > 0))
    assert epochs.height > 100


def test_all_reports_add_up_to_the_runs(filled: Store, world: list[Job]) -> None:
    ended = [job for job in kept(world) if job.has_ended]
    hours = sum(job.microseconds for job in ended) / 3.6e9
    dollars = sum((job.cost for job in ended if job.cost is not None), Decimal(0))
    alive = "(SELECT id FROM runs WHERE deleted_at IS NULL)"
    reports = {
        "epochs": "SELECT sum(hours), sum(usd) FROM epoch_costs",
        "runs": f"SELECT sum(compute_hours), sum(cost_usd) FROM run_overview WHERE id IN {alive}",
        "detail": f"SELECT sum(compute_hours), sum(cost_usd) FROM run_report WHERE id IN {alive}",
        "workspaces": "SELECT sum(compute_hours), sum(cost_usd) FROM workspace_totals",
        "totals": f"SELECT compute_hours, cost_usd FROM ({totals().sql})",
        "bill": "SELECT sum(spent_hours), sum(spent_usd) FROM waste_lines",
        **{
            f"bill by {by}": f"SELECT sum(spent_hours), sum(spent_usd) FROM ({waste.lines(by).sql})"  # type: ignore[arg-type]
            for by in ("agent_id", "workspace_id", "month")
        },
    }
    for name, statement in reports.items():
        found_hours, found_dollars = filled.read(f"FROM ({statement}) AS report(hours, usd)").row(0)
        assert found_hours == pytest.approx(hours), name
        assert cents(found_dollars) == cents(dollars), name
    by_workspace = {row["workspace_id"]: row["cost_usd"] for row in filled.read("FROM workspace_totals").to_dicts()}
    for workspace, said in by_workspace.items():
        own = [job.cost for job in ended if job.workspace == workspace and job.cost is not None]
        assert said == sum(own, Decimal(0))
    kwh = sum(job.energy for job in ended if job.energy is not None)
    assert filled.read("SELECT sum(energy_kwh) FROM workspace_totals").item() == pytest.approx(kwh)
    assert filled.read("SELECT sum(kwh) FROM epoch_costs").item() == pytest.approx(kwh)


def test_what_was_wasted_adds_up_the_same_everywhere(filled: Store) -> None:
    """One early stop, three reports: by run, by agent, and in the ledger at the runs' own patience."""

    def amounts(statement: str) -> list[Any]:
        hours, dollars = filled.read(f"FROM ({statement}) AS found(hours, usd)").row(0)
        assert hours > 0
        return [pytest.approx(hours), cents(dollars)]

    by_run = amounts(
        "SELECT sum(s.gpu_hours * w.es_saved_epochs / w.total_epochs),\n"
        "  sum(CAST(s.training_cost_usd AS DOUBLE) * w.es_saved_epochs / w.total_epochs)\n"
        "FROM overtraining_waste AS w JOIN training_sessions AS s ON s.id = w.session_id"
    )
    assert by_run == amounts("SELECT sum(potential_savings_hours), sum(potential_savings_usd) FROM potential_savings")
    rule = "WHERE patience = 2 AND min_delta = 0"
    assert by_run == amounts(f"SELECT sum(saved_hours), sum(saved_usd) FROM waste_ledger {rule}")
    assert by_run == amounts(f"SELECT sum(saved_hours), sum(saved_usd) FROM waste_by_month {rule}")
    assert by_run == amounts(f"SELECT saved_hours, saved_usd FROM waste_best_rule {rule}")
    tail = "SELECT sum(hours), sum(usd) FROM waste_lines WHERE line = 'overtrained_tail'"
    ours = (
        "SELECT sum(s.gpu_hours * w.es_saved_epochs / w.total_epochs),\n"
        "  sum(CAST(s.training_cost_usd AS DOUBLE) * w.es_saved_epochs / w.total_epochs)\n"
        "FROM overtraining_waste AS w JOIN training_sessions AS s ON s.id = w.session_id\n"
        "JOIN runs AS r ON r.id = s.id\n"
        "WHERE w.status = 'completed' AND w.es_saved_epochs > 0 AND NOT EXISTS (\n"
        "  SELECT 1 FROM training_sessions AS e JOIN runs AS q ON q.id = e.id\n"
        "  WHERE q.config_digest = r.config_digest AND e.agent_id = s.agent_id AND q.deleted_at IS NULL\n"
        "    AND e.status = 'completed' AND e.completed_at < s.completed_at)"
    )
    assert amounts(tail) == amounts(ours)
    whole = "SELECT sum(hours), sum(usd) FROM waste_lines WHERE line NOT IN ('used', 'overtrained_tail')"
    spent = "SELECT sum(spent_hours), sum(spent_usd) FROM waste_lines WHERE line NOT IN ('used', 'overtrained_tail')"
    assert amounts(whole) == amounts(spent)


def test_a_curve_over_dollars_ends_at_what_the_run_cost(yard: Yard, store: Store) -> None:
    """Even when somebody corrects the price afterwards: the run was paid for at the old one."""
    job = Job(str(UUID(int=1)), "a", "w", "cpu", 1, "completed", attempts=[(START, START + timedelta(hours=2)),
              (START + timedelta(hours=5), START + timedelta(hours=6))])  # fmt: skip
    last = {"k": "epoch", "at": START + timedelta(hours=6), "attempt": 2, "epoch": 2, "val_loss": 0.5}
    job.kwh = [None, None]
    with (yard.events / "hand.jsonl").open("w") as file:
        for line in (*lines(job, random.Random(0)), {**last, "epoch": 99}):
            file.write(json.dumps({**line, "run": job.id, "at": to_us(line["at"])}) + "\n")
    store.ingest(snapshot=True)
    cost = store.read("SELECT training_cost_usd FROM training_sessions").item()
    assert cost == Decimal("0.12")
    with duckdb.connect(str(yard.store_db)) as db:
        db.execute("UPDATE prices SET usd_per_hour = 7")
    (yard.events / "more.jsonl").write_text(
        json.dumps({"k": "epoch", "run": str(UUID(int=2)), "at": 1, "epoch": 1}) + "\n"
    )
    store.ingest(snapshot=True)
    assert store.read("SELECT max(usd) FROM curve_points WHERE session_id = ?", [job.id]).item() == pytest.approx(0.12)
