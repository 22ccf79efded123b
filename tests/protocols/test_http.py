from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sockwright.binding import Arguments, Refusal, service, service_of
from sockwright.conversation import Action, Begin, Close, Invoke, Note, Send, Tell
from sockwright.errors import ServiceError
from sockwright.protocols.http import AHEAD, BEHIND, Http
from sockwright.protocols.routes import Answer, Call, Route, Routes, Stream
from sockwright.protocols.site import Limits, Site, date
from sockwright.session import Session
from sockwright.wire.exchange import FilePart, Request, Response
from sockwright.wire.http1 import End, ResponseHead, ResponseReader

NOW = 784111777.0  # Sun, 06 Nov 1994 08:49:37 GMT: the example of RFC 9110, 5.6.7
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Bench:
    """A conversation whose handler answers with what it was asked, and all that came of it."""

    def __init__(self, *routes: Route, limits: Limits | None = None) -> None:
        self.asked: list[tuple[str, str, bytes]] = []
        echo = Route("", "/{path...}", self.handle)
        self.site = Site(Routes(routes or (echo,)), limits)
        self.http = Http(self.site)
        self.now = NOW
        self.actions: list[Action] = list(self.http.opened(NOW))

    def handle(self, request: Request) -> Response:
        self.asked.append((request.method, request.target, request.content))
        return Response(b"<%b>" % request.content)

    def feed(self, *pieces: bytes) -> list[Action]:
        came: list[Action] = []
        for piece in pieces:
            came += self.http.feed(piece, self.now)
        self.actions += came
        return came

    def end(self) -> list[Action]:
        came = list(self.http.half_closed(self.now))
        self.actions += came
        return came

    def after(self, seconds: float) -> list[Action]:
        """Let time go by; return what the conversation does about it."""
        self.now += seconds
        deadline = self.http.deadline
        came = list(self.http.expired(self.now)) if deadline is not None and deadline <= self.now else []
        self.actions += came
        return came

    @property
    def bytes(self) -> bytes:
        return said(self.actions)

    @property
    def closed(self) -> bool:
        return any(isinstance(action, Close) for action in self.actions)

    def notes(self, kind: str) -> list[Any]:
        return [action.data for action in self.actions if isinstance(action, Note) and action.kind == kind]


def said(actions: Sequence[Action]) -> bytes:
    return b"".join(action for action in actions if isinstance(action, bytes))


def responses(data: bytes, methods: Sequence[str] = ()) -> list[tuple[int, dict[str, str], bytes]]:
    """Return status, fields and content of each final response in `data`; `methods` are those of the requests."""
    found: list[tuple[int, dict[str, str], bytes]] = []
    while data:
        method = methods[len(found)] if len(found) < len(methods) else "GET"
        reader = ResponseReader(method)
        content, head = b"", None
        for part in [*reader.feed(data), *reader.end_of_stream()]:
            match part:
                case ResponseHead():
                    head = part
                case End():
                    pass
                case _:
                    content += part
        assert head is not None
        assert head.defects == ()
        found.append((head.status, {name.lower(): value for name, value in head.fields}, content))
        data = reader.rest
    return found


def statuses(bench: Bench) -> list[int]:
    return [status for status, _, _ in responses(bench.bytes)]


# -- the stream, however it is cut

STREAMS = [
    GET,
    b"GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\nGET /d HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello" + GET,
    b"POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;e=1\r\nabc\r\n2\r\nde\r\n0\r\nT: v\r\n\r\n"
    + GET,
    b"\r\nGET / HTTP/1.1\r\nHost:x\r\n\r\n\r\n" + GET,
    b"PUT /p HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi" + GET,
    b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n" + GET,
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + GET,
    "GET /привет HTTP/1.1\r\nHost: x\r\nX: день\r\n\r\n".encode(),
    GET + b"BAD\r\n\r\n" + GET,
    b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n" + GET,
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX\r\n" + GET,
    b"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
]


def told(pieces: Sequence[bytes]) -> tuple[list[tuple[str, str, bytes]], bytes, bool, list[Any]]:
    bench = Bench()
    bench.feed(*pieces)
    answer = bench.bytes.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")
    return bench.asked, answer, bench.closed, bench.notes("malformed")


@pytest.mark.parametrize("data", STREAMS)
def test_answers_do_not_depend_on_the_cuts(data: bytes) -> None:
    whole = told([data])
    assert told([data[at : at + 1] for at in range(len(data))]) == whole
    for at in range(len(data)):
        assert told([data[:at], data[at:]]) == whole
    for first in range(0, len(data), 7):
        for second in range(first, len(data), 11):
            assert told([data[:first], data[first:second], data[second:]]) == whole


# -- core


def test_pipelined_requests_are_answered_in_order_and_once() -> None:
    bench = Bench()
    bench.feed(b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(500)))
    assert [target for _, target, _ in bench.asked] == [f"/{number}" for number in range(500)]
    assert statuses(bench) == [200] * 500


def test_every_answer_has_the_date_of_its_second() -> None:
    bench = Bench()
    bench.feed(GET)
    bench.now += 0.9
    bench.feed(GET)
    bench.now += 0.2
    bench.feed(GET)
    dates = [fields["date"] for _, fields, _ in responses(bench.bytes)]
    assert dates == ["Sun, 06 Nov 1994 08:49:37 GMT"] * 2 + ["Sun, 06 Nov 1994 08:49:38 GMT"]
    assert date(0) == b"Thu, 01 Jan 1970 00:00:00 GMT"


def test_nothing_is_executed_behind_connection_close() -> None:
    bench = Bench()
    bench.feed(b"GET /1 HTTP/1.1\r\nHost: x\r\nConnection: Close\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n", GET)
    assert [target for _, target, _ in bench.asked] == ["/1"]
    assert responses(bench.bytes)[0][1]["connection"] == "close"
    assert bench.closed


@pytest.mark.parametrize(
    ("head", "stays"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: foo, CLOSE\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\nHost: x\r\nConnection: Keep-Alive\r\n\r\n", True),
        (b"GET / HTTP/1.2\r\nHost: x\r\n\r\n", True),
    ],
)
def test_who_keeps_the_connection(head: bytes, stays: bool) -> None:
    bench = Bench()
    bench.feed(head)
    assert bench.closed is not stays
    fields = responses(bench.bytes)[0][1]
    if b"HTTP/1.0" in head:
        assert fields["connection"] == ("keep-alive" if stays else "close")


def test_head_is_get_without_the_content() -> None:
    route = Route("GET", "/", lambda request: Response("twelve bytes"))
    bench = Bench(route)
    bench.feed(GET, GET.replace(b"GET", b"HEAD"))
    (_, got, content), (status, headed, nothing) = responses(bench.bytes, ["GET", "HEAD"])
    assert (status, content, nothing) == (200, b"twelve bytes", b"")
    assert headed == got
    assert bench.bytes.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("status", [204, 304])
def test_answers_that_never_have_content(status: int) -> None:
    bench = Bench(Route("GET", "/", lambda request: Response("ignored", status)))
    bench.feed(GET, GET)
    assert [(found, content) for found, _, content in responses(bench.bytes)] == [(status, b"")] * 2
    assert b"Content-Length" not in bench.bytes


def test_interim_100_is_sent_only_where_it_is_wanted() -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-Continue\r\n\r\n"
    bench = Bench()
    assert said(bench.feed(head)) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert responses(said(bench.feed(b"hi")))[0][2] == b"<hi>"
    assert b"100 Continue" not in said(Bench().feed(head + b"h")), "the content is on its way already"
    old = Bench()
    old.feed(head.replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert old.bytes == b""
    nothing = Bench()
    nothing.feed(head.replace(b"Content-Length: 2\r\n", b""))
    assert b"100 Continue" not in nothing.bytes


def test_nobody_is_asked_to_send_content_that_is_refused() -> None:
    bench = Bench(Route("GET", "/", lambda request: Response("x")))
    bench.feed(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
    assert statuses(bench) == [405]
    assert b"100 Continue" not in bench.bytes
    assert bench.closed


def test_content_of_a_get_is_consumed_and_not_executed() -> None:
    bench = Bench()
    bench.feed(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(GET) + GET + GET)
    assert bench.asked == [("GET", "/", GET), ("GET", "/", b"")]


def test_the_half_closed_is_answered_and_then_hung_up_on() -> None:
    bench = Bench()
    bench.feed(GET + GET)
    assert not bench.closed
    assert [type(action) for action in bench.end()] == [Close]
    assert statuses(bench) == [200, 200]


@pytest.mark.parametrize(
    "unfinished", [b"GET / HTTP", GET[:-2], b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nab"]
)
def test_half_a_request_before_the_end_is_an_error(unfinished: bytes) -> None:
    bench = Bench()
    bench.feed(GET, unfinished)
    bench.end()
    assert statuses(bench) == [200, 400]
    assert bench.asked == [("GET", "/", b"")]
    assert bench.closed


def test_a_connection_carries_so_many_requests() -> None:
    bench = Bench(limits=Limits(requests=3))
    bench.feed(GET * 5)
    found = responses(bench.bytes)
    assert [fields.get("connection") for _, fields, _ in found] == [None, None, "close"]


def post(content: bytes, length: int | None = None, more: bytes = b"") -> bytes:
    size = len(content) if length is None else length
    return b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%b\r\n%b" % (size, more, content)


@pytest.mark.parametrize(
    "second",
    [
        [post(b"two")],
        [post(b"two")[:-1], b"o"],
        [post(b"", 3), b"two"],
        [post(b"", 3)[:-1], b"\ntwo"],
        [post(b"two") + GET],
        [post(b"two") + post(b"one")],
        [post(b"two") + post(b"one")[:-2]],
        [post(b"\r\n\r")],
        [post(b"", 0)],
        [post(b"two", more=b"Expect: 100-continue\r\n")],
        [post(b"3\r\ntwo\r\n0\r\n\r\n").replace(b"Content-Length: 13", b"Transfer-Encoding: chunked")],
        [b"\r\n" + post(b"two")],
        [post(b"two")[:1], post(b"two")[1:]],
    ],
)
def test_content_behind_a_head_that_came_before_is_read_as_at_first(second: list[bytes]) -> None:
    fresh = Bench()
    fresh.feed(*second)
    known = Bench()
    known.feed(post(b"one"), post(b""), post(b"one"), GET)
    assert known.site.plans
    asked, acted = len(known.asked), len(known.actions)
    known.feed(*second)
    assert known.asked[asked:] == fresh.asked
    assert said(known.actions[acted:]) == fresh.bytes


def test_content_behind_a_known_head_counts_as_any() -> None:
    bench = Bench(Route("POST", "/", lambda request: Response(request.content), body=4), limits=Limits(requests=3))
    bench.feed(post(b"four"), post(b"four"), post(b"four"), post(b"four"))
    found = responses(bench.bytes)
    assert [(status, fields.get("connection"), content) for status, fields, content in found] == [
        (200, None, b"four"),
        (200, None, b"four"),
        (200, "close", b"four"),
    ]
    for _ in range(2):  # the next connection knows the heads of this one
        http = Http(bench.site)
        http.opened(NOW)
        http.feed(post(b"four"), NOW)
        assert [status for status, _, _ in responses(said(http.feed(post(b"five!"), NOW)))] == [413]


# -- request-targets and Host (RFC 9112, 3.2)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"GET http://Example.com:8080/a?b HTTP/1.1\r\nHost: other\r\n", ("/a?b", "/a", "example.com:8080")),
        (b"GET HTTPS://x HTTP/1.1\r\nHost: x\r\n", ("/", "/", "x")),
        (b"GET http://x?q HTTP/1.1\r\nHost: x\r\n", ("/?q", "/", "x")),
        (b"GET /a//b/../c HTTP/1.1\r\nHost: [::1]:80\r\n", ("/a//b/../c", "/a//b/../c", "[::1]:80")),
        (b"GET /%D0%BF HTTP/1.1\r\nHost:\r\n", ("/%D0%BF", "/%D0%BF", "")),
        (b"GET / HTTP/1.0\r\n", ("/", "/", "")),
    ],
)
def test_targets_are_read(head: bytes, expected: tuple[str, str, str]) -> None:
    seen = []

    def note(request: Request) -> Response:
        seen.append((request.target, request.path, request.host))
        return Response("")

    bench = Bench(Route("GET", "/{path...}", note))
    bench.feed(head + b"\r\n")
    assert seen == [expected]


def test_options_of_everything_and_of_one() -> None:
    bench = Bench(Route("GET", "/a", lambda request: Response("x")), Route("POST", "/a", lambda request: Response("y")))
    bench.feed(b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\nOPTIONS /a HTTP/1.1\r\nHost: x\r\n\r\n")
    (first, anything, _), (second, one, _) = responses(bench.bytes)
    assert (first, second) == (204, 204)
    assert "DELETE" in anything["allow"]
    assert one["allow"] == "GET, HEAD, POST, OPTIONS"


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /nowhere HTTP/1.1", 404),
        (b"DELETE /a HTTP/1.1", 405),
        (b"TRACE /a HTTP/1.1", 405),
        (b"CONNECT x:443 HTTP/1.1", 405),
        (b"FROB /a HTTP/1.1", 501),
        (b"get /a HTTP/1.1", 501),
    ],
)
def test_where_no_route_is(request_line: bytes, status: int) -> None:
    bench = Bench(Route("GET", "/a", lambda request: Response("x")))
    bench.feed(request_line + b"\r\nHost: x\r\n\r\n" + GET.replace(b"/ ", b"/a "))
    found = responses(bench.bytes)
    assert [each[0] for each in found] == [status, 200], "and the connection lives on"
    assert ("allow" in found[0][1]) == (status == 405)


# -- malformed input, by section

MALFORMED = [
    ("RFC 9112, 2.2", 400, b"GET / HTTP/1.1\nHost: x\n\n"),
    ("RFC 9112, 2.2", 400, b"GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n"),
    ("RFC 9110, 5.5", 400, b"GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n"),
    ("RFC 9112, 2.2", 400, b"\r\n" * 9 + GET),
    ("RFC 9112, 2.3", 400, b"GET / http/1.1\r\nHost: x\r\n\r\n"),
    ("RFC 9112, 3", 400, b"GET / HTTP/1.1 \r\nHost: x\r\n\r\n"),
    ("RFC 9112, 3", 400, b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("RFC 9112, 3", 400, b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("RFC 9112, 3", 400, b" GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("RFC 9112, 3", 400, b"GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("RFC 9112, 3", 400, b"GET /\r\n\r\n"),
    ("RFC 9112, 3", 400, b"GET / HTTP/1.10\r\nHost: x\r\n\r\n"),
    ("RFC 9112, 3", 400, b"GET / HTTP/1\r\nHost: x\r\n\r\n"),
    ("RFC 9112, 3", 400, b"G@T / HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("RFC 9112, 3", 400, b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("RFC 9112, 3", 400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    ("RFC 9112, 3", 400, "Привет\r\n\r\n".encode()),
    ("RFC 9110, 15.6.6", 505, b"GET / HTTP/2.0\r\nHost: x\r\n\r\n"),
    ("RFC 9110, 15.6.6", 505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("RFC 9112, 3.2", 400, b"GET / HTTP/1.1\r\n\r\n"),
    ("RFC 9112, 3.2", 400, b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n"),
    ("RFC 9112, 3.2", 400, b"GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n"),
    ("RFC 9112, 3.2", 400, b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    ("RFC 9112, 3.2", 400, b"GET / HTTP/1.1\r\nHost: x/y\r\n\r\n"),
    ("RFC 9112, 3.2", 400, b"GET / HTTP/1.1\r\nHost: u@x\r\n\r\n"),
    ("RFC 9112, 3.2", 400, b"GET / HTTP/1.1\r\nHost: x, y:80:90\r\n\r\n"),
    ("RFC 9112, 3.2", 400, b"GET path HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("RFC 9112, 3.2", 400, b"GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("RFC 9112, 3.2", 400, b"GET http://u:p@x/ HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("RFC 9112, 3.2", 400, b"GET http:/// HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("RFC 9112, 3.2.1", 400, b"GET /#frag HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("RFC 9112, 3.2.3", 400, b"CONNECT / HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("RFC 9112, 3.2.4", 400, b"GET * HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("RFC 3986, 2.1", 400, b"GET /%0 HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("RFC 3986, 2.1", 400, b"GET /a%00b HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("RFC 9112, 5.1", 400, b"GET / HTTP/1.1\r\nHost : x\r\n\r\n"),
    ("RFC 9112, 5.1", 400, b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
    ("RFC 9112, 5.1", 400, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length\t: 5\r\n\r\nhello"),
    ("RFC 9110, 5.1", 400, b"GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n"),
    ("RFC 9110, 5.1", 400, b"GET / HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n"),
    ("RFC 9110, 5.1", 400, b"GET / HTTP/1.1\r\nHost: x\r\nA\x00: b\r\n\r\n"),
    ("RFC 9110, 5.1", 400, "GET / HTTP/1.1\r\nHost: x\r\nИмя: b\r\n\r\n".encode()),
    ("RFC 9112, 5", 400, b"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n"),
    ("RFC 9112, 5.2", 400, b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n"),
    ("RFC 9112, 5.2", 400, b"GET / HTTP/1.1\r\n Host: x\r\n\r\n"),
    ("RFC 9112, 5.2", 400, b"POST / HTTP/1.1\r\nHost: x\r\nA: b\r\n\tTransfer-Encoding: chunked\r\n\r\n"),
    ("RFC 9110, 5.5", 400, b"GET / HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n"),
    ("RFC 9110, 5.5", 400, b"GET / HTTP/1.1\r\nHost: x\r\nA: \x1b[31m\r\n\r\n"),
    ("RFC 9110, 10.1.1", 417, b"GET / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n"),
    ("RFC 9112, 6.3", 400, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello"),
    ("RFC 9112, 6.3", 400, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\nhello"),
    ("RFC 9112, 6.3", 400, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\nhello"),
    ("RFC 9112, 6.3", 400, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5,6\r\n\r\nhello"),
    ("RFC 9112, 6.3", 400, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\nhello"),
    ("RFC 9112, 6.3", 400, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5 5\r\n\r\nhello"),
    ("RFC 9112, 6.3", 400, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1_0\r\n\r\nhello"),
    ("RFC 9112, 6.3", 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ٥\r\n\r\nhello".encode()),
    ("RFC 9112, 6.3", 400, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n"),
    ("RFC 9112, 6.3", 400, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999999999999\r\n\r\n"),
    ("RFC 9112, 6.3", 400, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
    ("RFC 9112, 6.1", 400, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ("RFC 9112, 6.1", 400, b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("RFC 9112, 6.1", 501, b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: frob\r\n\r\n"),
    ("RFC 9112, 6.1", 501, b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
    ("RFC 9112, 6.1", 501, b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n"),
    ("RFC 9112, 6.3", 400, b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n"),
    ("RFC 9112, 6.3", 400, b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n\r\n"),
    ("RFC 9112, 6.3", 400, b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n"),
    ("RFC 9112, 6.3", 400, b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n"),
    (
        "RFC 9112, 6.3",
        400,
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    ("RFC 9110, 15.5.14", 413, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n"),
    ("RFC 9112, 3", 414, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("RFC 9112, 3", 414, b"GET /" + b"a" * 100_000),
    ("RFC 6585, 5", 431, b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 100 + b"\r\n"),
    ("RFC 6585, 5", 431, b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 40_000 + b"\r\n\r\n"),
    ("RFC 6585, 5", 431, b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 100_000),
]
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
MALFORMED += [
    ("RFC 9112, 7.1", 400, CHUNKED + bad)
    for bad in [
        b"z\r\nabc\r\n",
        b"\r\nabc\r\n",
        b"-3\r\nabc\r\n",
        b"+3\r\nabc\r\n",
        b"0x3\r\nabc\r\n",
        b" 3\r\nabc\r\n",
        b"3 \r\nabc\r\n",
        b"3\nabc\n0\n\n",
        b"3;x\nabc\r\n",
        b"3\r\nabcd\r\n",
        b"3\r\nabc\n0\r\n\r\n",
        b"3\r\nabc0\r\n\r\n",
        b"3;\x00\r\nabc\r\n",
        b"10000000000000000\r\nabc",
        b"3;" + b"x" * 300 + b"\r\nabc\r\n",
        b"3;" + b"x" * 3000,
        b"0\r\nA: b\n\r\n",
        b"0\r\n\n",
        b"\xd9\xa3\r\nabc\r\n",
    ]
]
MALFORMED += [
    ("RFC 9112, 5.1", 400, CHUNKED + b"0\r\nA : b\r\n\r\n"),
    ("RFC 9112, 5.2", 400, CHUNKED + b"0\r\nA: b\r\n c\r\n\r\n"),
    ("RFC 9112, 7.1", 431, CHUNKED + b"0\r\nA: " + b"b" * 9000 + b"\r\n\r\n"),
    ("RFC 9112, 7.1", 431, CHUNKED + b"0\r\n" + b"A: b\r\n" * 33 + b"\r\n"),
    ("RFC 9110, 15.5.14", 413, CHUNKED + b"fffffffffffffff\r\nabc"),
    ("RFC 9110, 15.5.14", 413, CHUNKED + b"200000\r\n" + b"x" * 0x200000 + b"\r\n0\r\n\r\n"),
]


@pytest.mark.parametrize(("section", "status", "data"), MALFORMED)
@pytest.mark.parametrize("before", [b"", GET])
def test_what_is_malformed_is_refused_and_ends_the_connection(
    section: str, status: int, data: bytes, before: bytes
) -> None:
    bench = Bench()
    bench.feed(before + data, GET)
    good = [200] if before else []
    assert statuses(bench) == [*good, status]
    assert len(bench.asked) == len(good), "nothing of it is executed"
    assert bench.closed
    assert responses(bench.bytes)[-1][1]["connection"] == "close"
    (note,) = [*bench.notes("malformed"), *bench.notes("limit")]
    assert note["rule"] == section
    assert note["status"] == status
    assert len(before) <= note["offset"] <= len(before) + len(data) + len(GET)


@pytest.mark.parametrize(("section", "status", "data"), [each for each in MALFORMED if len(each[2]) < 400])
def test_the_same_byte_by_byte(section: str, status: int, data: bytes) -> None:
    bench = Bench()
    bench.feed(*(data[at : at + 1] for at in range(len(data))))
    assert statuses(bench) == [status]
    assert bench.asked == []
    (note,) = [*bench.notes("malformed"), *bench.notes("limit")]
    assert note["rule"] == section


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\n", b"\x16\x03\x01", b"GET / HTTP/1.1\r\nHost : x\r\n", b"hello\r\n", b"GET /\x01"]
)
def test_what_can_be_told_early_is_told_at_once(data: bytes) -> None:
    bench = Bench()
    bench.feed(data)
    assert statuses(bench) == [400]


@pytest.mark.parametrize("length", [8000, 8192 - len("GET / HTTP/1.1")])
def test_a_long_request_line_is_taken(length: int) -> None:
    bench = Bench()
    bench.feed(b"GET /" + b"a" * length + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert statuses(bench) == [200]


def test_offsets_count_from_the_beginning_of_the_stream() -> None:
    bench = Bench()
    bench.feed(
        GET, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", b"GET / HTTP/1.1\r\nHo st: x\r\n\r\n"
    )
    everything = GET + b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" + b"GET / HTTP/1.1\r\n"
    assert bench.notes("malformed")[0]["offset"] == len(everything)


# -- time


def test_a_dripping_head_gets_ten_seconds_in_all() -> None:
    bench = Bench()
    for byte in GET[:9]:
        bench.feed(bytes([byte]))
        assert bench.after(1) == []
    assert responses(said(bench.after(1.1)))[0][0] == 408
    assert bench.closed
    assert bench.notes("limit")


def test_a_peer_that_says_nothing_is_hung_up_on_without_a_word() -> None:
    fresh = Bench()
    assert fresh.after(9.9) == []
    (closed,) = fresh.after(0.2)
    assert isinstance(closed, Close)
    assert closed.how == "time-out"
    kept = Bench()
    kept.feed(GET)
    assert kept.after(14.9) == []
    kept.feed(GET)
    assert kept.after(14.9) == []
    assert [type(action) for action in kept.after(0.2)] == [Close]


def test_content_must_come_with_500_bytes_a_second_after_five() -> None:
    bench = Bench()
    bench.feed(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
    assert bench.after(4.9) == []
    bench.feed(b"x" * 5000)  # ten seconds more
    assert bench.after(9.9) == []
    assert responses(said(bench.after(0.3)))[0][0] == 408
    assert bench.asked == []


def test_a_head_behind_a_slow_answer_has_its_own_ten_seconds() -> None:
    slow = service_of(service()(lambda: "done"), "slow")
    bench = Bench(Route("GET", "/", lambda request: Call(slow, Arguments(), Response)))
    bench.feed(GET[:5])
    bench.after(9)
    (invoke,) = bench.feed(GET[5:] + GET[:5])
    assert isinstance(invoke, Invoke)
    bench.after(60)
    assert bench.http.deadline is None
    bench.actions += bench.http.answered(invoke.ticket, ("done",), bench.now)
    assert bench.after(9) == []
    assert [type(action) for action in bench.feed(GET[5:])] == [Invoke]


# -- handlers that call services


@service(blocking=False)
def double(n: int) -> int:
    return 2 * n


@service()
def slow(n: int) -> int:
    return 3 * n


def calling(what: Callable[..., Any]) -> Route:
    called = service_of(what, "test")
    return Route(
        "GET",
        "/{n}",
        lambda request: Call(
            called,
            Arguments((request.captured["n"],), textual=True),
            lambda outcome: Response(str(outcome) if not isinstance(outcome, Refusal) else outcome.message, 200),
        ),
    )


def test_what_cannot_block_is_called_in_place() -> None:
    bench = Bench(calling(double))
    bench.feed(b"GET /4 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert responses(bench.bytes)[0][2] == b"8"


def test_what_may_block_is_waited_for_and_the_next_one_waits_behind() -> None:
    bench = Bench(calling(slow))
    came = bench.feed(b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\nGET /3 HT")
    (first,) = came
    assert isinstance(first, Invoke)
    assert bench.http.answered(first.ticket + 7, (0,), NOW) == (), "somebody else's ticket"
    *answer, second = bench.http.answered(first.ticket, (3,), NOW)
    assert responses(said(answer))[0][2] == b"3"
    assert isinstance(second, Invoke)
    assert second.batch[0].values == ("2",)
    assert bench.end() == []
    answer = list(bench.http.answered(second.ticket, (6,), NOW))
    found = responses(said(answer))
    assert next((status, content) for status, _, content in found) == (200, b"6")
    assert found[1][0] == 400, "the stream ended inside the third"
    assert isinstance(answer[-1], Close)


def test_the_answer_of_a_call_still_goes_to_who_has_half_closed() -> None:
    bench = Bench(calling(slow))
    (invoke,) = bench.feed(b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert isinstance(invoke, Invoke)
    assert bench.end() == []
    answer = bench.http.answered(invoke.ticket, (3,), NOW)
    assert responses(said(answer))[0][2] == b"3"
    assert isinstance(answer[-1], Close)


def test_who_sends_on_while_being_answered_is_slowed_down() -> None:
    bench = Bench(calling(slow))
    (invoke,) = bench.feed(b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert isinstance(invoke, Invoke)
    bench.feed(b"GET /" + b"a" * 1000)
    assert not bench.http.congested
    bench.feed(b"a" * BEHIND)
    assert bench.http.congested
    bench.actions += bench.http.answered(invoke.ticket, (3,), NOW)
    assert not bench.http.congested
    assert statuses(bench) == [200, 414]


def test_one_call_may_lead_to_another() -> None:
    add = service_of(double, "test")

    def twice(outcome: Any) -> Answer:
        return Call(add, Arguments((outcome,)), Response)

    bench = Bench(Route("GET", "/", lambda request: Call(add, Arguments((1,)), twice)))
    bench.feed(GET)
    assert responses(bench.bytes)[0][2] == b"4"


def test_a_handler_that_breaks_is_answered_for_and_the_connection_lives() -> None:
    def broken(request: Request) -> Response:
        raise RuntimeError("секрет")

    def refusing(request: Request) -> Response:
        raise ServiceError("no such thing", code=404)

    bench = Bench(Route("GET", "/", broken), Route("GET", "/r", refusing))
    bench.feed(GET, GET.replace(b"/ ", b"/r "), GET)
    found = responses(bench.bytes)
    assert [status for status, _, _ in found] == [500, 404, 500]
    assert found[1][2] == b"no such thing\n"
    assert "RuntimeError" in bench.notes("failed")[0]["trace"]
    assert b"Traceback" not in bench.bytes


# -- content that a file has, and much of it


def test_file_parts_go_out_between_bytes_in_order() -> None:
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(2)]
    parts = [b"--a", FilePart(opened[0], 10, 20), b"--b", FilePart(opened[1], 0, 5)]
    bench = Bench(Route("GET", "/", lambda request: Response(parts)))
    try:
        head, *rest = bench.feed(GET)
        assert b"Content-Length: 31\r\n" in head  # type: ignore[operator]
        assert rest == [b"--a", Send(opened[0], 10, 20), b"--b", Send(opened[1], 0, 5)]
        head, *rest = bench.feed(GET.replace(b"GET", b"HEAD"))
        assert b"Content-Length: 31\r\n" in head  # type: ignore[operator]
        assert rest == [Send(opened[0], 10, 0), Send(opened[1], 0, 0)], "somebody must close them"
    finally:
        for each in opened:
            os.close(each)


def test_large_answers_to_a_pipeline_are_made_as_they_are_taken() -> None:
    large = Response(b"x" * 100_000)
    bench = Bench(Route("GET", "/", lambda request: large))
    came = bench.feed(GET * 50)
    assert AHEAD <= len(said(came)) < AHEAD + 200_000
    assert bench.http.congested
    turns = 0
    while bench.http.congested and turns < 50:
        turns += 1
        assert bench.http.deadline is None
        bench.actions += bench.http.taken(NOW)
    assert statuses(bench) == [200] * 50
    assert turns > 10
    waiting = Bench(Route("GET", "/", lambda request: large))
    waiting.feed(GET * 50)
    waiting.end()
    waiting.feed(GET)  # was on its way when we stopped reading
    for _ in range(50):
        waiting.actions += waiting.http.taken(NOW)
    assert statuses(waiting) == [200] * 51
    assert waiting.closed


# -- streams


async def session(session: Session) -> None:
    """Stands for one; these tests say what it says."""


SESSION = service_of(session, "test")


def streaming(head: Response | None = None, *, early: bool = False) -> Bench:
    return Bench(Route("", "/", lambda request: Stream(SESSION, head, {"color": "red"}), early=early))


def _always(answer: Stream, request: Request) -> Stream:
    return answer


def test_who_hangs_up_on_an_endless_answer_has_left() -> None:
    for endless in (True, False):
        answer = Stream(SESSION, Response(b"first", type="text/event-stream"), endless=endless)
        bench = Bench(Route("", "/", partial(_always, answer)))
        bench.feed(GET)
        left = bench.end()
        assert [type(action) for action in left] == ([Close] if endless else [])
        assert bool(bench.http.said(b"more", NOW)) is not endless


def test_a_session_says_the_answer_in_chunks() -> None:
    bench = streaming(Response(b"first", type="text/event-stream"))
    came = bench.feed(GET + GET)
    begun = [action for action in came if isinstance(action, Begin)]
    assert len(begun) == 1
    assert begun[0].extra["color"] == "red"
    assert begun[0].extra["request"].target == "/"
    assert [action for action in came if isinstance(action, Tell)] == [Tell(b"")], "its content is over"
    bench.actions += bench.http.said(b"second", NOW)
    bench.actions += bench.http.said(b"", NOW)
    came = list(bench.http.session_ended(None, NOW))
    assert sum(isinstance(action, Begin) for action in came) == 1, "and now the next one"
    bench.actions += [*came, *bench.http.session_ended(None, NOW)]
    found = responses(bench.bytes)
    assert [content for _, _, content in found] == [b"firstsecond", b"first"]
    assert found[0][1]["content-type"] == "text/event-stream"
    assert found[0][1]["transfer-encoding"] == "chunked"
    assert not bench.closed


def test_to_http_1_0_a_stream_ends_with_the_connection() -> None:
    bench = streaming(Response(type="text/plain"))
    bench.feed(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    bench.actions += [*bench.http.said(b"abc", NOW), *bench.http.session_ended(None, NOW)]
    (found,) = responses(bench.bytes)
    assert found[1]["connection"] == "close"
    assert "transfer-encoding" not in found[1]
    assert found[2] == b"abc"
    assert bench.closed


def test_a_session_may_say_its_own_head() -> None:
    bench = streaming()
    bench.feed(GET)
    head = b"HTTP/1.1 404 Gone fishing\r\nX-A: b\r\nContent-Length: 5\r\nConnection: upgrade\r\nDate: never\r\n\r\n"
    bench.actions += bench.http.said(head + b"he", NOW)
    bench.actions += bench.http.said(b"llo and too much", NOW)
    bench.actions += bench.http.session_ended(None, NOW)
    (found,) = responses(bench.bytes)
    assert found[0] == 404
    assert found[1]["x-a"] == "b"
    assert found[1]["date"] == "Sun, 06 Nov 1994 08:49:37 GMT"
    assert "connection" not in found[1]
    assert found[2] == b"hello"
    assert not bench.closed


@pytest.mark.parametrize("words", [b"hello", b"HTTP/1.1 200 OK\r\nA b\r\n\r\n", b"HTTP/1.1 100 C\r\n\r\n"])
def test_a_session_that_says_no_head_is_answered_for(words: bytes) -> None:
    bench = streaming()
    bench.feed(GET)
    bench.actions += bench.http.said(words, NOW)
    assert statuses(bench) == [500]
    assert bench.closed


def test_a_session_that_fails_before_its_head_is_a_500_and_after_it_a_broken_stream() -> None:
    early = streaming()
    early.feed(GET)
    early.actions += early.http.session_ended(Refusal("it broke", 500), NOW)
    assert responses(early.bytes)[0][::2] == (500, b"it broke\n")
    silent = streaming()
    silent.feed(GET)
    silent.actions += silent.http.session_ended(None, NOW)
    assert statuses(silent) == [500]
    late = streaming(Response(b"abc"))
    late.feed(GET)
    (closed,) = late.http.session_ended(Refusal("it broke", 500), NOW)
    assert isinstance(closed, Close)
    assert not closed.reset
    assert closed.how == "error"
    assert not late.bytes.endswith(b"0\r\n\r\n"), "nobody may take it for whole"
    old = streaming(Response(b"abc"))
    old.feed(b"GET / HTTP/1.0\r\n\r\n")
    (closed,) = old.http.session_ended(Refusal("it broke", 500), NOW)
    assert isinstance(closed, Close)
    assert closed.reset, "a FIN would say that this was all"
    short = streaming()
    short.feed(GET)
    short.http.said(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", NOW)
    (closed,) = short.http.session_ended(None, NOW)
    assert isinstance(closed, Close)
    assert closed.how == "error"


def test_a_head_request_for_a_stream_begins_nothing() -> None:
    bench = streaming(Response(b"abc", type="text/plain"))
    came = bench.feed(GET.replace(b"GET", b"HEAD") + GET.replace(b"GET", b"HEAD"))
    assert not any(isinstance(action, Begin) for action in came)
    assert [status for status, _, _ in responses(bench.bytes, ["HEAD", "HEAD"])] == [200, 200]


@pytest.mark.parametrize("chunked", [True, False])
def test_an_early_session_receives_the_content_as_it_comes(chunked: bool) -> None:
    bench = streaming(Response(b""), early=True)
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: 6"
    came = bench.feed(b"POST / HTTP/1.1\r\nHost: x\r\n" + framing + b"\r\nExpect: 100-continue\r\n\r\n")
    assert bench.bytes.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    (begun,) = [action for action in came if isinstance(action, Begin)]
    request = begun.extra["request"]
    assert not request.whole
    pieces = [b"3\r\nab", b"c\r\n3\r\nde", b"f\r\n0\r\n\r\n"] if chunked else [b"abc", b"de", b"f"]
    told = [action for piece in pieces for action in bench.feed(piece) if isinstance(action, Tell)]
    assert b"".join(action.data for action in told) == b"abcdef"
    assert told[-1] == Tell(b"")
    assert request.whole
    assert bench.http.deadline is None
    bench.actions += bench.http.session_ended(None, NOW)
    assert not bench.closed
    assert any(isinstance(action, Begin) for action in bench.feed(GET))


def test_a_stream_whose_content_was_not_taken_ends_the_connection() -> None:
    bench = streaming(Response(b"enough"), early=True)
    bench.feed(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 600\r\n\r\nabc")
    came = bench.http.session_ended(None, NOW)
    assert came[0] == b"0\r\n\r\n"
    assert isinstance(came[-1], Close)


def test_content_that_breaks_off_never_looks_whole_to_an_early_session() -> None:
    bench = streaming(Response(b"x"), early=True)
    (begun,) = [
        action
        for action in bench.feed(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 600\r\n\r\nabc")
        if isinstance(action, Begin)
    ]
    came = bench.end()
    assert not any(isinstance(action, Tell) for action in came)
    assert isinstance(came[-1], Close)
    assert not begun.extra["request"].whole


def test_an_early_refusal_does_not_wait_for_the_content() -> None:
    bench = Bench(Route("PUT", "/", lambda request: Response("no", 401), early=True))
    bench.feed(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 600\r\nExpect: 100-continue\r\n\r\n")
    assert statuses(bench) == [401]
    assert b"100 Continue" not in bench.bytes
    assert bench.closed


def test_content_that_came_while_an_early_handler_asked_goes_to_its_session_alone() -> None:
    """A handler may first ask a service (whether this one may upload, say), and then begin a session or refuse."""
    asked = service_of(slow, "test")

    def handle(request: Request) -> Answer:
        return Call(asked, Arguments((1,)), lambda may: Stream(SESSION, Response("")) if may else Response("no", 401))

    bench = Bench(Route("", "/", handle, early=True))
    post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"
    (invoke,) = bench.feed(post + b"abc")
    assert isinstance(invoke, Invoke)
    bench.actions += bench.http.answered(invoke.ticket, (False,), NOW)
    assert statuses(bench) == [401]
    assert not bench.closed, "all of it had come"
    (invoke,) = bench.feed(post + b"d")
    assert isinstance(invoke, Invoke)
    bench.feed(b"e")
    came = list(bench.http.answered(invoke.ticket, (True,), NOW))
    came += bench.feed(b"f")
    assert [action for action in came if isinstance(action, Tell)] == [Tell(b"d"), Tell(b"e"), Tell(b"f"), Tell(b"")]
    refused = Bench(Route("", "/", handle, early=True))
    (invoke,) = refused.feed(post + b"a")
    assert isinstance(invoke, Invoke)
    refused.actions += refused.http.answered(invoke.ticket, (False,), NOW)
    assert refused.closed, "what is still to come cannot be told from a request"


def test_a_route_has_its_own_limit_of_content() -> None:
    bench = Bench(Route("PUT", "/", lambda request: Response(len(request.content)), body=2_000_000))
    bench.feed(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n", b"x" * 2_000_000)
    bench.feed(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000001\r\n\r\n")
    assert statuses(bench) == [200, 413]


def test_the_reference_names_every_limit_with_its_default() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "http.md").read_text("utf-8")
    rows = "\n".join(line for line in page.partition("## Limits")[2].splitlines() if line.startswith("| `"))
    for field in fields(Limits):
        assert f"`{field.name}`" in rows
        default = getattr(Limits(), field.name)
        shown = {32768: "32 KiB", 1048576: "1 MiB"}.get(default, f"{default:g}")
        assert re.search(rf"\b{shown}\b", rows), f"{field.name}: {shown}"


# -- shutting down


def test_shutting_down_waits_for_the_answer_that_is_owed_and_for_nothing_else() -> None:
    idle = Bench()
    idle.feed(GET, GET[:5])
    assert [type(action) for action in idle.http.stopping(NOW)] == [Close]
    busy = Bench(calling(slow))
    (invoke,) = busy.feed(b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\n" + GET)
    assert isinstance(invoke, Invoke)
    assert busy.http.stopping(NOW) == ()
    answer = busy.http.answered(invoke.ticket, (3,), NOW)
    assert responses(said(answer))[0][1]["connection"] == "close"
    assert isinstance(answer[-1], Close)
