"""Which part of a chart is looked at: dragged over on it, or set with a slider, and the way back."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

Ends = tuple[float, float]
_SMALLEST = 1e-6  # of the whole: less is a click, not a range


@dataclass(frozen=True)
class Part:
    """The range of x that is shown, which is the value of the slider named by `key`."""

    key: str
    whole: Ends
    shown: Ends

    @property
    def between(self) -> Ends | None:
        """The range to ask for; None for all of it."""
        return None if self.shown == self.whole else self.shown

    def chart(self, name: str) -> str:
        """Return the key of a chart: another range is another chart, on which nothing is dragged over yet."""
        return name if self.between is None else f"{name}-{self.shown[0]:g}-{self.shown[1]:g}"

    def look_at(self, start: float, stop: float) -> None:
        """Show this range from the next run of the page on."""
        low, high = self.whole
        start, stop = max(start, low), min(stop, high)
        if stop - start > _SMALLEST * (high - low):
            st.session_state[self.key] = (start, stop)


def choose_part(low: float, high: float, name: str, x_title: str) -> Part | None:
    """Offer the slider and the way back, and return what to show; None where all points have one x.

    Args:
        low, high: the smallest and the largest x of the whole chart.
        name: of the slider: another curve has another one.
    """
    if not low < high:
        return None
    # The bounds are in the key: other runs have another range, and an old choice may lie outside.
    key = f"{name}-{low:g}-{high:g}"
    with st.popover("Look closer", icon=":material/zoom_in:", key=f"{key}-box"):
        shown = st.slider(f"Range of {x_title}", low, high, (low, high), (high - low) / 1000, format="%.4g", key=key)
        st.caption("In a smaller range more of its points are drawn. Dragging across the chart does the same.")
    part = Part(key, (low, high), shown)
    if part.between:
        icon = ":material/zoom_out_map:"
        st.button("Whole run", icon=icon, key=f"{key}-whole", on_click=part.look_at, args=part.whole)
    return part
