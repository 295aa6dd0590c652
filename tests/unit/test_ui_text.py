"""User text is harmless in Markdown; numbers carry units and never lie about unknowns."""

from __future__ import annotations

import pytest

from runyard.ui.text import dollars, duration, escape, number, share


@pytest.mark.parametrize(
    "nasty",
    [
        "![x](http://evil.example/a.png)",
        "[click](javascript:alert(1))",
        "<img src=x onerror=alert(1)>",
        ":red[blood] :material/home: $x^2$",
        "**bold** _and_ `code` # head",
        "http://evil.example/",
    ],
)
def test_markdown_in_user_text_is_shown_not_read(nasty: str) -> None:
    escaped = escape(nasty)

    assert not set("![]()<>`*_$:/") & set(escaped)


def test_escaping_keeps_words_and_puts_them_on_one_line() -> None:
    assert escape("first\n\n  second") == "first second"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (float("nan"), "NaN"),
        (float("-inf"), "-∞"),
        (12345, "12,345"),
        (0.123456, "0.1235"),
        (2431.7, "2,432"),
        (0, "0"),
    ],
)
def test_numbers(value: float | None, shown: str) -> None:
    assert number(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "–"),
        (4.21, "4.2 s"),
        (42, "42 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 05 min"),
        (200_000, "2 d 7 h"),
    ],
)
def test_durations(seconds: float | None, shown: str) -> None:
    assert duration(seconds) == shown


def test_money_and_shares() -> None:
    assert dollars(12.5) == "12.50 USD"
    assert dollars(0.0012) == "0.0012 USD"
    assert dollars(None) == "–"
    assert dollars(0.0) == "0.00 USD"
    assert share(0.256) == "26 %"
