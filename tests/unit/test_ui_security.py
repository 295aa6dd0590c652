"""The guard: who may write, what the browser may load."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from runyard.ui.security import Guard


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("hello")
    await socket.close()


@pytest.fixture
def client() -> TestClient:
    routes = [Route("/", hello, methods=["GET", "POST"]), WebSocketRoute("/socket", echo)]
    return TestClient(Guard(Starlette(routes=routes)), base_url="http://127.0.0.1:8501")


def test_pages_may_load_nothing_from_elsewhere(client: TestClient) -> None:
    answer = client.get("/")

    policy = answer.headers["content-security-policy"]
    assert answer.text == "hello"
    assert "img-src 'self' data: blob:" in policy
    assert "connect-src 'self' ws://127.0.0.1:8501" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(("origin", "status"), [(None, 200), ("http://127.0.0.1:8501", 200), ("http://evil", 403)])
def test_writes_come_from_here(client: TestClient, origin: str | None, status: int) -> None:
    assert client.post("/", headers={"origin": origin} if origin else {}).status_code == status


def test_a_foreign_page_may_read_nothing_through_a_rebound_name(client: TestClient) -> None:
    assert client.get("/", headers={"host": "evil.example"}).status_code == 403


def test_websockets_come_from_here(client: TestClient) -> None:
    with client.websocket_connect("ws://127.0.0.1:8501/socket", headers={"origin": "http://127.0.0.1:8501"}) as socket:
        assert socket.receive_text() == "hello"

    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("ws://127.0.0.1:8501/socket", headers={"origin": "http://evil"}),
    ):
        pass
