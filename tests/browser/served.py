"""A running server of a yard, and waiting for it and for its pages."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, expect


@dataclass(frozen=True)
class Served:
    """A running server, its yard and its log."""

    url: str
    home: Path
    log: Path
    process: subprocess.Popen[bytes]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_up(served: Served) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert served.process.poll() is None, served.log.read_text()
        try:
            with urllib.request.urlopen(f"{served.url}/_stcore/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"the server did not come up:\n{served.log.read_text()}")


def settled(page: Page) -> None:
    """Wait until the page's script is through, and check that it did not fail."""
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=30_000)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def look_over(page: Page, addresses: Mapping[str, int], pictures: Path) -> None:
    """Open each address: its charts are drawn, nothing is refused by the policy, and nothing scrolls sideways.

    Args:
        addresses: each with how many Vega-Lite charts it has.
        pictures: where a screenshot of each is left.
    """
    refused: list[str] = []
    page.on("console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None)
    for number, (address, charts) in enumerate(addresses.items()):
        page.goto(address)
        expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=15_000)
        settled(page)  # after the heading: before it no script has begun
        drawn = page.get_by_test_id("stVegaLiteChart")
        expect(drawn, address).to_have_count(charts, timeout=15_000)
        for place in range(charts):
            drawn.nth(place).locator("svg, canvas").first.wait_for()
        wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        assert not wide, f"{address} scrolls sideways"
        page.screenshot(path=pictures / f"{number}.png", full_page=True)
    assert not refused
