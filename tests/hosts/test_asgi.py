"""ASGI applications behind our HTTP, over real sockets."""

from __future__ import annotations

import asyncio
import os
import resource
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest
from tests.hosts.mounted import Mounted, split
from tests.sockets import ask, dial, read_all, records, reset, until

from sockwright.hosts import asgi_exchange
from sockwright.hosts.asgi import Asgi
from sockwright.journal.records import NOTE
from sockwright.workbench import BenchThread

PLAIN = [(b"content-type", b"text/plain")]
Scope = dict[str, Any]
Receive = Callable[[], Any]
Send = Callable[[dict[str, Any]], Any]
Mount = Callable[..., Mounted]


@pytest.fixture
def mount(bench: BenchThread, told: list[str]) -> Mount:
    def mount(application: Any, prefix: str = "", **options: Any) -> Mounted:
        return Mounted(bench, *Asgi(application, prefix, errors=told.append, **options).routes())

    return mount


async def start(send: Send, status: int = 200, fields: list[tuple[bytes, bytes]] = PLAIN) -> None:
    await send({"type": "http.response.start", "status": status, "headers": fields})


async def say(send: Send, content: bytes, more: bool = False) -> None:
    await send({"type": "http.response.body", "body": content, "more_body": more})


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send)
    await say(send, "Hello Мир".encode())


async def content_of(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        assert message["type"] == "http.request"
        yield message["body"]
        if not message["more_body"]:
            return


def test_one_piece_goes_out_with_its_length(mount: Mount) -> None:
    status, fields, content = mount(hello).ask("GET / HTTP/1.1")
    assert (status, fields["content-length"], content.decode()) == (200, "12", "Hello Мир")


def test_the_scope_says_who_asks_for_what(mount: Mount) -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await hello(scope, receive, send)

    mount(app, "/at/home").ask("POST /at/home/a%2Fb/%D0%9F?q=%41 HTTP/1.1\r\nX-Two: 1\r\nX-Two: 2\r\nContent-Length: 0")
    scope = seen[0]
    assert (scope["type"], scope["method"], scope["http_version"], scope["scheme"]) == ("http", "POST", "1.1", "http")
    assert scope["asgi"]["version"] == "3.0"
    assert (scope["root_path"], scope["path"]) == ("/at/home", "/at/home/a/b/П")
    assert scope["raw_path"] == b"/at/home/a%2Fb/%D0%9F"
    assert scope["query_string"] == b"q=%41"
    assert [value for name, value in scope["headers"] if name == b"x-two"] == [b"1", b"2"]
    assert scope["client"][0] == "127.0.0.1"
    assert scope["server"] == ("localhost", 80)


@pytest.mark.parametrize("size", [0, 1, 65_537, 3_000_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_content_comes_piece_by_piece_up_to_its_end(mount: Mount, size: int, chunked: bool) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        came = b"".join([piece async for piece in content_of(receive)])
        await start(send)
        await say(send, came)

    content = os.urandom(size)
    head = "POST / HTTP/1.1\r\n" + ("Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}")
    sent = content
    if chunked:
        cut = [content[at : at + 70_000] for at in range(0, size, 70_000)]
        sent = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in cut) + b"0\r\n\r\n"
    assert mount(app).ask(head, sent)[2] == content


def test_an_answer_begins_before_the_content_is_there(mount: Mount) -> None:
    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        await start(send)
        async for piece in content_of(receive):
            await say(send, piece, more=True)
        await say(send, b"")

    mounted = mount(echo)
    with dial(mounted.peer) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 6\r\n\r\nabc")
        came = b""
        while b"abc" not in came:
            came += sock.recv(1000)
        sock.sendall(b"def")
        came += read_all(sock)
    assert came.endswith(b"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n")


def test_a_head_goes_out_before_there_is_content(mount: Mount) -> None:
    over = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await start(send)
        await asyncio.to_thread(over.wait, 5)
        await say(send, b"news")

    mounted = mount(app)
    with dial(mounted.peer) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert sock.recv(1000).startswith(b"HTTP/1.1 200 OK")
        over.set()
        assert b"news" in read_all(sock)


def test_content_length_is_kept_to_when_pieces_follow(mount: Mount) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await start(send, 200, [*PLAIN, (b"content-length", b"6")])
        for piece in (b"abc", b"def"):
            await say(send, piece, more=True)
            await asyncio.sleep(0.01)
        await say(send, b"")

    status, fields, content = mount(app).ask("GET / HTTP/1.1")
    assert (status, fields["content-length"], content) == (200, "6", b"abcdef")
    assert "transfer-encoding" not in fields


def test_head_has_the_fields_and_no_content(mount: Mount) -> None:
    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await start(send)
        await receive()
        for _ in range(1000):
            await say(send, b"on and on", more=True)
        assert (await receive())["type"] == "http.disconnect"

    assert mount(hello).ask("HEAD / HTTP/1.1")[1]["content-length"] == "12"
    status, fields, content = mount(endless).ask("HEAD / HTTP/1.1")
    assert (status, content) == (200, b"")
    assert "content-length" not in fields


def test_a_failure_is_told_to_the_developer_and_not_to_the_client(mount: Mount, told: list[str]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("the \x1b[31msecret")

    mounted = mount(app)
    status, _, content = mounted.ask("GET /x HTTP/1.1")
    assert status == 500
    assert b"secret" not in content
    assert "GET /x failed" in told[0]
    assert "\x1b" not in told[0]
    assert "asgi.py" not in told[0].replace("test_asgi.py", "")  # where we called it tells nothing
    until(lambda: [r for r in records(mounted.bench.journal, NOTE) if "ValueError" in str(r[3])])


def test_a_failure_in_the_middle_breaks_the_answer_off(mount: Mount, told: list[str]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await start(send)
        await say(send, b"half", more=True)
        raise RuntimeError("half way")

    mounted = mount(app)
    assert mounted.ask("GET / HTTP/1.1")[2] == b"4\r\nhalf\r\n"
    assert "half way" in told[0]


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([], "ended without an answer"),
        ([("http.response.body", {"body": b"x"})], "before http.response.start"),
        ([("http.response.start", {"status": 200})] * 2, "sent twice"),
        ([("http.response.start", {"status": 99})], "99 is not the status"),
        ([("http.response.start", {"status": 200, "headers": [(b"x", b"a\r\nb")]})], "control character"),
        ([("websocket.accept", {})], "no message of an HTTP answer"),
        (
            [
                ("http.response.start", {"status": 200, "headers": [(b"content-length", b"3")]}),
                ("http.response.body", {"body": b"12"}),
            ],
            "1 bytes less than its Content-Length",
        ),
        (
            [
                ("http.response.start", {"status": 200, "headers": [(b"content-length", b"3")]}),
                ("http.response.body", {"body": b"1234"}),
            ],
            "more content than its Content-Length",
        ),
    ],
)
def test_what_is_no_answer_is_named(mount: Mount, told: list[str], messages: list[Any], words: str) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for kind, rest in messages:
            await send({"type": kind, **rest})

    assert mount(app).ask("GET / HTTP/1.1")[0] == 500
    assert words in told[0]


def test_an_answer_that_only_begins_is_broken_off(mount: Mount, told: list[str]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await start(send)
        await say(send, b"x", more=True)

    assert mount(app).ask("GET / HTTP/1.1")[2] == b"1\r\nx\r\n"
    assert "in the middle of its answer" in told[0]


def test_fields_about_the_connection_are_left_out(mount: Mount) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await start(send, 200, [(b"Connection", b"keep-alive"), (b"transfer-encoding", b"gzip"), (b"date", b"never")])
        await say(send, b"ok")

    _, fields, content = mount(app).ask("GET / HTTP/1.1")
    assert fields["connection"] == "close"  # which the client had asked for
    assert "transfer-encoding" not in fields
    assert fields["date"] != "never"
    assert content == b"ok"


def test_a_client_that_goes_is_told_to_the_application(mount: Mount, told: list[str]) -> None:
    heard: list[Any] = []
    at_work = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        heard.append(await receive())
        at_work.set()
        heard.append(await receive())
        try:
            await start(send)
            await say(send, b"late")
        except OSError as gone:
            heard.append(gone)

    mounted = mount(app)
    sock = dial(mounted.peer)
    sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert at_work.wait(5)
    reset(sock)
    until(lambda: len(heard) == 3)
    assert heard[0] == {"type": "http.request", "body": b"", "more_body": False}
    assert heard[1] == {"type": "http.disconnect"}
    assert isinstance(heard[2], ConnectionResetError)
    assert not told


def test_a_client_that_goes_in_the_middle_of_its_content(mount: Mount) -> None:
    heard: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while not heard or heard[-1] != "http.disconnect":
            heard.append((await receive())["type"])

    mounted = mount(app)
    with dial(mounted.peer) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n123")
        until(lambda: heard)
        reset(sock)
    until(lambda: heard[-1] == "http.disconnect")


def test_who_does_not_end_with_its_client_is_cancelled(mount: Mount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi_exchange, "GRACE", 0.1)
    at_work, cancelled = threading.Event(), threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        at_work.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    mounted = mount(app)
    sock = dial(mounted.peer)
    sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert at_work.wait(5)
    reset(sock)
    assert cancelled.wait(5)


def test_what_is_done_behind_the_answer_is_finished(mount: Mount) -> None:
    finished = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await hello(scope, receive, send)
        assert (await receive())["type"] == "http.disconnect"
        await asyncio.sleep(0.2)
        finished.set()

    mounted = mount(app)
    began = time.monotonic()
    assert mounted.ask("GET / HTTP/1.1")[0] == 200
    assert time.monotonic() - began < 0.2
    assert finished.wait(5)


def test_a_client_that_does_not_read_stops_the_application(mount: Mount) -> None:
    said = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal said
        await start(send)
        while True:
            await say(send, b"x" * 100_000, more=True)
            said += 100_000

    mounted = mount(app)
    with dial(mounted.peer) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        sock.recv(1)
        before = -1
        while before != said:
            before = said
            time.sleep(0.3)
        assert said < 16_000_000


def test_half_sent_requests_and_open_streams_do_not_keep_a_page_waiting(mount: Mount) -> None:
    over = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/stream":
            await start(send)
            await say(send, b"first", more=True)
            await over.wait()
        await hello(scope, receive, send)

    mounted = mount(app)
    half, streams = [dial(mounted.peer) for _ in range(50)], [dial(mounted.peer) for _ in range(200)]
    for sock in half:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1234")
    for sock in streams:
        sock.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
    for sock in streams:
        assert sock.recv(1000).startswith(b"HTTP/1.1 200")
    began = time.monotonic()
    assert mounted.ask("GET / HTTP/1.1")[0] == 200
    assert time.monotonic() - began < 1
    for sock in half + streams:
        sock.close()


def test_an_upload_that_nobody_reads_stops_with_memory_flat(mount: Mount) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.5)
        await hello(scope, receive, send)

    mounted = mount(app, body=1 << 31)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with dial(mounted.peer) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n")
        sock.settimeout(0.3)
        sent = 0
        try:
            while sent < 1 << 30:
                sock.sendall(b"x" * 65536)
                sent += 65536
        except OSError:
            pass
        assert sent < 64 << 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # KiB


@pytest.mark.parametrize("head", ["Content-Length: 1073741824", "Transfer-Encoding: chunked"])
def test_an_upload_over_the_limit_is_refused(mount: Mount, head: str) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async for _ in content_of(receive):
            pass

    sent = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    status, _, _ = mount(app, body=100_000).ask(f"POST / HTTP/1.1\r\n{head}", sent + sent)
    assert status == 413


def test_a_file_is_sent_by_the_system(mount: Mount, tmp_path: Path) -> None:
    content = os.urandom(2_000_000)
    (tmp_path / "big").write_bytes(content)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert "http.response.pathsend" in scope["extensions"]
        await start(send)
        await send({"type": "http.response.pathsend", "path": str(tmp_path / "big")})

    mounted = mount(app)
    status, fields, came = mounted.ask("GET / HTTP/1.1")
    assert (status, fields["content-length"]) == (200, "2000000")
    assert came == content
    assert mounted.ask("HEAD / HTTP/1.1")[1]["content-length"] == "2000000"
    (tmp_path / "big").unlink()
    assert mounted.ask("GET / HTTP/1.1")[0] == 500


def test_pipelined_requests_are_answered_in_order(mount: Mount) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.01 if scope["path"] in ("/0", "/7") else 0)
        await start(send)
        await say(send, scope["path"].encode())

    asked = b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % n for n in range(20))
    answers = ask(mount(app).peer, asked)
    assert [part.split(b"HTTP/")[0] for part in answers.split(b"\r\n\r\n")[1:]] == [b"/%d" % n for n in range(20)]


def test_every_request_has_a_context_and_a_state_of_its_own(mount: Mount) -> None:
    who: ContextVar[str] = ContextVar("who", default="nobody")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found = f"{who.get()} {scope['state']}"
        who.set("somebody")
        scope["state"]["more"] = 1
        await start(send)
        await say(send, found.encode())

    mounted = mount(app, state={"db": 7})
    assert [mounted.ask("GET / HTTP/1.1")[2] for _ in range(2)] == [b"nobody {'db': 7}"] * 2


def test_an_old_client_gets_pieces_up_to_the_end_of_the_stream(mount: Mount) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await start(send)
        await say(send, b"one ", more=True)
        await say(send, b"two", more=False)

    with dial(mount(app).peer) as sock:
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        status, fields, content = split(read_all(sock))
    assert (status, content) == (200, b"one two")
    assert "transfer-encoding" not in fields
