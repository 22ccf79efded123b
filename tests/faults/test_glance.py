"""What is let past at a glance is what would have passed: a row that is asked first does what one does that is not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sockwright.faults.fault import FIRED, PASS
from sockwright.faults.plan import Plan, Row, setting

UP, DOWN = 0, 1
Talk = list[tuple[int, bytes]]

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /form HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na=1"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
BARE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
GONE = b"HTTP/1.1 204 No Content\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

EXCHANGES: list[Talk] = [
    [(UP, GET), (DOWN, OK)],
    [(UP, GET), (DOWN, CHUNKED)],
    [(UP, HEAD), (DOWN, BARE)],
    [(UP, POST), (DOWN, GONE)],
    [(UP, POST), (DOWN, CONTINUE), (DOWN, OK)],
    [(UP, GET), (UP, HEAD), (UP, GET), (DOWN, OK), (DOWN, BARE), (DOWN, OK)],
]
MAILS: list[Talk] = [
    [(UP, b"MAIL FROM:<a@x>\r\n"), (DOWN, b"250 ok\r\n"), (UP, b"RCPT TO:<b@y>\r\n"), (DOWN, b"250 ok\r\n")],
    [
        (UP, b"DATA\r\n"),
        (DOWN, b"354 go\r\n"),
        (UP, b"a line.\r\n..\r\nRCPT TO:<c@z>\r\n.\r\n"),
        (DOWN, b"250 kept\r\n"),
    ],
    [(UP, b"DATA\r\n"), (DOWN, b"554 no\r\n")],
    [(UP, b"EHLO x\r\n"), (DOWN, b"250-mail\r\n250 SIZE\r\n")],
    [(UP, b"RSET\r\nNOOP\r\nMAIL FROM:<a@x>\r\n"), (DOWN, b"250 ok\r\n250 ok\r\n250 ok\r\n")],
    [(UP, b"AUTH PLAIN AGEAYg==\r\n"), (DOWN, b"235 in\r\n")],
]


def cut(talk: Talk, places: list[int]) -> Iterator[tuple[int, bytes]]:
    """Yield the pieces of a talk: whole ones where `places` says 0, else cut after so many bytes again and again."""
    for number, (way, data) in enumerate(talk):
        size = places[number % len(places)] or len(data)
        for at in range(0, len(data), size):
            yield way, data[at : at + size]


def played(text: str, pieces: list[tuple[int, bytes]], *, glancing: bool) -> tuple[list[bytes], list[str], int]:
    """Return what came out each way, what fired, and how many pieces went past at a glance."""
    rows = [row or Row([]) for row in Plan([setting(text)], 7).rows(3)]
    out, fired, past = [b"", b""], [], 0
    for way, data in pieces:
        row = rows[way]
        if glancing and row.glance is not None and row.glance(data):
            out[way] += data
            past += 1
            continue
        for what, given_, _ in row.feed(data, 1.0):
            if what == PASS:
                out[way] += given_
            elif what == FIRED:
                fired.append(given_[1])
    return out, fired, past


@pytest.mark.parametrize(
    "text", ["status=503:30%", "length=+1:30%", "bad-chunk=30%", "fail-first=3", "status=503:0.01%"]
)
@settings(max_examples=60)
@given(st.lists(st.sampled_from(EXCHANGES), max_size=8), st.lists(st.sampled_from([0, 0, 0, 1, 5, 30]), min_size=1))
def test_http(text: str, talks: list[Talk], places: list[int]) -> None:
    pieces = list(cut([piece for talk in talks for piece in talk], places))
    assert played(text, pieces, glancing=True)[:2] == played(text, pieces, glancing=False)[:2]


@pytest.mark.parametrize(
    "text",
    ["reject=rcpt:550:30%", "reject=message:554:30%", "reject=data", "greylist", "drop-at=QUIT", "reject=mail:451:50%"],
)
@settings(max_examples=60)
@given(st.lists(st.sampled_from(MAILS), max_size=8), st.lists(st.sampled_from([0, 0, 0, 1, 3, 20]), min_size=1))
def test_smtp(text: str, talks: list[Talk], places: list[int]) -> None:
    talk = [(DOWN, b"220 mail ready\r\n"), *(piece for talk in talks for piece in talk)]
    pieces = list(cut(talk, places))
    assert played(text, pieces, glancing=True)[:2] == played(text, pieces, glancing=False)[:2]


def test_what_is_said_piece_by_piece_goes_past() -> None:
    for text, talks, most in (("status=503:0.0001%", EXCHANGES[:1], 0), ("reject=rcpt:550:0.0001%", MAILS[:2], 1)):
        pieces = [(DOWN, b"220 mail\r\n")] * most + [piece for talk in talks for piece in talk] * 5
        assert len(pieces) - played(text, pieces, glancing=True)[2] <= most


def test_a_line_that_ends_with_a_dot_ends_no_mail_wherever_it_is_cut() -> None:
    content = b"One sentence.\r\nRCPT TO:<c@z>\r\n.\r\n"
    for at in range(1, len(content)):
        pieces = [
            *((DOWN, b"220 mail\r\n"), (UP, b"DATA\r\n"), (DOWN, b"354 go\r\n")),
            *((UP, content[:at]), (UP, content[at:])),
        ]
        for glancing in (True, False):
            out, fired, _ = played("reject=rcpt", pieces, glancing=glancing)
            assert out[UP] == b"DATA\r\n" + content
            assert not fired


def test_the_dice_hit_their_share() -> None:
    pieces = [(UP, GET), (DOWN, OK)] * 4000
    for part, least, most in (("10%", 300, 500), ("1%", 15, 75), ("100%", 4000, 4000)):
        assert least <= len(played(f"status=503:{part}", pieces, glancing=True)[1]) <= most
