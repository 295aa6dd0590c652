"""Launch: configure a run, see its YAML and command, start it once."""

import streamlit as st

from runyard.core.errors import RunyardError
from runyard.ui.data_preview import show_data
from runyard.ui.errors import sentences, show_error
from runyard.ui.launch_form import ask_config, checked, of_preset, show_before, show_preview, start_button, templates
from runyard.ui.yard import yard

rt = yard()
starts = templates(rt, st.query_params.get("from"), of_preset(rt, st.query_params))
start = st.selectbox("Start from", list(starts), key="launch-start-from", help="Fills the form; change what you like.")
form, preview = st.columns([3, 2], gap="large")
with form:
    values = ask_config(starts[start])
config = checked(values)

with preview, st.container(border=True):
    run_id = None
    with sentences():
        run_id = start_button(rt, config)
    if run_id:
        st.switch_page("page/live.py", query_params={"run": str(run_id)})
    if isinstance(config, RunyardError):
        show_error(config)
    else:
        show_before(rt, config)
        show_data(rt, config)
        show_preview(rt, config)
