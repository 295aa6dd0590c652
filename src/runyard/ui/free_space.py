"""Freeing space from a page: what nobody needs any more, shown before it goes."""

from __future__ import annotations

import polars as pl
import streamlit as st

from runyard.runtime import Runtime
from runyard.service import gc
from runyard.ui.errors import sentences

_CONFIRM = "free-confirm"
_COLUMNS = {
    "what": st.column_config.TextColumn("What"),
    "name": st.column_config.TextColumn("Of"),
    "megabytes": st.column_config.NumberColumn("MB", format="%.1f"),
}


def offer_free_space(rt: Runtime) -> None:
    """Offer to look for what can be freed, and then to free it."""
    with st.popover("Free space", icon=":material/cleaning_services:", key="free-space"):
        st.caption(
            "Checkpoints of deleted runs, those past their days or above the quota, and old copies of the store. "
            "Models and what was logged always stay."
        )
        with sentences():
            # Only when asked to: it is looked for on the disk.
            if st.button("Look what can go", key="free-look"):
                _show(gc.freeable(rt))
                st.caption("The yard holds: " + ", ".join(f"{what} {_megabytes(n)}" for what, n in gc.room(rt).items()))
            elif st.session_state.get(_CONFIRM):
                st.success(f"Freed {_sum(gc.free(rt))}.")


def _show(found: list[gc.Freeable]) -> None:
    if not found:
        st.info("Nothing to free: no checkpoint is without use, and no copy of the store is old.")
        return
    rows = [{"what": item.what, "name": item.name, "megabytes": item.bytes / 1e6} for item in found]
    st.dataframe(pl.DataFrame(rows), column_config=_COLUMNS, hide_index=True, key="free-list")
    st.button(f"Free {_sum(found)}, for good", type="primary", key=_CONFIRM)


def _sum(items: list[gc.Freeable]) -> str:
    count = "1 item" if len(items) == 1 else f"{len(items)} items"
    return f"{_megabytes(sum(item.bytes for item in items))} in {count}"


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
