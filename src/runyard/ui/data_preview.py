"""What the data of a configuration hold, before the run is started; looked at when somebody asks."""

from __future__ import annotations

import streamlit as st

from runyard.config.dataset import TrainingData
from runyard.config.models import EncoderLogreg, TextEncoder
from runyard.config.run import RunConfig
from runyard.runtime import Runtime
from runyard.service import datasets as service
from runyard.service.datasets import Shown
from runyard.ui.errors import sentences
from runyard.ui.text import escape

_MOST = 8


def show_data(rt: Runtime, config: RunConfig) -> None:
    """Offer a look at the data of a config: rows, classes, columns, and how many texts would be cut."""
    opened = st.expander("Look at the data", icon=":material/table_view:", key="launch-data", on_change="rerun")
    if not opened.open:
        return
    with opened, sentences():
        data = config.training_data
        changed_at = service.source_of(rt, data).changed_at()
        shown = _look(str(rt.yard.home), data, changed_at, rt)
        survey = shown.survey
        st.markdown(f"**{survey.rows:,}** examples, **{len(survey.columns)}** columns")
        classes = [f"{escape(name)} {count:,}" for name, count in list(survey.classes.items())[:_MOST]]
        if classes:
            more = ", …" if len(survey.classes) > _MOST else ""
            st.markdown(f"{len(survey.classes)} classes in {escape(survey.label)}: {', '.join(classes)}{more}")
        for sentence in survey.words():
            st.warning(escape(sentence), icon=":material/rule:")
        kinds = [f"{column.name} ({column.kind})" for column in survey.columns[:_MOST]]
        rest = f" and {len(survey.columns) - _MOST} more" if len(survey.columns) > _MOST else ""
        st.caption(f"Columns: {escape(', '.join(kinds))}{rest}.")
        if isinstance(config.model, TextEncoder | EncoderLogreg):
            asked = (config.model.base_model, config.hyperparameters.max_length)
            st.info(escape(_lengths(str(rt.yard.home), data, changed_at, asked, rt)), icon=":material/content_cut:")


@st.cache_resource(max_entries=16, show_spinner="Looking at the data …")
def _look(home: str, data: TrainingData, changed_at: float, _rt: Runtime) -> Shown:
    return service.look_at(_rt, data)


@st.cache_resource(max_entries=16, show_spinner="Counting tokens …")
def _lengths(home: str, data: TrainingData, changed_at: float, asked: tuple[str, int], _rt: Runtime) -> str:
    return service.lengths_of(_rt, data, *asked).words()
