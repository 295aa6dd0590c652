"""The guard: who may write, what the browser may load."""

from __future__ import annotations

import socket

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from runyard.ui.security import Guard, hosts_of


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("hello")
    await socket.close()


@pytest.fixture
def app() -> Starlette:
    return Starlette(routes=[Route("/", hello, methods=["GET", "POST"]), WebSocketRoute("/socket", echo)])


@pytest.fixture
def client(app: Starlette) -> TestClient:
    return TestClient(Guard(app), base_url="http://127.0.0.1:8501")


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


@pytest.mark.parametrize("address", ["0.0.0.0", "192.0.2.7", "Trainer.example"])
@pytest.mark.parametrize("name", ["the address", "this machine", "127.0.0.1"])
def test_a_server_on_another_address_answers_to_it_and_to_its_machine(app: Starlette, address: str, name: str) -> None:
    known = {"the address": address, "this machine": socket.gethostname()}.get(name, name)
    client = TestClient(Guard(app, hosts_of(address)), base_url=f"http://{known}:8501")
    assert client.get("/").status_code == 200
    assert client.post("/", headers={"origin": f"http://{known.lower()}:8501"}).status_code == 200
    assert client.post("/", headers={"origin": "http://evil"}).status_code == 403
    assert client.get("/", headers={"host": "evil.example"}).status_code == 403


def test_a_server_on_loopback_answers_to_nothing_else(app: Starlette) -> None:
    client = TestClient(Guard(app, hosts_of("127.0.0.1")), base_url=f"http://{socket.gethostname()}:8501")
    assert client.get("/").status_code == 403
