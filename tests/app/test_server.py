"""Starting the server: a taken port, a second server, and what its process never loads."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from runyard.core.errors import Conflict
from runyard.core.paths import Yard, resource
from runyard.ui.server import ensure_free, only_server, options


def test_a_taken_port_is_named_with_the_remedy() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(Conflict, match=f"Port {port}") as told:
            ensure_free(port)

    assert "--port" in told.value.hint


def test_a_second_server_on_a_yard_is_told_where_the_first_is(empty: Path) -> None:
    yard = Yard(empty)
    with only_server(yard, 8501), pytest.raises(Conflict, match=r"http://127\.0\.0\.1:8501"), only_server(yard, 8502):
        pass
    with only_server(yard, 8502):
        pass


def test_only_this_machine_may_connect() -> None:
    assert options(8501)["server.address"] == "127.0.0.1"
    assert options(8501)["browser.gatherUsageStats"] is False


def test_the_page_process_loads_no_training_library() -> None:
    code = (
        "import sys, json, runpy; runpy.run_path(sys.argv[1]);"
        "import runyard.ui.launch_form, runyard.ui.run_tabs, runyard.ui.live_view, runyard.ui.runs_table;"
        "print(json.dumps(sorted({'torch', 'transformers', 'peft', 'sklearn', 'scipy'} & set(sys.modules))))"
    )
    server = str(resource("app") / "server.py")
    done = subprocess.run([sys.executable, "-c", code, server], capture_output=True, text=True, check=True)

    assert json.loads(done.stdout.splitlines()[-1]) == []
