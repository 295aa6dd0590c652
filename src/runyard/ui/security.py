"""The middleware around all routes: headers that keep the browser home, foreign origins turned away."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

import psutil
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Streamlit's front end evaluates code for charts (Vega expressions) and styles itself inline; nothing may
# come from, or go to, another host.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' ws://{host} wss://{host} data: blob:",
        "worker-src 'self' blob:",
        "frame-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cross-origin-opener-policy": "same-origin",
}
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_READING = {"GET", "HEAD", "OPTIONS"}


def hosts_of(address: str) -> set[str]:
    """Return the names a server answers to that listens on an address: none beyond loopback's when it is loopback.

    Otherwise the address itself, and this machine's name and addresses: no page of somebody else's goes by them.
    """
    if address in _LOOPBACK:
        return set()
    families = (socket.AF_INET, socket.AF_INET6)
    here = {card.address for cards in psutil.net_if_addrs().values() for card in cards if card.family in families}
    return {address.lower(), socket.gethostname().lower(), *here}


class Guard:
    """Pure ASGI, since Starlette's base class never sees websockets.

    A request must name a known host (no DNS rebinding); whatever writes, and every websocket, must come
    from this origin or from no browser at all.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = ()) -> None:
        self.app = app
        self.hosts = _LOOPBACK | set(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        host = Headers(scope=scope).get("host", "")
        if refusal := self._refusal(scope, host):
            await _refuse(scope, receive, send, refusal)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["content-security-policy"] = POLICY.format(host=host)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        await self.app(scope, receive, send_guarded)

    def _refusal(self, scope: Scope, host: str) -> str:
        if urlsplit(f"//{host}").hostname not in self.hosts:
            return "This server does not answer to that host name."
        origin = Headers(scope=scope).get("origin")
        writes = scope["type"] == "websocket" or scope["method"] not in _READING
        if writes and origin is not None and urlsplit(origin).netloc != host:
            return "Requests from another origin are not accepted."
        return ""


async def _refuse(scope: Scope, receive: Receive, send: Send, reason: str) -> None:
    if scope["type"] == "http":
        await PlainTextResponse(reason, 403)(scope, receive, send)
        return
    await receive()
    await send({"type": "websocket.close", "code": 4403, "reason": reason})
