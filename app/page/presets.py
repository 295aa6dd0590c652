"""Presets: a run from a preset, a model and a data set; fitted to this machine, looked over, estimated, started."""

import streamlit as st

from runyard.core.errors import RunyardError
from runyard.presets import machine as machines
from runyard.service import presets
from runyard.service.estimates import Known, estimate_of
from runyard.service.machine import this_machine
from runyard.service.preflight import is_ready, preflight
from runyard.ui.errors import sentences, show_error
from runyard.ui.preflight_view import show_checks, show_estimate
from runyard.ui.preset_view import offer_delete, show_cards, show_changes, show_scores, start_button
from runyard.ui.text import escape
from runyard.ui.yard import yard

rt = yard()
machine = this_machine(rt)
ranked = presets.ranked(rt)
models, data_sets = presets.trainable(rt)
names = [one.preset.name for one in ranked]
asked = st.query_params
tier = machines.tier_of(machine).name
st.caption(f"This machine: {escape(machines.words(machine))}. Its tier is {escape(tier)}.")

data_id = asked.get("data") if asked.get("data") in data_sets else data_sets[0]
suggestion = presets.suggested(rt, data_id)
preset_id = asked.get("preset") or (suggestion.preset.name if suggestion else names[0])
preset_id = preset_id if preset_id in names else names[0]
if picked := show_cards(ranked, preset_id):
    st.query_params["preset"] = picked
    st.rerun()

st.subheader("Model and data", anchor=False)
left, right = st.columns(2)
data_id = right.selectbox("Data set", data_sets, index=data_sets.index(data_id), key="presets-data",
                          help="Files of the yard's folder `datasets`.")  # fmt: skip
if data_id != asked.get("data"):
    st.query_params["data"] = data_id
    suggestion = presets.suggested(rt, data_id)
model_id = asked.get("model") or (suggestion.model.name if suggestion else models[0])
place = models.index(model_id) if model_id in models else 0
model_id = left.selectbox("Model", models, index=place, key="presets-model",
                          help="Models of the yard's folder `models`, and kinds that start from nothing.")  # fmt: skip
if model_id != asked.get("model"):
    st.query_params["model"] = model_id
if suggestion and suggestion.model.name == model_id:
    st.caption(f":material/lightbulb: {escape(suggestion.why)}")

chosen = (model_id, data_id, preset_id)
try:
    plan = presets.plan(rt, *chosen, machine=machine)
except RunyardError as error:
    show_error(error)
    plan = None
if plan is not None:
    known = Known(plan.model, plan.data)
    expected = estimate_of(rt, plan.config, machine=machine, known=known)
    checks = preflight(rt, plan.config, preset=plan.preset, known=known, machine=machine, found=expected)
    before, after = st.columns(2)
    with before.container(border=True, height="stretch"):
        st.markdown("**What is changed for this machine**")
        show_changes(plan)
        st.markdown("**What to expect**")
        show_estimate(expected)
    with after.container(border=True, height="stretch"):
        st.markdown("**Looked at before the start**")
        show_checks(checks)
        st.space("stretch")
        with sentences():
            if run_id := start_button(rt, plan, chosen, ready=is_ready(checks) and plan.fitted.fits):
                st.switch_page("page/live.py", query_params={"run": str(run_id)})
        if st.button("Open in the advanced form", icon=":material/tune:", key="presets-advanced", width="stretch"):
            query = {"preset": preset_id, "model": model_id, "data": data_id}
            st.switch_page("page/launch.py", query_params=query)
offer_delete(rt, presets.find_preset(rt, preset_id))
show_scores(rt)
