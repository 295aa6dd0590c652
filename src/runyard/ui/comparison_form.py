"""The form of "Compare models": data that are known here, the models to train on them, metric and seeds."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import streamlit as st

from runyard.config.comparison import MOST_SEEDS, SEEDLESS, Comparison, compare
from runyard.config.models import SERIES_NETS, TextEncoder
from runyard.config.run import RunConfig, canonical, parse_run_config
from runyard.core.errors import Invalid, RunyardError
from runyard.core.ids import new_id
from runyard.queries import comparisons
from runyard.runtime import Runtime
from runyard.service import demo
from runyard.service.comparisons import start
from runyard.ui.comparison_view import TITLES
from runyard.ui.errors import show_error
from runyard.ui.yard import frame

Known = dict[str, dict[str, RunConfig]]  # the models that are known for each data set, by what people call them


def ask_comparison(rt: Runtime) -> UUID | None:
    """Show the form; returns the id of the comparison that was started just now."""
    known = known_models(rt)
    data, metric_place = st.columns([3, 2])
    chosen = data.selectbox("Data", list(known), key="comparison-data", help="Data sets of the demo and of your runs")
    if chosen is None:
        return None
    there = known[chosen]
    usual = list(there)[:3]
    metric = metric_place.selectbox(
        "Compare by", list(TITLES), index=1, format_func=TITLES.__getitem__, key="comparison-metric",
        help="Every model is judged by its best epoch on the same held-out examples",
    )  # fmt: skip
    picked = st.multiselect("Models", list(there), default=usual, key=f"comparison-models-{chosen}")
    seeds_place, epochs_place, baselines_place, name_place = st.columns(4, vertical_alignment="bottom")
    seeds = int(seeds_place.number_input("Seeds", 1, MOST_SEEDS, 1, key="comparison-seeds",
                                         help="Runs of each model; from two on, intervals are over seeds"))  # fmt: skip
    epochs = epochs_place.number_input("Epochs", 1, 100_000, None, key="comparison-epochs", placeholder="as configured")
    baselines = baselines_place.toggle("Add baselines", value=True, key="comparison-baselines")
    name = name_place.text_input("Name", "", max_chars=120, placeholder="compare-…", key="comparison-name")
    if not picked:
        st.caption("Choose a model at least.")
        return None
    try:
        models = [_judged_by(there[label], metric, epochs) for label in picked]
        wanted = compare(models, seeds=seeds, baselines=baselines, name=name.strip() or None)
    except Invalid as error:
        show_error(error)
        return None
    return _start_button(rt, wanted)


def known_models(rt: Runtime) -> Known:
    """Return every data set that the demo or a run names, with the models that were trained on it and standard ones."""
    configs: list[tuple[str, RunConfig]] = [(f"Demo: {config.name}", config) for config in demo.plan(rt)]
    for row in frame(rt, comparisons.known_configs()).to_dicts():
        try:
            configs.append((str(row["name"]), parse_run_config(json.loads(row["config"]))))
        except RunyardError:  # of another version, or logged by a script
            continue
    found: Known = {}
    for label, config in configs:
        # Language models have no classes, which all of these are scored by.
        if config.model.model_type in (*SEEDLESS, "causal_lm") or config.start_from is not None:
            continue
        models = found.setdefault(_data_words(config), {})
        if config not in models.values():
            models[label if label not in models else f"{label} ({len(models) + 1})"] = config
    for models in found.values():
        models |= _standard(next(iter(models.values())))
    return found


def _data_words(config: RunConfig) -> str:
    data = config.training_data
    words = [data.source or data.path or "data", f"{data.validation_split:.0%} held out, {data.split_by}"]
    if data.max_examples:
        words.append(f"{data.max_examples:,} at most")
    if isinstance(config.model, SERIES_NETS):
        words.append(f"windows of {data.window}")
    return " · ".join(words)


def _standard(config: RunConfig) -> dict[str, RunConfig]:
    """Return models with usual values for the same data: the nets for series, or the ways to train an encoder."""
    values = canonical(config)
    variants: dict[str, dict[str, Any]] = {}
    if isinstance(config.model, SERIES_NETS):
        for part in SERIES_NETS:
            kind = part.model_fields["model_type"].default
            variants[kind] = {"name": kind, "model": {"model_type": kind}}
    elif isinstance(config.model, TextEncoder):
        for method in ("frozen", "lora", "full"):
            variants[f"encoder, {method}"] = {"name": f"encoder-{method}", "method": method}
    found = {}
    for label, changes in variants.items():
        try:
            found[f"Standard: {label}"] = parse_run_config({**values, **changes})
        except RunyardError:
            continue
    return {label: one for label, one in found.items() if one.model != config.model or one.method != config.method}


def _judged_by(config: RunConfig, metric: str, epochs: float | None) -> RunConfig:
    values = canonical(config)
    stopping = values["optimization"]["early_stopping"]
    stopping |= {"monitor": metric, "mode": "min" if metric == "val_loss" else "max"}
    values["evaluation"]["metrics"] = ["accuracy", "f1_macro"]
    if epochs is not None:
        values["hyperparameters"]["epochs"] = int(epochs)
    return parse_run_config(values)


def _start_button(rt: Runtime, wanted: Comparison) -> UUID | None:
    """Show the button; a double click starts once, since both clicks carry the id drawn before."""
    state = st.session_state
    draft: UUID | None = state.get("comparison-draft")
    if draft is None or (state.get("comparison-started") == draft and not state.get(f"comparison-start-{draft}")):
        draft = state["comparison-draft"] = new_id()
    runs = len(wanted.runs())
    label = f"Start {runs} runs" if runs > 1 else "Start 1 run"
    beaten = ", ".join(config.name for config in wanted.baselines)
    count = len(wanted.candidates)
    st.caption(f"{count} model{'s' if count > 1 else ''} × {wanted.seeds} seed{'s' if wanted.seeds > 1 else ''}"
               + (f", baselines: {beaten}" if beaten else "") + f"; {rt.settings.max_workers} at once.")  # fmt: skip
    if not st.button(label, type="primary", icon=":material/rocket_launch:", key=f"comparison-start-{draft}"):
        return None
    started = start(rt, wanted, launched_by="page", run_id=draft)
    state["comparison-started"] = draft
    return started
