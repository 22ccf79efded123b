"""WSGI applications behind our HTTP, over real sockets; `wsgiref.validate` watches both sides of the contract."""

from __future__ import annotations

import hashlib
import os
import resource
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

import pytest
from tests.hosts.mounted import Mounted, split
from tests.sockets import ask, dial, ended, read_all, records, reset, until

from sockwright.hosts.wsgi import Wsgi
from sockwright.journal.records import NOTE
from sockwright.protocols.routes import Route
from sockwright.wire.exchange import Response
from sockwright.workbench import BenchThread

TEXT = [("Content-Type", "text/plain")]
Environ = dict[str, Any]
Start = Callable[..., Callable[[bytes], object]]


@pytest.fixture
def mount(bench: BenchThread, told: list[str]) -> Iterator[Callable[..., Mounted]]:
    made: list[Wsgi] = []

    def mount(application: Any, prefix: str = "", *, checked: bool = True, **options: Any) -> Mounted:
        host = Wsgi(validator(application) if checked else application, prefix, errors=told.append, **options)
        made.append(host)
        return Mounted(bench, *host.routes())

    yield mount

    async def close() -> None:
        for host in made:
            host.close()

    bench.call(close())


def hello(environ: Environ, start: Start) -> list[bytes]:
    start("200 OK", TEXT)
    return [b"Hello ", "Мир".encode()]


def tell_environ(environ: Environ, start: Start) -> list[bytes]:
    start("200 OK", TEXT)
    return ["".join(f"{key}={environ[key]}\n" for key in sorted(environ) if key.isupper()).encode("latin-1")]


def test_a_list_goes_out_with_its_length(mount: Callable[..., Mounted]) -> None:
    status, fields, content = mount(hello).ask("GET / HTTP/1.1")
    assert (status, content) == (200, "Hello Мир".encode())
    assert fields["content-length"] == "12"
    assert fields["content-type"] == "text/plain"


def test_the_environ_says_who_asks_for_what(mount: Callable[..., Mounted]) -> None:
    mounted = mount(tell_environ, "/at/home")
    _, _, content = mounted.ask("GET /at/home/a%2Fb/%D0%9F?q=%41 HTTP/1.1\r\nX-Two: 1\r\nX-Two: 2\r\nX_Two: 3")
    said = dict(line.split("=", 1) for line in content.decode("latin-1").splitlines())
    assert said["SCRIPT_NAME"] == "/at/home"
    assert said["PATH_INFO"].encode("latin-1").decode() == "/a/b/П"
    assert said["QUERY_STRING"] == "q=%41"
    assert said["HTTP_X_TWO"] == "1,2"  # a name with an underscore is another one, and passes for none
    assert said["REMOTE_ADDR"] == "127.0.0.1"
    assert said["REMOTE_PORT"].isdigit()
    assert said["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert (said["SERVER_NAME"], said["SERVER_PORT"]) == ("localhost", "80")
    assert "CONTENT_LENGTH" not in said


def test_nothing_beside_the_prefix_is_the_applications(mount: Callable[..., Mounted]) -> None:
    mounted = mount(tell_environ, "/console")
    assert mounted.ask("GET /consoles HTTP/1.1")[0] == 404
    assert b"PATH_INFO=\n" in mounted.ask("GET /console HTTP/1.1")[2]
    assert b"PATH_INFO=/\n" in mounted.ask("GET /console/ HTTP/1.1")[2]


def echo_content(environ: Environ, start: Start) -> list[bytes]:
    content = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    start("200 OK", TEXT)
    return [f"{len(content)} {hashlib.sha256(content).hexdigest()}".encode()]


@pytest.mark.parametrize("size", [1, 1000, 65_536, 65_537, 700_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_content_comes_whole_however_it_was_sent(
    mount: Callable[..., Mounted], stranger: Callable[[str], str], size: int, chunked: bool
) -> None:
    content = os.urandom(size)
    head = "POST / HTTP/1.1\r\n" + ("Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}")
    sent = content
    if chunked:
        cut = [content[at : at + 9000] for at in range(0, size, 9000)]
        sent = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in cut) + b"0\r\n\r\n"
    status, _, said = mount(echo_content).ask(head, sent)
    assert status == 200
    assert said == f"{size} {hashlib.sha256(content).hexdigest()}".encode()


def test_pieces_go_out_as_they_are_made(mount: Callable[..., Mounted]) -> None:
    taken = threading.Semaphore(0)
    closed: list[bool] = []

    class Pieces:
        def __iter__(self) -> Iterator[bytes]:
            for number in range(3):
                yield b"piece %d" % number
                assert taken.acquire(timeout=5), "the piece did not go out before the next was asked for"

        def close(self) -> None:
            closed.append(True)

    def app(environ: Environ, start: Start) -> Iterable[bytes]:
        start("200 OK", TEXT)
        return Pieces()

    mounted = mount(app, checked=False)
    with dial(mounted.peer) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        came = b""
        for number in range(3):
            until(lambda wanted=b"piece %d" % number: wanted in _more(sock))  # type: ignore[misc]
            taken.release()
        until(lambda: came.endswith(b"0\r\n\r\n") or _more(sock).endswith(b"0\r\n\r\n"))
    until(lambda: closed)


_came: dict[socket.socket, bytes] = {}


def _more(sock: socket.socket) -> bytes:
    """Return all that came so far over `sock`."""
    _came[sock] = _came.get(sock, b"") + sock.recv(65536)
    return _came[sock]


def test_an_iterable_that_says_all_at_once_is_sent_with_its_length(mount: Callable[..., Mounted]) -> None:
    def app(environ: Environ, start: Start) -> Iterator[bytes]:
        start("200 OK", [*TEXT, ("Content-Length", "5")])
        return iter([b"12", b"", b"345"])

    status, fields, content = mount(app).ask("GET / HTTP/1.1")
    assert (status, fields["content-length"], content) == (200, "5", b"12345")


def test_write_says_pieces_at_once(mount: Callable[..., Mounted]) -> None:
    def app(environ: Environ, start: Start) -> list[bytes]:
        write = start("200 OK", TEXT)
        write(b"first ")
        write(b"second ")
        return [b"third"]

    _, fields, content = mount(app).ask("GET / HTTP/1.0")
    assert "transfer-encoding" not in fields
    assert content == b"first second third"


def test_head_has_the_fields_of_get_and_no_content(mount: Callable[..., Mounted]) -> None:
    status, fields, content = mount(hello, checked=False).ask("HEAD / HTTP/1.1")
    assert (status, fields["content-length"], content) == (200, "12", b"")

    def endless(environ: Environ, start: Start) -> Iterator[bytes]:
        start("200 OK", TEXT)
        while True:
            yield b"on and on"

    status, fields, content = mount(endless).ask("HEAD / HTTP/1.1")
    assert (status, content) == (200, b"")
    assert "content-length" not in fields


def test_a_failure_is_told_to_the_developer_and_not_to_the_client(
    mount: Callable[..., Mounted], told: list[str]
) -> None:
    def app(environ: Environ, start: Start) -> list[bytes]:
        raise ValueError("the \x1b[31msecret")

    mounted = mount(app)
    status, _, content = mounted.ask("GET /x HTTP/1.1")
    assert status == 500
    assert b"secret" not in content
    (trace,) = told
    assert "GET /x failed" in trace
    assert "ValueError" in trace
    assert "\x1b" not in trace
    (note,) = [record[3] for record in records(mounted.bench.journal, NOTE)]
    assert note[0] == "failed"
    assert "ValueError" in note[1]["trace"]


def test_a_failure_in_the_middle_breaks_the_answer_off(mount: Callable[..., Mounted], told: list[str]) -> None:
    def app(environ: Environ, start: Start) -> Iterator[bytes]:
        start("200 OK", TEXT)
        yield b"x" * 400_000
        raise RuntimeError("half way")

    mounted = mount(app)
    _, fields, content = mounted.ask("GET / HTTP/1.1")
    assert fields["transfer-encoding"] == "chunked"
    assert not content.endswith(b"0\r\n\r\n")
    until(lambda: [r for r in records(mounted.bench.journal, NOTE) if "half way" in str(r[3])])
    assert "half way" in told[0]


def test_exc_info_replaces_a_head_that_is_not_sent(mount: Callable[..., Mounted]) -> None:
    def app(environ: Environ, start: Start) -> list[bytes]:
        start("200 OK", TEXT)
        try:
            raise KeyError("oh")
        except KeyError:
            start("503 Later", TEXT, sys.exc_info())
        return [b"sorry"]

    status, _, content = mount(app).ask("GET / HTTP/1.1")
    assert (status, content) == (503, b"sorry")


def test_exc_info_is_raised_again_where_the_head_is_out(mount: Callable[..., Mounted], told: list[str]) -> None:
    def app(environ: Environ, start: Start) -> Iterator[bytes]:
        start("200 OK", TEXT)
        yield b"x"
        try:
            raise KeyError("too late")
        except KeyError:
            start("500 Oh", TEXT, sys.exc_info())

    mount(app).ask("GET / HTTP/1.1")
    until(lambda: told)
    assert "too late" in told[0]


@pytest.mark.parametrize(
    ("status", "fields", "words"),
    [
        ("200 OK", [("X-Evil", "a\r\nSet-Cookie: b=c")], "control character"),
        ("200 OK", [("X-Evil\r\nSet-Cookie", "b=c")], "not a field name"),
        ("200 OK\r\nSet-Cookie: b=c", [], "no status"),
        ("99 Low", [], "no status"),
        ("200 OK", [("Connection", "close")], "server's business"),
        ("200 OK", [("Transfer-Encoding", "chunked")], "server's business"),
        ("200 OK", [("Content-Length", "+5")], "no number"),
        ("200 OK", [("Content-Length", "5"), ("content-length", "6")], "two Content-Lengths"),
        ("200 OK", [("X-Name", "Ж")], "beyond latin-1"),
    ],
)
def test_a_head_that_would_break_the_message_is_refused(
    mount: Callable[..., Mounted], told: list[str], status: str, fields: list[tuple[str, str]], words: str
) -> None:
    def app(environ: Environ, start: Start) -> list[bytes]:
        start(status, fields)
        return [b"never"]

    came, got, _ = mount(app, checked=False).ask("GET / HTTP/1.1")
    assert came == 500
    assert "set-cookie" not in got
    assert words in told[0]


@pytest.mark.parametrize(
    ("said", "words"),
    [(["text"], "encode text"), ("text", "encode text"), ([b"ok", None], "NoneType"), (None, "not iterable")],
)
def test_what_is_no_content_is_named(mount: Callable[..., Mounted], told: list[str], said: Any, words: str) -> None:
    def app(environ: Environ, start: Start) -> Any:
        start("200 OK", TEXT)
        return said

    assert mount(app, checked=False).ask("GET / HTTP/1.1")[0] == 500
    assert words in told[0]


def test_content_without_a_head_is_named(mount: Callable[..., Mounted], told: list[str]) -> None:
    assert mount(lambda environ, start: [b"x"], checked=False).ask("GET / HTTP/1.1")[0] == 500
    assert "before it called start_response" in told[0]


def test_a_content_length_that_does_not_hold(mount: Callable[..., Mounted], told: list[str]) -> None:
    def app(environ: Environ, start: Start) -> Iterable[bytes]:
        start("200 OK", [*TEXT, ("Content-Length", "5")])
        return {"/short": [b"123"], "/long": [b"1234567"], "/more": iter([b"1234567", b"89"])}[environ["PATH_INFO"]]

    mounted = mount(app, checked=False)
    assert mounted.ask("GET /short HTTP/1.1")[0] == 500
    assert "Content-Length is 5, and it said 3" in told[0]
    assert mounted.ask("GET /long HTTP/1.1")[2] == b"12345"
    assert mounted.ask("GET /more HTTP/1.1")[2] == b"12345"


def test_a_file_is_sent_from_where_it_stands(mount: Callable[..., Mounted], tmp_path: Path) -> None:
    path = tmp_path / "big"
    content = os.urandom(3_000_000)
    path.write_bytes(content)
    opened: list[Any] = []

    def app(environ: Environ, start: Start) -> Iterable[bytes]:
        file = path.open("rb")
        opened.append(file)
        file.seek(10)
        start("200 OK", TEXT)
        wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](file)
        return wrapped

    status, fields, came = mount(app, checked=False).ask("GET / HTTP/1.1")
    assert (status, fields["content-length"]) == (200, "2999990")
    assert came == content[10:]
    until(lambda: opened[0].closed)


def test_a_client_that_goes_closes_the_iterable(mount: Callable[..., Mounted], told: list[str]) -> None:
    closed = threading.Event()

    class Endless:
        def __iter__(self) -> Iterator[bytes]:
            while True:
                yield b"x" * 10_000

        def close(self) -> None:
            closed.set()

    def app(environ: Environ, start: Start) -> Iterable[bytes]:
        start("200 OK", TEXT)
        return Endless()

    mounted = mount(app, checked=False)
    sock = dial(mounted.peer)
    sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    sock.recv(1000)
    reset(sock)
    assert closed.wait(5)
    assert not told


def test_a_client_that_does_not_read_stops_the_iterable(mount: Callable[..., Mounted]) -> None:
    said = 0
    closed = threading.Event()

    class Endless:
        def __iter__(self) -> Iterator[bytes]:
            nonlocal said
            while True:
                said += 100_000
                yield b"x" * 100_000

        def close(self) -> None:
            closed.set()

    def app(environ: Environ, start: Start) -> Iterable[bytes]:
        start("200 OK", TEXT)
        return Endless()

    mounted = mount(app, checked=False)
    with dial(mounted.peer) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        sock.recv(1)
        before = -1
        while before != said:  # it stops once the buffers between us are full
            before = said
            time.sleep(0.3)
        assert said < 16_000_000
        assert not closed.is_set()
    assert closed.wait(5)


def test_half_sent_requests_take_no_thread(mount: Callable[..., Mounted]) -> None:
    mounted = mount(hello, threads=2)
    held = [dial(mounted.peer) for _ in range(50)]
    for number, sock in enumerate(held):
        sock.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n" + (b"\r\n1234" if number % 2 else b""))
    began = time.monotonic()
    assert mounted.ask("GET / HTTP/1.1")[0] == 200
    assert time.monotonic() - began < 1
    for sock in held:
        sock.close()


def test_open_streams_do_not_keep_a_page_waiting(mount: Callable[..., Mounted]) -> None:
    over = threading.Event()

    def app(environ: Environ, start: Start) -> Iterator[bytes]:
        start("200 OK", TEXT)
        yield b"first"
        if environ["PATH_INFO"] == "/stream":
            over.wait(30)

    mounted = mount(app, threads=4)
    held = [dial(mounted.peer) for _ in range(200)]
    for sock in held:
        sock.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
    for sock in held:
        assert sock.recv(1000).startswith(b"HTTP/1.1 200")
    began = time.monotonic()
    assert mounted.ask("GET / HTTP/1.1")[0] == 200
    assert time.monotonic() - began < 1
    over.set()
    for sock in held:
        sock.close()


def test_more_streams_than_may_step_aside_wait_and_are_told(mount: Callable[..., Mounted]) -> None:
    over = threading.Event()

    def app(environ: Environ, start: Start) -> Iterator[bytes]:
        start("200 OK", TEXT)
        yield b"first"
        over.wait(30)

    mounted = mount(app, threads=1, streams=1, limit=0.4)
    held = [dial(mounted.peer) for _ in range(2)]
    for sock in held:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        sock.recv(1000)
    status, fields, content = mounted.ask("GET / HTTP/1.1")
    assert (status, fields["retry-after"]) == (503, "1")
    assert b"no thread was free" in content
    over.set()
    for sock in held:
        sock.close()


def test_an_application_that_hangs_is_given_up_and_others_go_on(mount: Callable[..., Mounted]) -> None:
    over = threading.Event()

    def app(environ: Environ, start: Start) -> list[bytes]:
        if environ["PATH_INFO"] == "/hang":
            over.wait(30)
        return hello(environ, start)

    mounted = mount(app, threads=1, limit=0.4)
    status, _, content = mounted.ask("GET /hang HTTP/1.1")
    assert status == 504
    assert b"did not begin to answer within 0.4 s" in content
    assert mounted.ask("GET / HTTP/1.1")[0] == 200
    over.set()


def test_an_upload_over_the_limit_is_refused_with_memory_flat(mount: Callable[..., Mounted]) -> None:
    mounted = mount(echo_content, body=1024 * 1024)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for head in (b"Content-Length: 1073741824", b"Transfer-Encoding: chunked"):
        with dial(mounted.peer) as sock:
            sock.sendall(b"POST / HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n")
            piece = b"x" * 65536
            sent = 0
            try:
                while sent < 1 << 30:
                    sock.sendall(b"10000\r\n" + piece + b"\r\n" if b"chunked" in head else piece)
                    sent += 65536
            except OSError:
                pass
            assert sent < 64 << 20
            if sent < 8 << 20:
                assert b"413" in sock.recv(1000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB
    assert mounted.ask("POST / HTTP/1.1\r\nContent-Length: 3", b"abc")[2].startswith(b"3 ")


def test_an_upload_under_the_limit_is_not_held_in_memory(mount: Callable[..., Mounted]) -> None:
    size = 40 * 1024 * 1024

    def app(environ: Environ, start: Start) -> list[bytes]:
        came = 0
        while piece := environ["wsgi.input"].read(65536):
            came += len(piece)
        start("200 OK", TEXT)
        return [b"%d" % came]

    mounted = mount(app, body=2 * size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with dial(mounted.peer) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // 65536):
            sock.sendall(b"x" * 65536)
        said = b"%d" % size  # in chunks where the application's iterator is not through by then
        assert split(read_all(sock))[2] in (said, b"%x\r\n%b\r\n0\r\n\r\n" % (len(said), said))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


def test_what_it_logs_is_told_with_control_bytes_made_visible(mount: Callable[..., Mounted], told: list[str]) -> None:
    def app(environ: Environ, start: Start) -> list[bytes]:
        environ["wsgi.errors"].write("came: \x1b[2J\n")
        environ["wsgi.errors"].flush()
        return hello(environ, start)

    mount(app).ask("GET / HTTP/1.1")
    assert told == ["came: \\x1b[2J\n"]


def test_context_variables_do_not_leak_into_the_next_request(mount: Callable[..., Mounted]) -> None:
    from contextvars import ContextVar

    who: ContextVar[str] = ContextVar("who", default="nobody")

    def app(environ: Environ, start: Start) -> list[bytes]:
        found = who.get()
        who.set("somebody")
        start("200 OK", TEXT)
        return [found.encode()]

    mounted = mount(app, threads=1)
    assert [mounted.ask("GET / HTTP/1.1")[2] for _ in range(3)] == [b"nobody"] * 3


def test_pipelined_requests_are_answered_in_order(mount: Callable[..., Mounted]) -> None:
    def app(environ: Environ, start: Start) -> list[bytes]:
        start("200 OK", TEXT)
        return [environ["PATH_INFO"].encode()]

    mounted = mount(app)
    asked = b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % n for n in range(20))
    answers = ask(mounted.peer, asked)
    assert [part.split(b"HTTP/")[0] for part in answers.split(b"\r\n\r\n")[1:]] == [b"/%d" % n for n in range(20)]


def test_an_asterisk_is_not_for_the_application(mount: Callable[..., Mounted], told: list[str]) -> None:
    assert mount(hello).ask("OPTIONS * HTTP/1.1")[0] == 204
    assert not told


def test_other_routes_stand_beside_it(bench: BenchThread) -> None:
    host = Wsgi(hello, "/app")
    own = Route("GET", "/own", lambda request: Response("own"))
    mounted = Mounted(bench, own, *host.routes())
    assert mounted.ask("GET /own HTTP/1.1")[2] == b"own"
    assert mounted.ask("GET /app/x HTTP/1.1")[2] == "Hello Мир".encode()


@pytest.mark.parametrize("prefix", ["app", "/app/", "/"])
def test_a_prefix_that_is_none_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="no place to stand at"):
        Wsgi(hello, prefix)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"])
def test_every_method_is_the_applications(mount: Callable[..., Mounted], stranger: Any, method: str) -> None:
    def app(environ: Environ, start: Start) -> list[bytes]:
        start("200 OK", [*TEXT, ("X-Method", environ["REQUEST_METHOD"])])
        return [b"ok"]

    assert mount(app, checked=False).ask(f"{method} / HTTP/1.1")[1]["x-method"] == method


def test_the_end_is_in_the_journal(mount: Callable[..., Mounted]) -> None:
    mounted = mount(hello)
    mounted.ask("GET / HTTP/1.1")
    end = ended(mounted.bench.journal)
    assert end.received
    assert end.sent
