"""A real server of a new yard, and a real Chromium that may talk to nobody else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parent))

from served import Served, free_port, wait_until_up

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SERVE = "import sys; from runyard.ui.server import serve; serve(sys.argv[1], port=int(sys.argv[2]))"


@pytest.fixture(scope="session")
def serve_yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], Served]]:
    """Start a server for a yard; all of them are stopped at the end."""
    running: list[Served] = []

    def start(home: Path) -> Served:
        port, log = free_port(), tmp_path_factory.mktemp("server") / "log"
        environment = {**os.environ, "RUNYARD_MAX_WORKERS": "1"}
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-c", SERVE, str(home), str(port)],
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,
            )
        served = Served(f"http://127.0.0.1:{port}", home, log, process)
        running.append(served)
        wait_until_up(served)
        return served

    yield start
    for served in running:
        served.process.terminate()
        served.process.wait(20)


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    """One Chromium for all browser tests."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
        yield started
        started.close()


@pytest.fixture
def open_browser(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open a tab on a server; whatever it asks of anybody else is refused and fails the test."""
    contexts: list[BrowserContext] = []
    strangers: list[str] = []

    def open_tab(url: str, *, scheme: str = "light") -> Page:
        context = browser.new_context(
            base_url=url, viewport={"width": 1360, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
        )
        contexts.append(context)
        context.route(lambda asked: not asked.startswith((url, "data:", "blob:")), lambda route: route.abort())
        context.on(
            "request",
            lambda sent: None if sent.url.startswith((url, "data:", "blob:")) else strangers.append(sent.url),
        )
        return context.new_page()

    yield open_tab
    for context in contexts:
        context.close()
    assert not strangers
