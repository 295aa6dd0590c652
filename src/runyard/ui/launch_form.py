"""The Launch form: where to start from, the fields of a run's configuration, and the config they make."""

from __future__ import annotations

import copy
import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
import streamlit as st
from pydantic import BaseModel

from runyard.config.combinations import BASELINE_USES, METHODS, TYPES, following, scores_of
from runyard.config.estimators import ESTIMATORS
from runyard.config.models import SERIES_NETS, CausalLm
from runyard.config.run import RunConfig, chosen, parse_run_config, to_yaml
from runyard.config.training import Optimization
from runyard.core.errors import Invalid, RunyardError
from runyard.core.ids import new_id
from runyard.queries import runs
from runyard.runtime import Runtime
from runyard.service import demo, presets
from runyard.service.comparisons import draws_of, start
from runyard.service.estimates import estimate_of, known_of
from runyard.service.launch import launch
from runyard.service.preflight import preflight
from runyard.service.queueing import with_absolute_paths
from runyard.ui.errors import show_error
from runyard.ui.fields import form_fields, kind_of
from runyard.ui.forms import Form, ask, chosen_kind
from runyard.ui.preflight_view import show_checks, show_estimate
from runyard.ui.rates_view import show_rates
from runyard.ui.run_view import run_named
from runyard.ui.yard import frame

_SECTIONS = ("model", "training_data", "hyperparameters", "optimization")
_LESS_OFTEN = ("evaluation", "monitoring", "resources", "recovery")
# The mode of early stopping follows its monitor; nothing can be deployed yet.
_NEVER = frozenset({"optimization.early_stopping.mode", "deployment"})
_SERIES = tuple(part.model_fields["model_type"].default for part in SERIES_NETS)
_OF_THE_TASK = (
    "evaluation.metrics",
    "training_data.split_by",
    "optimization.loss.kind",
    "optimization.early_stopping.monitor",
    "optimization.reduce_on_plateau.monitor",
)
_BASELINES = ("tfidf_logreg", "encoder_logreg", "majority")
_ESTIMATORS = {kind_of(part, "model_type"): part for part in ESTIMATORS}
_OF_TYPES = ("few_shot", "reinforcement")  # sections of one training type each


def of_preset(rt: Runtime, asked: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return the run that the Presets page has put together, as a template; none where the address names none."""
    names = [asked.get(key, "") for key in ("model", "data", "preset")]
    if not all(names):
        return {}
    try:
        plan = presets.plan(rt, *names)
    except RunyardError as error:
        show_error(error)
        return {}
    return {f"Preset {plan.preset.title}": chosen(plan.config)}


def templates(
    rt: Runtime, repeated: str | None, first: Mapping[str, dict[str, Any]] | None = None
) -> dict[str, dict[str, Any]]:
    """Return what a form may start from, by title: `first`, a run to repeat, then the demo's configurations."""
    found: dict[str, dict[str, Any]] = dict(first or {})
    if repeated:
        run_id = run_named(rt, repeated)
        past = frame(rt, runs.config_of(run_id)) if run_id else pl.DataFrame()
        name, config = past.row(0) if past.height else (None, None)
        if config:
            found[f"Repeat of {name}"] = json.loads(config)
    for config in demo.plan(rt):
        found[f"Demo: {config.name}"] = chosen(config)
    return found


def ask_config(initial: dict[str, Any]) -> dict[str, Any]:
    """Show the whole form and return the values as a mapping like the YAML's."""
    key = "launch-" + hashlib.sha256(repr(initial).encode()).hexdigest()[:8]
    begun = Form(key, initial)
    model = next(entry for entry in form_fields(RunConfig) if entry.name == "model")
    kind = chosen_kind(begun, model)
    part = next(part for part in model.parts if part.model_fields["model_type"].default == kind)
    initial = _following(initial, kind, part)
    form = Form(key, initial, _allowed(part), variants=_variants(kind))
    form = replace(form, hidden=_hidden(form, kind))
    values: dict[str, Any] = {}
    with st.container(border=True):
        st.subheader("Run", anchor=False)
        values |= ask(replace(form, hidden=form.hidden | set(_SECTIONS + _LESS_OFTEN)), RunConfig)
    for entry in form_fields(RunConfig):
        if entry.name in _SECTIONS and entry.path not in form.hidden:
            with st.container(border=True):
                st.subheader(entry.title, anchor=False)
                values |= _section(form, entry.name)
    with st.expander("Evaluation, monitoring, resources, recovery"):
        for name in _LESS_OFTEN:
            values |= _section(form, name, flat=True)
    return values


def _following(initial: dict[str, Any], kind: str, part: type[BaseModel]) -> dict[str, Any]:
    """Let what a model narrows, method, training type, scores, follow its change; all other answers stay."""
    if initial.get("model", {}).get("model_type") == kind:
        return initial
    follow: dict[str, Any] = {name: options[0] for name, options in _allowed(part).items()}
    for section, usual in following(part).items():  # type: ignore[arg-type]
        follow |= {f"{section}.{name}": value for name, value in usual.items()}
    initial = copy.deepcopy(initial)
    for path, value in follow.items():
        *sections, name = path.split(".")
        block = initial
        for section in sections:
            block = block.setdefault(section, {})
        block[name] = value
    return initial


def _variants(kind: str) -> dict[str, str]:
    """Return which answers are asked anew for another kind of model."""
    task = "-language" if kind == "causal_lm" else ""
    return {**dict.fromkeys(_OF_THE_TASK, task), "method": f"-{kind}", "training_type": f"-{kind}"}


def _section(form: Form, name: str, *, flat: bool = False) -> dict[str, Any]:
    others = {entry.path for entry in form_fields(RunConfig) if entry.name != name}
    return ask(replace(form, hidden=form.hidden | others), RunConfig, flat=flat)


def _allowed(part: type[BaseModel]) -> dict[str, tuple[str, ...]]:
    scores = scores_of(part)  # type: ignore[arg-type]
    allowed = {
        "method": METHODS[part],  # type: ignore[index]
        "training_type": TYPES[part],  # type: ignore[index]
        "evaluation.metrics": scores,
        "optimization.early_stopping.monitor": ("val_loss", *scores),
        "optimization.reduce_on_plateau.monitor": ("val_loss", *scores),
    }
    if part is CausalLm:
        allowed |= {
            "training_data.split_by": ("random", "group", "column"),
            "optimization.loss.kind": ("cross_entropy",),
        }
    return allowed


def _hidden(form: Form, kind: str) -> frozenset[str]:
    """Return the fields without effect on a model: adapters without LoRA, loops where nothing loops."""
    method = st.session_state.get(form.key_of("method"), form.start("method") or "lora")
    hidden = set(_NEVER)
    if method != "lora":
        hidden |= {"model.lora", "model.adapter"}
    if kind == "causal_lm":
        hidden |= {"training_data.window", "training_data.stride", "training_data.label_column"}
        hidden |= {"hyperparameters.dropout", "optimization.loss.class_weights"}
    else:
        hidden |= {"training_data.template", "evaluation.samples", "evaluation.sample_tokens"}
    if method == "frozen" or kind in (*_SERIES, *_BASELINES):
        hidden.add("resources.gradient_checkpointing")
    training_type = st.session_state.get(form.key_of("training_type"), form.start("training_type"))
    hidden |= {name for name in _OF_TYPES if name != training_type}
    if kind in _BASELINES:
        hidden |= {"optimization", "training_data.window", "training_data.stride"}
        keep = {"max_length", "batch_size"} if kind == "encoder_logreg" else set()
        numbers = next(entry for entry in form_fields(RunConfig) if entry.name == "hyperparameters").parts[0]
        hidden |= {f"hyperparameters.{name}" for name in numbers.model_fields if name not in keep}
        if not keep:
            hidden.add("hyperparameters")
    if part := _ESTIMATORS.get(kind):
        hidden |= {"hyperparameters", *_without(Optimization, "optimization", BASELINE_USES[part])}
    if kind in _SERIES or kind in _ESTIMATORS:
        hidden |= {"hyperparameters.max_length", "training_data.text_column"}
    elif kind == "text_encoder":
        hidden |= {"training_data.window", "training_data.stride"}
    if kind != "mlp" and kind not in _ESTIMATORS:
        hidden |= {"training_data.feature_columns", "training_data.categorical_columns"}
    if kind in ("cnn1d", "lstm"):
        hidden.add("training_data.label_column")
    return frozenset(hidden)


def _without(section: type[BaseModel], path: str, used: frozenset[str]) -> set[str]:
    return {f"{path}.{name}" for name in section.model_fields if name not in used}


def checked(values: dict[str, Any]) -> RunConfig | RunyardError:
    """Return the config that the values make, or every mistake in them."""
    try:
        return parse_run_config(values)
    except Invalid as error:
        return error


def show_before(rt: Runtime, config: RunConfig) -> None:
    """Show what was looked at before the start, and what the run is expected to take."""
    config, known = with_absolute_paths(config, Path.cwd()), known_of(rt, config)
    found = estimate_of(rt, config, known=known)
    show_estimate(found)
    looked = preflight(rt, config, known=known, found=found)
    troubles = sum(check.state == "failed" for check in looked)
    title = "Before the start: everything is in order" if not troubles else f"Before the start: {troubles} in the way"
    with st.expander(title, icon=":material/checklist:", expanded=bool(troubles)):
        show_checks(looked)


def show_preview(rt: Runtime, config: RunConfig) -> None:
    """Show the YAML of a config and the command that launches the same run from a shell."""
    text = to_yaml(config, full=False)
    file = f"{''.join(c if c.isalnum() or c in '-_' else '-' for c in config.name)}.yaml"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("YAML", anchor=False, width="content")
        st.space("stretch")
        st.download_button("Save", text, file, "application/yaml", icon=":material/download:", on_click="ignore")
    st.code(text, language="yaml", wrap_lines=True)
    st.markdown("**The same from a shell**")
    st.code(shlex.join(["runyard", "--yard", str(rt.yard.home), "launch", file]), language="bash", wrap_lines=True)
    show_rates(rt, config)


def start_button(rt: Runtime, config: RunConfig | RunyardError) -> UUID | None:
    """Show the button that starts the run; returns the run's id once it is queued.

    A double click launches once: both clicks carry the id drawn before, and launching an id twice does
    nothing the second time. A new id is drawn when the form is opened again after a start.
    """
    state = st.session_state
    draft: UUID | None = state.get("launch-draft")
    if draft is None or (state.get("launch-started") == draft and not state.get(f"launch-start-{draft}")):
        draft = state["launch-draft"] = new_id()
    broken = isinstance(config, RunyardError)
    clicked = st.button(
        "Start run",
        type="primary",
        icon=":material/rocket_launch:",
        key=f"launch-start-{draft}",
        width="stretch",
        disabled=broken,
    )
    if not clicked or isinstance(config, RunyardError):
        return None
    draws = draws_of(config)
    if draws is None:
        run_id = launch(rt, config, launched_by="page", run_id=draft)
    else:
        run_id = start(rt, draws, launched_by="page", run_id=draft)
    state["launch-started"] = draft
    return run_id
