"""The tabs of a run's page: summary, curves, configuration, environment, resources, log, events."""

from __future__ import annotations

import html
import json
from typing import Any

import polars as pl
import streamlit as st

from runyard.charts.loss import loss_curves
from runyard.charts.series import series
from runyard.charts.spec import Spec
from runyard.charts.thin import thin
from runyard.queries import epochs, resources, runs
from runyard.runtime import Runtime
from runyard.ui.anomalies_view import show_anomalies
from runyard.ui.figure import as_arrow, show_behind, show_chart, show_sql
from runyard.ui.forecast_view import forecast_line, predicted, show_forecast
from runyard.ui.marks import best_mark, curve_words, stop_marks, waste_band
from runyard.ui.text import dollars, duration, energy, escape, number, share, utc
from runyard.ui.yard import frame, is_dark

Row = dict[str, Any]
_FACT = (
    '<tr style="font-size:.875rem;border-bottom:1px solid rgba(128,128,128,.25)">'
    '<th scope="row" style="text-align:left;font-weight:400;opacity:.7;padding:.3rem .5rem;width:42%">{}</th>'
    '<td style="padding:.3rem .5rem;overflow-wrap:anywhere">{}</td></tr>'
)


def show_summary(rt: Runtime, run: Row) -> None:
    """Show the result in numbers, then what was trained, on what, and what it cost."""
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
    bill = runs.bill(run["id"])
    parts = {row["part"]: row for row in frame(rt, bill).to_dicts()}
    if parts:
        show_facts("What it cost", {
            "Epochs": _spent(parts.get("epochs")),
            "The rest: loading, saving, what a resume repeated": _spent(parts.get("rest")),
            "Together": _spent({"hours": run["compute_hours"], "usd": run["cost_usd"]}),
            "Energy": energy(run["energy_kwh"], run["energy_meters"]),
        })  # fmt: skip


def show_curves_tab(rt: Runtime, run: Row) -> None:
    """Show the loss curves with their marks, then learning rate and gradient norm."""
    query = epochs.of_run(run["id"])
    table = frame(rt, query)
    if table.is_empty():
        st.info("No epoch has finished, so there is no curve.", icon=":material/hourglass_empty:")
        return
    log = st.toggle("Logarithmic loss", key="run-log", bind="query-params")
    drawn = thin(table, ("train_loss", "val_loss"))
    ahead = predicted(rt, run, table)
    with st.container(border=True):
        st.markdown("**Loss**")
        show_forecast(run, ahead)
        data = {
            "curve": drawn.frame.select("epoch", "train_loss", "val_loss"),
            "best": best_mark(run, table),
            "waste": waste_band(run),
            "stops": stop_marks(run),
            "forecast": forecast_line(run, ahead),
        }
        show_chart(_loss_spec(log, is_dark()), data, key="run-loss", alt=curve_words(run, table))
        show_behind(table, query, key="run-loss", note=drawn.note, alt="Epochs of the run")
    left, right = st.columns(2)
    show_line(left, table, "epoch", "learning_rate", "learning rate", colour=2)
    show_line(right, table, "epoch", "gradient_norm", "gradient norm", colour=4)
    show_anomalies(rt, run)


def show_resources_tab(rt: Runtime, run: Row) -> None:
    """Show CPU and memory of the run's process over time."""
    query = resources.of_run(run["id"])
    table = frame(rt, query)
    if table.is_empty():
        st.info("No samples: they come every 5 seconds from runs that Runyard starts.", icon=":material/memory:")
        return
    show_line(st.container(), table, "minutes", "cpu_percent", "CPU (%, 100 = one core)", colour=0)
    show_line(st.container(), table, "minutes", "memory_gb", "memory (GB)", colour=2)
    show_line(st.container(), table, "minutes", "gpu_percent", "GPU (%)", colour=3)
    show_behind(table, query, key="run-resources", alt="CPU and memory samples of the run")


def show_line(place: Any, table: pl.DataFrame, x: str, y: str, title: str, *, colour: int) -> None:
    """Show one column over another in a box; nothing where the column is unknown throughout."""
    points = table.select(pl.col(x).alias("x"), pl.col(y).alias("y")).drop_nulls()
    if points.is_empty():
        return
    drawn = thin(points, ("y",))
    x_title = "epoch" if x == "epoch" else "minutes since start"
    with place.container(border=True):
        st.markdown(f"**{title[0].upper()}{title[1:]}**")
        spec = _line_spec(x_title, title, x == "epoch", colour, is_dark())
        last = number(points["y"][-1], 3)
        show_chart(spec, {"points": drawn.frame}, key=f"run-{y}", alt=f"{title} over {x_title}, {last} at the end")
        if drawn.note:
            st.caption(drawn.note)


def show_environment(run: Row) -> None:
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


def show_facts(title: str, facts: dict[str, Any]) -> None:
    """Show a small table of names and values; a user's strings are shown, not read.

    HTML of our own, since `st.table` imports pandas, which is 50 MB.
    """
    shown = ((name, "–" if value in (None, "") else value) for name, value in facts.items())
    rows = "".join(_FACT.format(html.escape(str(name)), html.escape(str(value))) for name, value in shown)
    with st.container(border=True, height="stretch"):
        st.markdown(f"**{escape(title)}**")
        st.html(f'<table aria-label="{html.escape(title)}" style="width:100%;border-collapse:collapse">{rows}</table>')


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


@st.cache_data(max_entries=8, show_spinner=False)
def _loss_spec(log: bool, dark: bool) -> Spec:
    return loss_curves(log=log, dark=dark)


@st.cache_data(max_entries=32, show_spinner=False)
def _line_spec(x_title: str, y_title: str, whole_x: bool, colour: int, dark: bool) -> Spec:
    return series(x_title=x_title, y_title=y_title, whole_x=whole_x, colour=colour, dark=dark)
