"""Datasets: what models learn from, what is in it, and how it would be split."""

import streamlit as st

from runyard.service.datasets import list_datasets
from runyard.ui.backlog import show_backlog
from runyard.ui.dataset_forms import ask_lengths, ask_split, ask_upload
from runyard.ui.datasets_view import look, show_classes, show_columns, show_numbers, show_versions
from runyard.ui.errors import sentences
from runyard.ui.yard import yard

rt = yard()
show_backlog(rt)
names = [row["name"] for row in list_datasets(rt)]
asked = st.query_params.get("name")
if fresh := st.session_state.pop("dataset-added", None):
    st.session_state["dataset"] = fresh
with st.container(horizontal=True, vertical_alignment="bottom"):
    start = names.index(asked) if asked in names else len(names) - 1
    name = st.selectbox("Data set", names, index=start, key="dataset", width=360)
    added = ask_upload(rt)
if added:
    st.session_state["dataset-added"] = added
    st.rerun()
st.query_params["name"] = name

with sentences():
    shown = look(rt, name)
    show_numbers(shown)
    st.subheader("Columns", anchor=False)
    show_columns(shown)
    if shown.survey.label:
        st.subheader("Classes and split", anchor=False)
        chart, form = st.columns([3, 2], gap="large")
        with form, st.container(border=True):
            preview = ask_split(rt, shown)
        with chart:
            show_classes(shown, preview)
    if shown.survey.like("text"):
        st.subheader("Lengths of the texts", anchor=False)
        ask_lengths(rt, shown)
st.subheader("Versions", anchor=False)
show_versions(rt, name)
