from __future__ import annotations

import itertools
from collections.abc import Sequence

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sockwright.errors import PeerError
from sockwright.wire.http1 import End, ResponseHead, ResponseReader, read_response_head

Seen = tuple[list[tuple[int, str]], bytes, str, bytes]


def seen(pieces: Sequence[bytes], method: str = "GET", *, ends: bool = False) -> Seen:
    """Return the heads, the content, how its end was known and what came behind, of a stream that comes in `pieces`."""
    reader = ResponseReader(method)
    heads, content, known_by = [], b"", ""
    parts = [part for piece in pieces for part in reader.feed(piece)]
    if ends:
        parts += reader.end_of_stream()
    for part in parts:
        match part:
            case ResponseHead():
                heads.append((part.status, part.reason))
            case End():
                known_by = part.known_by
            case _:
                content += part
    return heads, content, known_by, reader.rest


EXAMPLES: list[tuple[str, bytes, Seen]] = [
    ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", ([(200, "OK")], b"hello", "length", b"")),
    ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", ([(204, "No Content")], b"", "none", b"")),
    ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", ([(200, "OK")], b"", "none", b"")),
    ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", ([(304, "Not Modified")], b"", "none", b"")),
    ("GET", b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", ([(200, "OK")], b"", "none", b"")),
    (
        "GET",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\nA\r\n, world!!!\r\n0\r\nX: y\r\n\r\n",
        ([(200, "OK")], b"hello, world!!!", "chunks", b""),
    ),
    (
        "GET",
        (
            b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
            b"HTTP/1.1 404 \r\nContent-Length: 1\r\n\r\nx"
        ),
        ([(103, "Early Hints"), (100, "Continue"), (404, "")], b"x", "length", b""),
    ),
]


@pytest.mark.parametrize(("method", "data", "expected"), EXAMPLES)
@pytest.mark.parametrize("behind", [b"", b"HTTP/1.1 200 OK\r\n"])
def test_a_response_does_not_depend_on_the_cuts(method: str, data: bytes, expected: Seen, behind: bytes) -> None:
    whole = data + behind
    expected = (*expected[:3], behind)
    assert seen([whole], method) == expected
    assert seen([whole[at : at + 1] for at in range(len(whole))], method) == expected
    for at in range(len(whole)):
        assert seen([whole[:at], b"", whole[at:]], method) == expected


def test_content_without_a_length_goes_on_until_the_end() -> None:
    head = b"HTTP/1.0 200 OK\r\n\r\n"
    assert seen([head, b"a", b"b"], ends=True) == ([(200, "OK")], b"ab", "close", b"")
    assert seen([head], ends=True) == ([(200, "OK")], b"", "close", b"")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "before any response"),
        (b"HTTP/1.1 200 OK\r\nA: b", "inside the head"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "3 of 9 bytes"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "before the last chunk"),
    ],
)
def test_a_stream_that_ends_early_is_not_success(data: bytes, words: str) -> None:
    reader = ResponseReader()
    reader.feed(data)
    with pytest.raises(PeerError, match=words):
        reader.end_of_stream()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"220 mail.example ESMTP\r\n", "not the start of an HTTP response"),
        (b"HTTP/1.1 20 OK\r\n\r\n", "not the start"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "not the start"),
        (b"\x15\x03\x01\x00\x02\x02\x16", "looks like TLS"),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "no colon"),
        (b"HTTP/1.1 200 OK\r\nA: b\x00c\r\n\r\n", "control byte 0x00"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", "Content-Length is"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "Content-Length is"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "not the size of a chunk"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 101 + b"\r\n", "more than 100 fields"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"b" * 40_000, "head is longer"),
        (b"HTTP/1.1 100 C\r\n\r\n" * 11, "more than 10 interim"),
    ],
)
def test_what_no_client_can_make_sense_of(data: bytes, words: str) -> None:
    with pytest.raises(PeerError, match=words):
        ResponseReader().feed(data)
    reader = ResponseReader()
    with pytest.raises(PeerError, match=words):  # noqa: PT012 - which byte tells it is not the point
        for at in range(len(data)):
            reader.feed(data[at : at + 1])


def test_small_sins_are_forgiven_and_named() -> None:
    head = read_response_head(b"HTTP/1.1 200\nA : b\r\n\tc\nB: d\r\n\r\n")
    assert list(head.fields) == [("A", "b c"), ("B", "d")]
    assert len(head.defects) == 4
    assert all("RFC 9112" in defect for defect in head.defects)
    assert read_response_head(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n").defects == ()


def test_the_same_length_said_twice_counts_once() -> None:
    assert seen([b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\nContent-Length: 2\r\n\r\nab"])[1:3] == (b"ab", "length")


@pytest.mark.parametrize(
    ("data", "keeps"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: Close\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\n\r\n", False),
    ],
)
def test_whether_the_connection_may_carry_another_request(data: bytes, keeps: bool) -> None:
    reader = ResponseReader()
    reader.feed(data)
    assert reader.keeps_alive is keeps


def h11_seen(data: bytes) -> tuple[int, bytes] | None:
    """Return status and content as h11 reads them, None where it refuses."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    connection.receive_data(b"")
    status, content = 0, b""
    try:
        while True:
            event = connection.next_event()
            match event:
                case h11.Response():
                    status = event.status_code
                case h11.Data():
                    content += bytes(event.data)
                case h11.EndOfMessage():
                    return status, content
                case h11.NEED_DATA | h11.PAUSED:
                    return None
    except h11.RemoteProtocolError:
        return None


PIECES = [
    b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 404 No\r\n", b"HTTP/1.1 100 C\r\n\r\n", b"HTTP/1.1 204 N\r\n",
    b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"A: b\r\n", b"A:\r\n", b"\r\n",
    b"abc", b"3\r\nabc\r\n", b"0\r\n\r\n", b"0\r\nT: v\r\n\r\n", b"\n", b" ", b"\x00", b"3;x\r\nabc\r\n",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=8), st.lists(st.integers(0, 200), max_size=4))
def test_h11_agrees(pieces: list[bytes], cuts: list[int]) -> None:
    data = b"".join([b"HTTP/1.1 200 OK\r\n", *pieces])
    edges = [0, *sorted(at % (len(data) + 1) for at in cuts), len(data)]
    try:
        heads, content, known_by, _ = seen([data[a:b] for a, b in itertools.pairwise(edges)], ends=True)
        ours = (heads[-1][0], content) if known_by else None
    except PeerError:
        ours = None
    theirs = h11_seen(data)
    if theirs is not None and ours is not None:
        assert ours == theirs
    elif theirs is not None:
        assert b"\x00" in data or b"Content-Length" in data, "h11 reads it, so should we"
