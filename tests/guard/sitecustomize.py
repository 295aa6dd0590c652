"""Cuts a test's processes off from every host but this one.

tests/conftest.py installs it in pytest and puts this folder on PYTHONPATH, so that runners and servers
which the tests start have it too.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any


def _is_near(host: Any) -> bool:
    if host in (None, "", b"", "localhost", b"localhost", socket.gethostname()):
        return True
    try:
        address = ipaddress.ip_address(host.decode() if isinstance(host, bytes) else host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def install() -> None:
    """Refuse connections and look-ups that leave the machine; do nothing the second time."""
    if getattr(socket, "_kept_near", False):
        return
    lookup = socket.getaddrinfo

    def refuse(host: Any) -> None:
        raise PermissionError(f"a test tried to reach {host!r}; only this machine may be reached")

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        if not _is_near(host):
            refuse(host)
        return lookup(host, *args, **kwargs)

    class NearSocket(socket.socket):
        def connect(self, address: Any) -> None:
            self._check(address)
            super().connect(address)

        def connect_ex(self, address: Any) -> int:
            self._check(address)
            return super().connect_ex(address)

        def sendto(self, data: Any, *args: Any) -> int:
            self._check(args[-1])
            return super().sendto(data, *args)

        def _check(self, address: Any) -> None:
            if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_near(address[0]):
                refuse(address[0])

    socket.socket = NearSocket  # type: ignore[misc]
    socket.getaddrinfo = getaddrinfo
    socket._kept_near = True  # type: ignore[attr-defined]


install()
