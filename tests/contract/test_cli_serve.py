"""`runyard serve` and `demo` as processes: up, one per yard, a taken port, and an end by signal."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(home: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "runyard.cli", "--yard", home, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


@contextmanager
def serving(home: Path, *arguments: str, host: str = "127.0.0.1") -> Iterator[tuple[subprocess.Popen[str], int]]:
    port = free_port()
    server = start(home, *arguments, "--port", str(port))
    try:
        wait_until_healthy(server, port, host)
        yield server, port
    finally:
        server.kill()
        server.wait()


def wait_until_healthy(server: subprocess.Popen[str], port: int, host: str) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://{host}:{port}/_stcore/health", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            pass
        if server.poll() is not None:
            break
        time.sleep(0.2)
    pytest.fail(f"no server: {server.communicate()[0] if server.poll() is not None else 'it does not answer'}")


@pytest.mark.slow
def test_serve_makes_a_yard_answers_and_ends_by_signal(tmp_path: Path) -> None:
    home = tmp_path / "yard"
    with serving(home, "serve") as (server, port):
        assert (home / "runyard.duckdb").exists()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as answer:
            assert "content-security-policy" in answer.headers
        assert list((home / "runs").iterdir()) == []  # it launches nothing by itself

        second = start(home, "serve", "--port", str(free_port()))
        said, _ = second.communicate(timeout=90)
        assert second.returncode == 1
        assert str(server.pid) in said
        assert str(port) in said
        assert "Hint: " in said

        other = start(tmp_path / "other", "serve", "--port", str(port))
        said, _ = other.communicate(timeout=90)
        assert other.returncode == 1
        assert f"Port {port} on 127.0.0.1 is taken" in said
        assert f"--port {port + 1}" in said

        server.send_signal(signal.SIGINT)
        assert server.wait(60) == 130
        assert "Traceback" not in (server.stdout.read() if server.stdout else "")
    with serving(home, "serve"):  # the lock went with its holder
        pass


def test_an_address_of_another_machine_cannot_be_listened_on(tmp_path: Path) -> None:
    server = start(tmp_path / "yard", "serve", "--host", "192.0.2.1", "--port", str(free_port()))
    said, _ = server.communicate(timeout=90)
    assert server.returncode == 1
    assert "192.0.2.1" in said
    assert "Traceback" not in said


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127/8 as loopback")
def test_a_server_on_another_address_answers_there(tmp_path: Path) -> None:
    with serving(tmp_path / "yard", "serve", "--host", "127.0.0.7", host="127.0.0.7") as (_, port):
        with urllib.request.urlopen(f"http://127.0.0.7:{port}/", timeout=30) as answer:
            assert answer.status == 200
        foreign = urllib.request.Request(f"http://127.0.0.7:{port}/", headers={"Host": "evil.example"})
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(foreign, timeout=30)


@pytest.mark.slow
def test_demo_serves_and_launches_its_runs_in_an_empty_yard_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNYARD_DEMO_CACHE", str(tmp_path / "cache"))  # without data the small stand-ins run
    monkeypatch.setenv("RUNYARD_MAX_WORKERS", "1")
    home = tmp_path / "yard"
    with serving(home, "demo"):
        launched = sorted(path.name for path in (home / "runs").iterdir())
        assert len(launched) == 2
    for run_id in reversed(launched):
        done = start(home, "cancel", run_id, "--force", "--yes")
        done.communicate(timeout=90)
    with serving(home, "serve", "--demo"):
        assert sorted(path.name for path in (home / "runs").iterdir()) == launched
    assert os.listdir(home / "events")
