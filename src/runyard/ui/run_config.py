"""A run's configuration as it was run: YAML to keep, the command that repeats it, the form filled with it."""

from __future__ import annotations

import json
import shlex
from typing import Any

import streamlit as st

from runyard.config.run import parse_run_config, to_yaml
from runyard.core.errors import Invalid
from runyard.runtime import Runtime
from runyard.ui.preset_view import offer_save


def show_config(rt: Runtime, run: dict[str, Any]) -> None:
    """Show YAML and command, and offer to change and run it again."""
    file = rt.yard.run(run["id"]).config
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**Repeat it from a shell**", width="content")
        st.space("stretch")
        if run["model_path"] or run["status"] == "completed":
            offer_save(rt, run["id"])
        if st.button("Change and run again", icon=":material/edit:", key="run-again"):
            st.switch_page("page/launch.py", query_params={"from": str(run["id"])})
    st.code(shlex.join(["runyard", "--yard", str(rt.yard.home), "launch", str(file)]), language="bash", wrap_lines=True)
    if run["command"]:
        st.caption("Launched with")
        st.code(run["command"], language="bash", wrap_lines=True)
    st.markdown("**YAML**")
    st.code(as_yaml(run["config"]), language="yaml", wrap_lines=True)


def as_yaml(config: str | None) -> str:
    """Return the YAML of a stored configuration; one that is not of a Runyard training stays JSON."""
    values = json.loads(config or "{}")
    try:
        return to_yaml(parse_run_config(values))
    except Invalid:
        return json.dumps(values, indent=2, ensure_ascii=False)
