"""Tests reach this machine and no other, in pytest itself and in the processes that it starts."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

OUTSIDE = "192.0.2.1"  # a documentation address (RFC 5737): nobody is there


def test_a_connection_that_leaves_the_machine_is_refused() -> None:
    with socket.socket() as near, pytest.raises(PermissionError, match=OUTSIDE):
        near.connect((OUTSIDE, 80))


def test_a_name_of_another_host_is_not_looked_up() -> None:
    with pytest.raises(PermissionError, match=r"example\.invalid"):
        socket.create_connection(("example.invalid", 80))


def test_child_processes_are_guarded_too() -> None:
    code = f"import socket; socket.create_connection(('{OUTSIDE}', 80), timeout=5)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "PermissionError" in done.stderr


def test_loopback_works() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        accepted, _ = server.accept()
        with accepted:
            client.sendall(b"here")
            assert accepted.recv(4) == b"here"
