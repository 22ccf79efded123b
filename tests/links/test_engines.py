"""Both engines against servers that do what they should not: each exchange ends, in bounded time, with its verdict."""

from __future__ import annotations

import gzip
import socket
import time
import zlib
from collections.abc import Iterator

import pytest
from tests.links.engines import QUICK, fetch, one
from tests.links.nasty import Behaviour, Nasty, Peer, Request

from sockwright.links.asking import Body, Limits

ENGINES = ["curl", "urllib"]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server() -> Iterator[Nasty]:
    with Nasty().running() as nasty:
        yield nasty


def raw(*pieces: bytes, gap: float = 0.0, close: bool = True) -> Behaviour:
    def behave(peer: Peer, _request: Request) -> None:
        for piece in pieces:
            peer.send(piece)
            if gap and not peer.wait(gap):
                return
        if close:
            peer.close()
        else:
            peer.wait()

    return behave


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"


@pytest.mark.parametrize(
    ("name", "sent", "kind"),
    [
        ("plain", HEAD + b"Content-Length: 2\r\n\r\nhi", "ok"),
        ("http/1.0 without length", b"HTTP/1.0 200 OK\r\n\r\nhello", "ok"),
        ("no phrase", b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "ok"),
        ("bare line feeds", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", "ok"),
        ("early hints", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + HEAD + b"Content-Length: 0\r\n\r\n", "ok"),
        ("100 unasked", b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"Content-Length: 0\r\n\r\n", "ok"),
        ("chunked", HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "ok"),
        ("chunked, trailers", HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-A: b\r\n\r\n", "ok"),
        ("chunk size is no number", HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhi\r\n0\r\n\r\n", "broken"),
        ("chunked and cut off", HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhi", "broken"),
        ("length too long", HEAD + b"Content-Length: 100\r\n\r\nhi", "broken"),
        ("length is no number", HEAD + b"Content-Length: two\r\n\r\nhi", "broken"),
        ("not HTTP", b"SSH-2.0-OpenSSH_9.2\r\n", "broken"),
        ("garbage", bytes(range(256)), "broken"),
        ("nothing", b"", "broken"),
        ("half a head", b"HTTP/1.1 200 OK\r\nContent-Ty", "broken"),
        ("404 without end", b"HTTP/1.1 404 Not Found\r\n\r\n", "broken"),
        ("a folded field", HEAD + b"X-A: b\r\n c\r\nContent-Length: 0\r\n\r\n", "ok"),
        ("escape sequences", b"HTTP/1.1 404 \x1b[31mred\r\nContent-Length: 0\r\n\r\n", "broken"),
        ("a line that is no field", HEAD + b"Broken line here\r\nContent-Length: 2\r\n\r\nhi", "ok"),
        ("a blank before the colon", HEAD + b"Content-Length : 2\r\n\r\nhi", "ok"),
        ("the length twice", HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi", "ok"),
        ("the length twice in a list", HEAD + b"Content-Length: 2, 2\r\n\r\nhi", "ok"),
        ("two lengths", HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi", "broken"),
        ("a length below nothing", HEAD + b"Content-Length: -5\r\n\r\nhi", "broken"),
        ("a version in small letters", HEAD.lower() + b"Content-Length: 2\r\n\r\nhi", "ok"),
        ("a version from the future", HEAD.replace(b"1.1", b"2.0") + b"Content-Length: 2\r\n\r\nhi", "ok"),
        ("an empty line in front", b"\r\n" + HEAD + b"Content-Length: 2\r\n\r\nhi", "broken"),
        ("a status of two digits", b"HTTP/1.1 99 X\r\n\r\n", "broken"),
        ("switching protocols unasked", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "broken"),
        ("a choice without Location", b"HTTP/1.1 300 Multiple Choices\r\nContent-Length: 2\r\n\r\nhi", "ok"),
        (
            "length and chunks",
            HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
            "ok",
        ),
        (
            "gzip with padding",
            HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"hi", mtime=0) + bytes(9),
            "ok",
        ),
        (
            "gzip that is cut off",
            HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"hi" * 99, mtime=0)[:20],
            "broken",
        ),
        ("a 404 with a broken body", b"HTTP/1.1 404 X\r\nContent-Length: 99\r\n\r\nhi", "broken"),
        ("gzip that is none", HEAD + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello", "broken"),
        ("a coding nobody asked for", HEAD + b"Content-Encoding: br\r\nContent-Length: 5\r\n\r\nhello", "ok"),
        ("endless 1xx", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000 + HEAD + b"\r\n", "broken"),
        ("a flood of fields", HEAD + b"X-Flood: yes\r\n" * 20_000 + b"\r\n", "broken"),
        ("an endless field", HEAD + b"X-Flood: " + b"a" * 400_000 + b"\r\n\r\n", "broken"),
    ],
)
def test_answers(engine: str, server: Nasty, name: str, sent: bytes, kind: str) -> None:
    server.paths["/x"] = raw(sent)
    outcome = one(server.url + "/x", engine=engine)
    assert outcome.kind == kind, (outcome.reason, outcome.exchange)


def test_an_error_whose_body_has_no_end_is_that_error(engine: str, server: Nasty) -> None:
    endless = b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\n"
    server.paths["/drips"] = raw(endless, *[b"drip"] * 400, gap=0.05)
    server.paths["/hangs"] = raw(endless + b"no", close=False)
    server.paths["/moved"] = raw(b"HTTP/1.1 301 Go\r\nLocation: /x\r\n\r\n", close=False)
    begun = time.monotonic()
    urls = [f"{server.url}/{name}" for name in ("drips", "hangs", "moved")]
    outcomes = fetch(urls, engine=engine, limits=Limits(connect=1, first_byte=5, total=15))
    assert [(outcomes[url].kind, outcomes[url].status) for url in urls] == [
        ("broken", 404),
        ("broken", 404),
        ("redirect", 301),
    ]
    assert time.monotonic() - begun < 8


def test_first_answer_reset_second_fine(engine: str, server: Nasty) -> None:
    @server.on("/x")
    def _(peer: Peer, request: Request) -> None:
        if server.count("/x") == 1:
            peer.reset()
        else:
            peer.reply(200, "hello")

    outcome = one(server.url + "/x", engine=engine)
    assert outcome.kind == "flaky"
    assert server.count("/x") == 2


def test_always_reset_is_broken_after_three_tries(engine: str, server: Nasty) -> None:
    server.paths["/x"] = lambda peer, _: peer.reset()
    outcome = one(server.url + "/x", engine=engine)
    assert outcome.kind == "broken"
    assert server.count("/x") == 3


def test_a_silent_server_is_a_time_out(engine: str, server: Nasty) -> None:
    server.paths["/x"] = raw(gap=0, close=False)
    begun = time.monotonic()
    assert one(server.url + "/x", engine=engine).kind == "time-out"
    assert time.monotonic() - begun < 4


def test_a_listener_that_accepts_nobody_is_a_time_out(engine: str) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        urls = [f"http://127.0.0.1:{port}/{number}" for number in range(10)]
        begun = time.monotonic()
        outcomes = fetch(urls, engine=engine)
        assert {outcome.kind for outcome in outcomes.values()} == {"time-out"}
        assert time.monotonic() - begun < 4


def test_a_head_that_drips_ends_with_the_total(engine: str, server: Nasty) -> None:
    server.paths["/x"] = raw(HEAD, *[b"X: y\r\n"] * 100, gap=0.05)
    assert one(server.url + "/x", engine=engine).kind == "time-out"


def test_a_body_that_drips_ends_with_the_total_where_it_is_needed(engine: str, server: Nasty) -> None:
    server.paths["/x"] = raw(HEAD + b"\r\n", *[b"drip"] * 200, gap=0.05)
    outcome = one(server.url + "/x", engine=engine)
    assert outcome.kind == "time-out"
    assert outcome.status == 200


def test_a_body_that_drips_is_hung_up_where_it_is_not_needed(engine: str, server: Nasty) -> None:
    server.paths["/x"] = raw(HEAD + b"\r\n", *[b"drip"] * 400, gap=0.05)
    limits = Limits(connect=1, first_byte=5, total=15)
    begun = time.monotonic()
    assert one(server.url + "/x", engine=engine, body=Body.NONE, limits=limits).kind == "ok"
    assert time.monotonic() - begun < 5


def test_an_endless_body_is_cut(engine: str, server: Nasty) -> None:
    @server.on("/x")
    def _(peer: Peer, request: Request) -> None:
        peer.send(HEAD + b"\r\n")
        for _ in range(100_000):
            peer.send(b"<p>on and on" * 1000)

    limits = Limits(connect=1, first_byte=5, total=15)
    outcome = one(server.url + "/x", engine=engine, limits=limits)
    assert outcome.kind == "ok"
    assert "first 5000000 bytes" in outcome.note
    assert one(server.url + "/x", engine=engine, body=Body.NONE, limits=limits).kind == "ok"


def test_a_bomb_is_not_inflated(engine: str, server: Nasty) -> None:
    bomb = gzip.compress(gzip.compress(b"\0" * 30_000_000))
    once = gzip.compress(b"\0" * 30_000_000)
    server.paths["/twice"] = lambda peer, _: peer.reply(200, bomb, Content_Encoding="gzip, gzip")
    server.paths["/once"] = lambda peer, _: peer.reply(200, once, Content_Encoding="gzip")
    for path in ("/once", "/twice"):
        outcome = one(server.url + path, engine=engine)
        assert outcome.kind == "ok"
        assert "inflates" in outcome.note
        assert outcome.page is None


@pytest.mark.parametrize("coding", ["gzip", "deflate", "bare deflate", "gzip in two members", "x-gzip", "identity"])
def test_codings_are_undone(engine: str, server: Nasty, coding: str) -> None:
    text = b"<a href=/y>y</a>" * 50
    bare = zlib.compressobj(wbits=-15)
    coded = {
        "gzip": gzip.compress(text),
        "x-gzip": gzip.compress(text),
        "deflate": zlib.compress(text),
        "bare deflate": bare.compress(text) + bare.flush(),
        "gzip in two members": gzip.compress(text[:160]) + gzip.compress(text[160:]),
        "identity": text,
    }[coding]
    server.paths["/x"] = lambda peer, _: peer.reply(
        200, coded, Content_Encoding=coding.split()[-1 if "bare" in coding else 0]
    )
    outcome = one(server.url + "/x", engine=engine, body=Body.ALL)
    assert outcome.kind == "ok"
    assert outcome.exchange is not None
    assert outcome.exchange.content == text


def test_refused(engine: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        assert one(f"http://127.0.0.1:{port}/", engine=engine).kind == "refused"


def test_a_name_without_address(engine: str) -> None:
    limits = Limits(connect=8, first_byte=8, total=8)
    assert one("http://no-such-host.invalid/", engine=engine, limits=limits).kind == "dns"


def test_private_addresses_are_refused_after_the_name_is_looked_up(engine: str, server: Nasty) -> None:
    server.page("/", "hello")
    options = {"engine": engine, "public_only": True}
    assert one(server.url + "/", **options).kind == "skipped"
    assert one(f"http://localhost:{server.port}/", **options).kind == "skipped"
    named = one(f"http://example.test:{server.port}/", resolve=(f"example.test:{server.port}:127.0.0.1",), **options)
    assert named.kind == "skipped"
    assert server.connections == 0


def test_resolve_sends_a_name_to_an_address(engine: str, server: Nasty) -> None:
    server.page("/", "hello")
    url = f"http://example.test:{server.port}/"
    assert one(url, engine=engine, resolve=(f"example.test:{server.port}:127.0.0.1",)).kind == "ok"
    assert server.seen[0].fields["host"] == f"example.test:{server.port}"


def test_ipv6(engine: str) -> None:
    with Nasty(address="::1").running() as server:
        server.page("/", "hello")
        assert one(server.url + "/", engine=engine).kind == "ok"


def test_a_short_body_keeps_the_connection_and_a_long_one_is_hung_up(engine: str, server: Nasty) -> None:
    server.page("/short", "x" * 1000)
    server.paths["/long"] = lambda peer, _: peer.reply(200, b"x" * 50_000_000, "application/octet-stream")
    begun = time.monotonic()
    outcome = one(server.url + "/long", engine=engine, limits=Limits())
    assert outcome.kind == "ok"
    assert outcome.exchange is not None
    assert outcome.exchange.wire < 5_000_000
    assert time.monotonic() - begun < 3


def test_the_path_is_sent_as_it_stands(engine: str, server: Nasty) -> None:
    server.fallback = lambda peer, _: peer.reply(200, "hi")
    fetch([server.url + "/a%2Fb/%7Ec?q=%20|x", server.url + "/%2e%2E/x"], engine=engine)
    assert {request.target for request in server.seen} == {"/a%2Fb/%7Ec?q=%20|x", "/%2e%2E/x"}


def test_conditional_requests(engine: str, server: Nasty) -> None:
    @server.on("/x")
    def _(peer: Peer, request: Request) -> None:
        if request.fields.get("if-none-match") == '"v1"':
            peer.send(b'HTTP/1.1 304 Not Modified\r\nETag: "v1"\r\n\r\n')
        else:
            peer.reply(200, "hello", ETag='"v1"')

    assert one(server.url + "/x", engine=engine).etag == '"v1"'


def test_five_hundred_at_once_end(engine: str, server: Nasty) -> None:
    server.fallback = lambda peer, _: peer.reply(200, "hi")
    outcomes = fetch([f"{server.url}/{number}" for number in range(500)], engine=engine, limits=Limits())
    assert {outcome.kind for outcome in outcomes.values()} == {"ok"}
    assert len(server.seen) == 500
    assert QUICK.total < 20
