"""What the Datasets page asks: a file to add, how to split, which model is to read the texts."""

from __future__ import annotations

import streamlit as st

from runyard.config.dataset import TrainingData
from runyard.core.errors import RunyardError
from runyard.data.sources import base_models
from runyard.data.survey import Role
from runyard.runtime import Runtime
from runyard.service import datasets as service
from runyard.service.datasets import LARGEST_UPLOAD_MB, Preview, Shown
from runyard.ui.errors import sentences, show_error
from runyard.ui.text import escape

_ENDINGS = ["csv", "jsonl", "ndjson", "parquet", "pq", "npz", "npy"]
_WAYS = {"stratified": "The same share of each class", "random": "At random", "group": "Whole groups",
         "time": "The newest", "column": "A column says it"}  # fmt: skip


_ROLES: dict[str, Role] = {"group": "group", "time": "time", "column": "split"}


@st.cache_resource(max_entries=64, show_spinner="Splitting …")
def _split(home: str, name: str, changed_at: float, data: TrainingData, _rt: Runtime) -> Preview:
    return service.preview(_rt, name, data)


@st.cache_resource(max_entries=64, show_spinner="Counting tokens …")
def _lengths(home: str, name: str, changed_at: float, asked: tuple[str, str, int], _rt: Runtime) -> str:
    lengths = service.text_lengths(_rt, name, *asked)
    return lengths.words()


def ask_upload(rt: Runtime) -> str | None:
    """Offer to add a file; returns the name of the new data set."""
    drawn = st.session_state.setdefault("dataset-uploads", 0)  # a new form after each file that was added
    with st.popover("Add a file", icon=":material/upload_file:", key=f"dataset-upload-{drawn}"):
        given = st.file_uploader(
            "File", type=_ENDINGS, max_upload_size=LARGEST_UPLOAD_MB, key=f"dataset-file-{drawn}",
            help="A row for each example. Folders of texts: runyard datasets add FOLDER.",
        )  # fmt: skip
        name = st.text_input("Name", placeholder="the file's name", key=f"dataset-name-{drawn}", max_chars=100)
        if st.button("Add", type="primary", disabled=given is None, key="dataset-add") and given is not None:
            with sentences():
                added = service.add_upload(rt, given, given.name, name.strip() or None)
                st.session_state["dataset-uploads"] = drawn + 1
                return added.source.name
    return None


def ask_split(rt: Runtime, shown: Shown) -> Preview | None:
    """Ask how to split and return how that would come out; what cannot be done is said."""
    survey, names = shown.survey, [column.name for column in shown.survey.columns if column.name]
    ways = list(_WAYS)
    way = st.selectbox("Split by", ways, format_func=_WAYS.__getitem__, key="dataset-split")
    share = st.slider("Held out", 0.05, 0.5, 0.2, 0.05, format="percent", key="dataset-share")
    label = st.selectbox("Class", names, index=_place(names, survey.label), key="dataset-label")
    values: dict[str, object] = {"label_column": label, "split_by": way, "validation_split": share}
    if way in ("group", "time", "column"):
        key = "split_column" if way == "column" else f"{way}_column"
        guess = survey.like(_ROLES[way])
        values[key] = st.selectbox("Column", names, index=_place(names, guess), key=f"dataset-{way}")
    if not survey.is_whole:
        st.caption("The file is large: a preview of its split would take long. Training splits it just so.")
        return None
    try:
        data = TrainingData.model_validate({"source": "x", **values})
        return _split(str(rt.yard.home), shown.source.name, shown.source.changed_at(), data, rt)
    except RunyardError as error:
        show_error(error)
        return None


def ask_lengths(rt: Runtime, shown: Shown) -> None:
    """Say how many texts a model of the yard would cut."""
    column = shown.survey.like("text")
    models = sorted(path.name for path in base_models(rt.yard) if (path / "tokenizer.json").is_file())
    if column is None or not models:
        return
    left, right = st.columns(2)
    model = left.selectbox("For the model", models, key="dataset-model")
    limit = right.number_input("Longest text, in tokens", 4, 8192, 128, key="dataset-limit")
    with sentences():
        asked = (column, str(model), int(limit))
        said = _lengths(str(rt.yard.home), shown.source.name, shown.source.changed_at(), asked, rt)
        st.info(escape(said), icon=":material/content_cut:")


def _place(names: list[str], name: str | None) -> int:
    return names.index(name) if name in names else 0
