"""The tabs of a run's page that are words: summary, environment, log, events."""

from __future__ import annotations

import json
from typing import Any

import streamlit as st

from runyard.queries import runs
from runyard.runtime import Runtime
from runyard.ui.datasets_view import show_class_counts
from runyard.ui.facts import show_facts
from runyard.ui.figure import as_arrow, show_sql
from runyard.ui.live_view import show_log
from runyard.ui.plain_view import show_plain
from runyard.ui.run_view import ACTIVE
from runyard.ui.text import dollars, duration, energy, number, share, utc
from runyard.ui.yard import frame

Row = dict[str, Any]


def show_summary(rt: Runtime, run: Row) -> None:
    """Show the result in numbers, then what was trained, on what, and what it cost."""
    show_plain(rt, run["id"], key="run", live=run["status"] in ACTIVE)
    cards = st.columns(4)
    waste = run["wasted_epochs"]
    cards[0].metric("Best validation loss", number(run["best_validation_loss"]), border=True,
                    delta=f"epoch {run['best_epoch']}" if run["best_epoch"] else None,
                    delta_color="off", delta_arrow="off", height="stretch")  # fmt: skip
    cards[1].metric("Last validation loss", number(run["final_validation_loss"]), border=True, height="stretch",
                    delta=_above(run["final_gl_pct"]), delta_color="off", delta_arrow="off")  # fmt: skip
    cards[2].metric("Compute", duration(_seconds(run["compute_hours"])), dollars(_real(run["cost_usd"])), border=True,
                    delta_color="off", delta_arrow="off", height="stretch")  # fmt: skip
    cards[3].metric("Wasted epochs", number(waste), border=True, height="stretch",
                    delta=f"{share(run['wasted_fraction'])}, {dollars(_real(run['wasted_cost_usd']))}"
                    if waste else None, delta_color="off", delta_arrow="off",
                    help="Epochs after the best one, their share of the run and what they cost")  # fmt: skip
    left, right = st.columns(2)
    with left:
        show_facts("Training", {
            "Model": run["base_model"] or _model_type(run), "Training type": run["training_type"],
            "Data set": run["dataset_id"],
            "Examples": number(run["dataset_size"]), "Parameters": number(run["parameters"]),
            "of them trained": number(run["trainable_parameters"]), "Monitor": run["monitor_metric"],
            "Epochs": f"{run['completed_epochs'] or 0} of {run['total_epochs'] or '?'}",
            "Steps": f"{number(run['completed_steps'])} of {number(run['total_steps'])}",
        })  # fmt: skip
    with right:
        show_facts("Verdict", {
            "Waste": words(run["waste_category"]),
            "Stopped early": _yes(run["early_stopping_triggered"]),
            "Overfitting": _yes(run["overfitting_detected"]), "Converged": _yes(run["convergence_achieved"]),
            "Early stopping could have saved": _epochs(run["es_saved_epochs"]),
            "Started": utc(run["started_at"]), "Ended": utc(run["ended_at"]),
            "CPU time": duration(_seconds(run["cpu_hours"])), "Memory peak": _gigabytes(run["memory_peak_gb"]),
        })  # fmt: skip
    counted = runs.classes(run["id"])
    classes = frame(rt, counted)
    if classes.height:
        st.markdown("**Examples of each class**")
        show_class_counts(classes, parts=True, key="run-classes")
    bill = runs.bill(run["id"])
    parts = {row["part"]: row for row in frame(rt, bill).to_dicts()}
    if parts:
        show_facts("What it cost", {
            "Epochs": _spent(parts.get("epochs")),
            "The rest: loading, saving, what a resume repeated": _spent(parts.get("rest")),
            "Together": _spent({"hours": run["compute_hours"], "usd": run["cost_usd"]}),
            "Energy": energy(run["energy_kwh"], run["energy_meters"]),
        })  # fmt: skip
    with st.expander("SQL", icon=":material/database:"):
        show_sql(runs.report(run["id"]))
        show_sql(counted)
        show_sql(bill)


def show_log_tab(rt: Runtime, run: Row) -> None:
    """Show the log of a run, or the lines of it that hold a text, and the traceback of a failure."""
    words = "Search in the log"
    search = st.text_input(words, key="run-search", placeholder=words, type="search", label_visibility="collapsed")
    show_log(rt, run["id"], search=search, lines=2000, height=560)
    if run["error_details"]:
        st.markdown("**What broke**")
        st.code(run["error_details"], language=None, wrap_lines=True)


def show_environment(rt: Runtime, run: Row) -> None:
    """Show where and with what a run ran."""
    left, right = st.columns(2)
    commit = run["git_commit"]
    with left:
        show_facts("Machine", {
            "Host": run["host"], "Device": run["device"], "Process": run["pid"], "Attempt": run["attempt"],
            "Launched by": run["launched_by"], "Seed": run["seed"],
            "Git commit": f"{commit[:12]}{' with uncommitted changes' if run['git_dirty'] else ''}" if commit else None,
            "Config digest": (run["config_digest"] or "")[:16] or None, "Model file": run["model_path"],
            "Model sha256": (run["model_sha256"] or "")[:16] or None,
        })  # fmt: skip
    with right:
        packages = json.loads(run["package_versions"] or "{}")
        show_facts("Packages", {"python": run["python_version"], **dict(sorted(packages.items()))})


def show_events(rt: Runtime, run: Row) -> None:
    """Show what happened to a run, oldest first."""
    query = runs.timeline(run["id"])
    table = frame(rt, query)
    st.dataframe(
        as_arrow(table),
        lazy=False,
        key="run-events",
        hide_index=True,
        placeholder="",
        column_config={
            "logged_at": st.column_config.DatetimeColumn("Time (UTC)", format="YYYY-MM-DD HH:mm:ss"),
            "kind": "Event",
            "attempt": "Attempt",
            "what": st.column_config.TextColumn("What", width="large"),
            "hint": "Hint",
        },
        alt="Events of the run, oldest first",
    )
    with st.expander("SQL", icon=":material/database:"):
        show_sql(query)


def _model_type(run: Row) -> str | None:
    """Return the kind of a model that has no base model, such as a CNN; None in a run of somebody's own script."""
    model = json.loads(run["config"] or "{}").get("model")
    return model.get("model_type") if isinstance(model, dict) else None


def words(category: str | None) -> str:
    """Return a category in words."""
    return "–" if category is None else category.replace("_", " ")


def _above(gl_pct: float | None) -> str | None:
    return None if gl_pct is None else f"{gl_pct:.1f} % above the best"


def _yes(value: bool | None) -> str:
    return "–" if value is None else ("yes" if value else "no")


def _epochs(count: int | None) -> str:
    return "–" if count is None else f"{count} epoch{'' if count == 1 else 's'}"


def _gigabytes(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f} GB"


def _spent(part: Row | None) -> str | None:
    return None if part is None else f"{duration(_seconds(part['hours']))}, {dollars(_real(part['usd']))}"


def _seconds(hours: float | None) -> float | None:
    return None if hours is None else hours * 3600


def _real(value: Any) -> float | None:
    return None if value is None else float(value)
