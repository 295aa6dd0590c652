"""The Launch form: where to start from, the fields of a run's configuration, and the config they make."""

from __future__ import annotations

import hashlib
import json
import shlex
from typing import Any
from uuid import UUID

import streamlit as st
from pydantic import BaseModel

from runyard.config.combinations import METHODS, TYPES
from runyard.config.models import SERIES_NETS
from runyard.config.run import RunConfig, chosen, parse_run_config, to_yaml
from runyard.core.errors import Invalid, RunyardError
from runyard.core.ids import new_id
from runyard.queries import runs
from runyard.runtime import Runtime
from runyard.service import demo
from runyard.service.launch import launch
from runyard.ui.fields import form_fields
from runyard.ui.forms import Form, ask, chosen_kind
from runyard.ui.yard import frame

_SECTIONS = ("model", "training_data", "hyperparameters", "optimization")
_LESS_OFTEN = ("evaluation", "monitoring", "resources")
# The mode of early stopping follows its monitor; nothing can be deployed yet.
_NEVER = frozenset({"optimization.early_stopping.mode", "deployment"})
_SERIES = tuple(part.model_fields["model_type"].default for part in SERIES_NETS)
_BASELINES = ("tfidf_logreg", "encoder_logreg")


def templates(rt: Runtime, repeated: str | None) -> dict[str, dict[str, Any]]:
    """Return what a form may start from, by title: a run to repeat first, then the demo's configurations."""
    found: dict[str, dict[str, Any]] = {}
    if repeated:
        past = frame(rt, runs.config_of(UUID(repeated)))
        if past.height:
            name, config = past.row(0)
            found[f"Repeat of {name}"] = json.loads(config)
    for config in demo.plan(rt):
        found[f"Demo: {config.name}"] = chosen(config)
    return found


def ask_config(initial: dict[str, Any]) -> dict[str, Any]:
    """Show the whole form and return the values as a mapping like the YAML's."""
    key = "launch-" + hashlib.sha256(repr(initial).encode()).hexdigest()[:8]
    start = Form(key, initial)
    model = next(entry for entry in form_fields(RunConfig) if entry.name == "model")
    kind = chosen_kind(start, model)
    part = next(part for part in model.parts if part.model_fields["model_type"].default == kind)
    initial = _following(key, initial, kind, part)
    form = Form(key, initial, _allowed(part), _hidden(Form(key, initial), kind))
    values: dict[str, Any] = {}
    with st.container(border=True):
        st.subheader("Run", anchor=False)
        values |= ask(Form(key, initial, form.allowed, form.hidden | set(_SECTIONS + _LESS_OFTEN)), RunConfig)
    for entry in form_fields(RunConfig):
        if entry.name in _SECTIONS and entry.path not in form.hidden:
            with st.container(border=True):
                st.subheader(entry.title, anchor=False)
                values |= _section(form, entry.name)
    with st.expander("Evaluation, monitoring, resources"):
        for name in _LESS_OFTEN:
            values |= _section(form, name, flat=True)
    return values


def _following(key: str, initial: dict[str, Any], kind: str, part: type[BaseModel]) -> dict[str, Any]:
    """Let method and training type follow a change of the model; all other answers stay."""
    follow = {name: options[0] for name, options in _allowed(part).items()}
    if st.session_state.setdefault(f"{key}-kind", kind) != kind:
        st.session_state[f"{key}-kind"] = kind
        for name in follow:
            st.session_state.pop(f"{key}/{name}", None)
    same = initial.get("model", {}).get("model_type") == kind
    return initial if same else {**initial, **follow}


def _section(form: Form, name: str, *, flat: bool = False) -> dict[str, Any]:
    others = {entry.path for entry in form_fields(RunConfig) if entry.name != name}
    return ask(Form(form.key, form.initial, form.allowed, form.hidden | others), RunConfig, flat=flat)


def _allowed(part: type[BaseModel]) -> dict[str, tuple[str, ...]]:
    return {"method": METHODS[part], "training_type": TYPES[part]}  # type: ignore[index]


def _hidden(form: Form, kind: str) -> frozenset[str]:
    """Return the fields without effect on a model: adapters without LoRA, loops where nothing loops."""
    method = st.session_state.get(f"{form.key}/method", form.start("method") or "lora")
    hidden = set(_NEVER)
    if method != "lora":
        hidden.add("model.lora")
    if kind in _BASELINES:
        hidden |= {"optimization", "training_data.window", "training_data.stride"}
        keep = {"max_length", "batch_size"} if kind == "encoder_logreg" else set()
        numbers = next(entry for entry in form_fields(RunConfig) if entry.name == "hyperparameters").parts[0]
        hidden |= {f"hyperparameters.{name}" for name in numbers.model_fields if name not in keep}
        if not keep:
            hidden.add("hyperparameters")
    if kind in _SERIES:
        hidden |= {"hyperparameters.max_length", "training_data.text_column", "training_data.label_column"}
    elif kind == "text_encoder":
        hidden |= {"training_data.window", "training_data.stride"}
    return frozenset(hidden)


def checked(values: dict[str, Any]) -> RunConfig | RunyardError:
    """Return the config that the values make, or every mistake in them."""
    try:
        return parse_run_config(values)
    except Invalid as error:
        return error


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
    run_id = launch(rt, config, launched_by="page", run_id=draft)
    state["launch-started"] = draft
    return run_id
