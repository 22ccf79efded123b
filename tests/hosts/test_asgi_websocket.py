"""WebSockets of ASGI applications, spoken with a client that is not ours."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from tests.hosts.mounted import Mounted
from tests.sockets import dial, ended, records, until
from tests.wire.test_websocket import sent
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, ConnectionClosedOK, InvalidStatus
from websockets.sync.client import connect

from sockwright.hosts.asgi import Asgi
from sockwright.journal.records import NOTE
from sockwright.wire.websocket import TEXT
from sockwright.workbench import BenchThread

Scope = dict[str, Any]
Receive = Callable[[], Any]
Send = Callable[[dict[str, Any]], Any]
Mount = Callable[..., Mounted]

SHAKE = (
    "GET /{path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
    "Sec-WebSocket-Version: {version}\r\nSec-WebSocket-Key: {key}\r\n\r\n"
)
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


@pytest.fixture
def mount(bench: BenchThread, told: list[str]) -> Mount:
    def mount(application: Any, prefix: str = "", **options: Any) -> Mounted:
        return Mounted(bench, *Asgi(application, prefix, errors=told.append, **options).routes())

    return mount


def dialled(mounted: Mounted, path: str = "", **options: Any) -> Any:
    return connect(f"ws://127.0.0.1:{mounted.peer.port}/{path}", open_timeout=10, close_timeout=10, **options)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    assert scope["type"] == "websocket"
    assert (await receive())["type"] == "websocket.connect"
    chosen = scope["subprotocols"][0] if scope["subprotocols"] else None
    await send({"type": "websocket.accept", "subprotocol": chosen, "headers": [(b"x-who", b"me")]})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


def test_texts_and_bytes_go_both_ways(mount: Mount) -> None:
    with dialled(mount(echo), compression=None) as client:
        for message in ("привет", "", b"\0\xff", b"", "x" * 70_000, b"y" * 300_000):
            client.send(message)
            assert client.recv(10) == message
        client.send(["in ", "pieces"])
        assert client.recv(10) == "in pieces"
        assert client.ping().wait(10)
        assert client.response is not None
        assert client.response.headers["x-who"] == "me"


def test_compression_is_not_agreed_on_and_a_subprotocol_is(mount: Mount) -> None:
    with dialled(mount(echo), subprotocols=["chat", "other"]) as client:
        assert client.subprotocol == "chat"
        assert not client.protocol.extensions
        client.send("x" * 1000)
        assert client.recv(10) == "x" * 1000


def test_the_scope_is_that_of_a_handshake(mount: Mount) -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await echo(scope, receive, send)

    with dialled(mount(app, "/at", state={"db": 1}), "at/%D0%96?q=1") as client:
        client.send("x")
        client.recv(10)
    scope = seen[0]
    assert (scope["scheme"], scope["path"], scope["root_path"]) == ("ws", "/at/Ж", "/at")
    assert scope["query_string"] == b"q=1"
    assert scope["state"] == {"db": 1}
    assert "method" not in scope


def test_the_application_hears_how_the_client_closed(mount: Mount) -> None:
    heard: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        heard.append(await receive())
        await send({"type": "websocket.accept"})
        while heard[-1]["type"] != "websocket.disconnect":
            heard.append(await receive())
        with pytest.raises(OSError, match="gone"):
            await send({"type": "websocket.send", "text": "late"})
        heard.append("over")

    mounted = mount(app)
    with dialled(mounted) as client:
        client.send("last words")
        client.close(4001, "enough")
    until(lambda: heard[-1] == "over")
    assert heard[1]["text"] == "last words"
    assert heard[2] == {"type": "websocket.disconnect", "code": 4001, "reason": "enough"}
    assert ended(mounted.bench.journal).how == "fin"


def test_a_client_that_is_cut_off_is_1006(mount: Mount) -> None:
    heard: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        heard.append(await receive())

    mounted = mount(app)
    with dial(mounted.peer) as sock:
        sock.sendall(SHAKE.format(path="", version=13, key=KEY).encode())
        assert sock.recv(1000).startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    until(lambda: heard)
    assert heard[0]["code"] == 1006


def test_the_application_closes_with_its_code(mount: Mount) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "bye"})
        await send({"type": "websocket.close", "code": 4000, "reason": "прощай"})

    with dialled(mount(app)) as client:
        assert client.recv(10) == "bye"
        with pytest.raises(ConnectionClosedError) as closed:
            client.recv(10)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4000, "прощай")


def test_an_application_that_just_returns_closes_well(mount: Mount) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})

    with dialled(mount(app)) as client, pytest.raises(ConnectionClosedOK):
        client.recv(10)


def test_a_failure_closes_with_1011(mount: Mount, told: list[str]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        raise ValueError("secret")

    mounted = mount(app)
    with dialled(mounted) as client, pytest.raises(ConnectionClosedError) as closed:
        client.recv(10)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1011, "")
    assert "secret" in told[0]
    until(lambda: [r for r in records(mounted.bench.journal, NOTE) if "secret" in str(r[3])])


async def close(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.close"})


async def deny(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.http.response.start", "status": 418, "headers": [(b"x-why", b"tea")]})
    await send({"type": "websocket.http.response.body", "body": b"no ", "more_body": True})
    await send({"type": "websocket.http.response.body", "body": b"coffee"})


async def fail(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError("before anything")


async def leave(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()


@pytest.mark.parametrize(("app", "status"), [(close, 403), (deny, 418), (fail, 500), (leave, 500)])
def test_who_is_not_let_in_gets_a_status(mount: Mount, app: Any, status: int) -> None:
    with pytest.raises(InvalidStatus) as refused, dialled(mount(app)):
        pass
    assert refused.value.response.status_code == status
    if app is deny:
        assert refused.value.response.body == b"no coffee"
        assert refused.value.response.headers["x-why"] == "tea"


@pytest.mark.parametrize(("version", "key", "status"), [(8, KEY, b"426"), (13, "x", b"400"), (13, "", b"400")])
def test_a_handshake_that_is_none_is_refused(mount: Mount, version: int, key: str, status: bytes) -> None:
    with dial(mount(echo).peer) as sock:
        sock.sendall(SHAKE.format(path="", version=version, key=key).encode())
        answer = sock.recv(2000)
    assert answer.split()[1] == status
    if status == b"426":
        assert b"Sec-WebSocket-Version: 13" in answer


def test_what_came_with_the_handshake_is_heard(mount: Mount) -> None:
    with dial(mount(echo).peer) as sock:
        sock.sendall(SHAKE.format(path="", version=13, key=KEY).encode() + sent(TEXT, b"early"))
        came = b""
        while not came.endswith(b"\x81\x05early"):
            part = sock.recv(1000)
            assert part
            came += part


def test_a_broken_frame_is_noted_and_closed(mount: Mount) -> None:
    mounted = mount(echo)
    with dial(mounted.peer) as sock:
        sock.sendall(SHAKE.format(path="", version=13, key=KEY).encode() + b"\x81\x01x")
        came = b""
        while part := sock.recv(1000):
            came += part
    assert b"\x03\xeaa client's frame is not masked" in came
    (note,) = [record[3] for record in records(mounted.bench.journal, NOTE)]
    assert (note[0], note[1]["rule"]) == ("malformed", "RFC 6455, 5.1")


def test_a_client_that_does_not_read_stops_the_application(mount: Mount) -> None:
    said = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal said
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            await send({"type": "websocket.send", "bytes": b"x" * 100_000})
            said += 100_000

    mounted = mount(app)
    pause = threading.Event()
    with dial(mounted.peer) as sock:
        sock.sendall(SHAKE.format(path="", version=13, key=KEY).encode())
        sock.recv(1)
        before = -1
        while before != said:
            before = said
            pause.wait(0.3)
        assert said < 16_000_000


def test_shutting_down_says_going_away(mount: Mount, bench: BenchThread) -> None:
    mounted = mount(echo)

    async def stop() -> None:
        await asyncio.wait_for(bench.workbench.stop(1), 5)

    with dialled(mounted) as client:
        client.send("x")
        client.recv(10)
        bench.call(stop())
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001


def test_starlette_speaks_it(mount: Mount) -> None:
    starlette = pytest.importorskip("starlette.applications")
    from starlette.routing import WebSocketRoute
    from starlette.websockets import WebSocket

    async def view(websocket: WebSocket) -> None:
        await websocket.accept()
        async for text in websocket.iter_text():
            await websocket.send_json({"heard": text})

    mounted = mount(starlette.Starlette(routes=[WebSocketRoute("/ws", view)]))
    with dialled(mounted, "ws") as client:
        client.send("раз")
        assert client.recv(10) == '{"heard":"раз"}'
    with pytest.raises(InvalidStatus), dialled(mounted, "nowhere"):
        pass
