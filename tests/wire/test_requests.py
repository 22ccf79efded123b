"""What the request grammar takes, beside two parsers of others: h11 (strict) and llhttp (what Node and uvicorn use)."""

from __future__ import annotations

import h11
import httptools
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sockwright.errors import PeerError
from sockwright.protocols.http import Http
from sockwright.protocols.routes import Route, Routes
from sockwright.protocols.site import Site
from sockwright.wire.exchange import Request, Response
from sockwright.wire.http1 import Sizes
from sockwright.wire.requests import RequestHeads, check_beginning

Seen = list[tuple[str, str, bytes]]


def ours(data: bytes) -> tuple[Seen, bool]:
    """Return the requests that we read in `data`, and whether we refused what came behind them."""
    seen: Seen = []

    def note(request: Request) -> Response:
        seen.append((request.method, request.target, request.content))
        return Response("")

    site = Site(Routes([Route("", "/{path...}", note)]))
    conversation = Http(site)
    conversation.opened(0)
    said = b"".join(action for action in conversation.feed(data, 0) if isinstance(action, bytes))
    refused = any(b"HTTP/1.1 %d" % status in said for status in (400, 408, 413, 414, 417, 431, 501, 505))
    return seen, refused


def h11s(data: bytes) -> tuple[Seen, bool]:
    """The same as h11 reads it."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    seen: Seen = []
    method, target, content = "", "", b""
    try:
        while True:
            event = connection.next_event()
            match event:
                case h11.Request():
                    method, target, content = event.method.decode(), event.target.decode("latin-1"), b""
                case h11.Data():
                    content += bytes(event.data)
                case h11.EndOfMessage():
                    seen.append((method, target, content))
                    connection.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
                    connection.send(h11.EndOfMessage())
                    if connection.our_state is h11.MUST_CLOSE:
                        return seen, False
                    connection.start_next_cycle()
                case h11.NEED_DATA | h11.PAUSED | h11.ConnectionClosed():
                    return seen, False
    except h11.RemoteProtocolError:
        return seen, True


class _Noted:
    def __init__(self) -> None:
        self.seen: Seen = []
        self.target = self.content = b""
        self.parser = httptools.HttpRequestParser(self)

    def on_url(self, target: bytes) -> None:
        self.target += target

    def on_body(self, content: bytes) -> None:
        self.content += content

    def on_message_complete(self) -> None:
        self.seen.append((self.parser.get_method().decode(), self.target.decode("latin-1"), self.content))
        self.target = self.content = b""


def llhttps(data: bytes) -> tuple[Seen, bool]:
    """The same as llhttp reads it."""
    noted = _Noted()
    try:
        noted.parser.feed_data(data)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return noted.seen, True
    return noted.seen, False


LINES = [
    b"GET / HTTP/1.1", b"POST /a?b=c HTTP/1.1", b"PUT /x HTTP/1.0", b"HEAD / HTTP/1.1", b"GET / HTTP/1.0",
    b"DELETE /%41 HTTP/1.1", b"GET http://h/p HTTP/1.1", b"GET /a b HTTP/1.1", b"get / http/1.1", b"GET / HTTP/1.1 ",
]  # fmt: skip
FIELDS = [
    b"Host: x", b"Host: y", b"host:x:80", b"A: b", b"A:", b"A:  b \t", b"B: c,d;e=\"f\"", b"Connection: close",
    b"Connection: keep-alive", b"Content-Length: 3", b"Content-Length: 0", b"content-length:3", b"Content-Length: +3",
    b"Content-Length: 3, 3", b"Content-Length: 03", b"Transfer-Encoding: chunked", b"transfer-encoding:\tChunked",
    b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: chunked, gzip", b"Transfer-Encoding : chunked",
    b"Transfer-Encoding: \x0bchunked", b" folded", b"\tfolded: x", b"A : b", b"A\x00: b", b"A: b\x00", b"A: \xff\xfe",
    b"no colon", b": no name", b"A[: b", b"A: b\rC: d", b"Expect: 100-continue",
]  # fmt: skip
ENDS = [b"\r\n", b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\r\r\n"]
CONTENTS = [
    b"", b"abc", b"3\r\nabc\r\n0\r\n\r\n", b"3;x=y\r\nabc\r\n0\r\nT: v\r\n\r\n", b"3\nabc\n0\n\n", b"0\r\n\r\n",
    b"03\r\nabc\r\n0\r\n\r\n", b"3 \r\nabc\r\n0\r\n\r\n", b"0x3\r\nabc\r\n0\r\n\r\n", b"3\r\nabcX\r\n0\r\n\r\n",
    b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", b"-1\r\n", b"3\r\nabc\r\n0\r\nContent-Length: 5\r\n\r\n",
]  # fmt: skip


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """A request that is mostly right, put together from parts that may be wrong."""
    parts = [draw(st.sampled_from(LINES)), *draw(st.lists(st.sampled_from(FIELDS), max_size=5))]
    parts.insert(1, b"Host: x")
    end = draw(st.sampled_from(ENDS))
    return b"".join(part + (end if draw(st.booleans()) else b"\r\n") for part in [*parts, b""]) + draw(
        st.sampled_from(CONTENTS)
    )


GOOD = b"GET /good HTTP/1.1\r\nHost: x\r\n\r\n"


@settings(max_examples=150, deadline=None)
@given(st.lists(messages(), min_size=1, max_size=3))
@example([b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", GOOD])
@example([b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", GOOD])
def test_nobody_strict_understands_it_differently(parts: list[bytes]) -> None:
    data = b"".join(parts)
    (mine, refused), (theirs, their_refusal) = ours(data), h11s(data)
    common = min(len(mine), len(theirs))
    assert [comparable(each) for each in mine[:common]] == [comparable(each) for each in theirs[:common]]
    if len(mine) > len(theirs):
        assert not their_refusal, "what h11 refuses is refused"
    if len(theirs) > len(mine):
        assert refused, "we are stricter, and never silently behind"


@settings(max_examples=150, deadline=None)
@given(st.lists(messages(), min_size=1, max_size=3))
def test_llhttp_does_not_understand_it_differently(parts: list[bytes]) -> None:
    data = b"".join(parts)
    (mine, refused), (theirs, _) = ours(data), llhttps(data)
    common = min(len(mine), len(theirs))
    assert [comparable(each) for each in mine[:common]] == [comparable(each) for each in theirs[:common]]
    if len(theirs) > len(mine):
        assert refused or mine == theirs[:common]


def comparable(request: tuple[str, str, bytes]) -> tuple[str, str, bytes]:
    """Return a request with its target in origin-form, in which only we give it."""
    method, target, content = request
    return method, target.removeprefix("http://h"), content


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 40))
def test_garbage_is_never_executed_and_never_breaks(garbage: bytes, at: int) -> None:
    data = GOOD[:at] + garbage + GOOD[at:]
    mine, _ = ours(data)
    theirs, _ = h11s(data)
    common = min(len(mine), len(theirs))
    assert [comparable(each) for each in mine[:common]] == [comparable(each) for each in theirs[:common]]


@settings(max_examples=150, deadline=None)
@given(messages())
def test_what_is_said_early_is_said_at_the_end(message: bytes) -> None:
    """A head that is refused before its end came would be refused with it, and a good one never is."""
    end = message.find(b"\r\n\r\n") + 4
    if end < 4:
        return
    try:
        RequestHeads().read(message[:end])
        good = True
    except PeerError:
        good = False
    checked = 0
    for size in range(1, end):
        try:
            checked = check_beginning(message[:size], 0, checked)
        except PeerError:
            assert not good
            return


def test_sizes_are_as_they_are_set() -> None:
    heads = RequestHeads(Sizes(request_line=20, head=100, fields=2))
    assert heads.read(b"GET /123456 HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n").target == "/123456"
    for raw, code in [
        (b"GET /1234567 HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\nC: d\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: %b\r\n\r\n" % (b"b" * 100), 431),
    ]:
        for _ in range(2):  # what is remembered of the fields does not let it through the second time
            with pytest.raises(PeerError) as refused:
                heads.read(raw)
            assert refused.value.code == code


def test_a_head_says_the_same_when_it_is_read_again() -> None:
    heads = RequestHeads()
    raw = "GET /п?q HTTP/1.1\r\nHost: X:80\r\nA: b\r\na: c\r\nImя: d\r\n\r\n".replace("Imя", "Im").encode()
    first, second = heads.read(raw), heads.read(raw)
    assert first == second
    assert first.fields.values("A") == ["b", "c"]
    assert first.fields.get("a") == "b, c"
    assert first.host == "x:80"
    assert first.path == "/п"
