"""Colours of both themes, once: colour-blind safe lines, status colours, surfaces.

No chart relies on colour alone: splits also differ by dash, events by shape, statuses by their word.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    """The colours of one mode; lines are ordered so that neighbours differ in lightness too."""

    lines: tuple[str, ...]
    sequential: tuple[str, ...]
    primary: str
    link: str
    background: str
    surface: str
    text: str
    border: str
    muted: str
    best: str
    waste: str


LIGHT = Palette(
    lines=("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B8860B", "#56B4E9", "#7F3C8D", "#444444"),
    sequential=(
        "#F2F8FC", "#D9EAF5", "#BCD9ED", "#9AC6E3", "#74B0D7",
        "#4E98C8", "#2B80B6", "#0F689F", "#075082", "#043A61",
    ),
    primary="#0B69A3",
    link="#0B69A3",
    background="#FFFFFF",
    surface="#F4F6F8",
    text="#1C2733",
    border="#D8DEE4",
    muted="#57646F",
    best="#007A59",
    waste="#D55E00",
)  # fmt: skip

DARK = Palette(
    lines=("#56B4E9", "#E69F00", "#2FC79A", "#E29AC4", "#F0E442", "#8CB4FF", "#C3A3F0", "#BBBBBB"),
    sequential=(
        "#0B2233", "#0F3149", "#144160", "#1A5379", "#226793",
        "#2F7DAE", "#4695C6", "#68AEDA", "#92C8EA", "#C4E2F6",
    ),
    primary="#1E7DB8",
    link="#7CC4F2",
    background="#10161D",
    surface="#1A222C",
    text="#E6EBF0",
    border="#313C48",
    muted="#9AA7B4",
    best="#2FC79A",
    waste="#E69F00",
)  # fmt: skip

# Names of Streamlit's badge colours, each with the icon that says the same without colour.
STATUS_BADGES: dict[str, tuple[str, str]] = {
    "queued": ("gray", ":material/hourglass_empty:"),
    "running": ("blue", ":material/play_arrow:"),
    "completed": ("green", ":material/check:"),
    "failed": ("red", ":material/error:"),
    "cancelled": ("orange", ":material/block:"),
}


def palette(dark: bool) -> Palette:
    """Return the palette of the mode."""
    return DARK if dark else LIGHT


def streamlit_theme() -> dict[str, object]:
    """Return Streamlit's theme options for both modes, keyed by dotted option name."""
    options: dict[str, object] = {
        "theme.baseRadius": "8px",
        "theme.showWidgetBorder": True,
        "theme.metricValueFontSize": "1.75rem",
        "theme.headingFontSizes": ["1.75rem", "1.35rem", "1.1rem", "1rem", "0.9rem", "0.85rem"],
        "theme.paddingTop": "1.5rem",
    }
    for mode, colours in (("light", LIGHT), ("dark", DARK)):
        options |= {
            f"theme.{mode}.primaryColor": colours.primary,
            f"theme.{mode}.linkColor": colours.link,
            f"theme.{mode}.backgroundColor": colours.background,
            f"theme.{mode}.secondaryBackgroundColor": colours.surface,
            f"theme.{mode}.textColor": colours.text,
            f"theme.{mode}.borderColor": colours.border,
            f"theme.{mode}.codeTextColor": colours.text,
            f"theme.{mode}.chartCategoricalColors": list(colours.lines),
            f"theme.{mode}.chartSequentialColors": list(colours.sequential),
            f"theme.{mode}.sidebar.backgroundColor": colours.surface,
            f"theme.{mode}.sidebar.secondaryBackgroundColor": colours.background,
        }
    return options
