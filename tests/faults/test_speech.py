"""Faults that follow a dialogue: HTTP responses and SMTP replies, as pure parts."""

from __future__ import annotations

from random import Random

import pytest

from sockwright.faults.fault import END, PASS, Step
from sockwright.faults.plan import Plan, Row, setting

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"


def rows(text: str, number: int = 1) -> tuple[Row, Row]:
    up, down = Plan([setting(text)], 7).rows(number)
    assert down is not None
    return up or Row([]), down


def said(steps: list[Step]) -> bytes:
    return b"".join(given for what, given, _ in steps if what == PASS)


def cut_anywhere(row: Row, data: bytes, chance: Random) -> list[Step]:
    steps: list[Step] = []
    while data:
        size = chance.randint(1, 9)
        steps += row.feed(data[:size], 1.0)
        data = data[size:]
    return steps


@pytest.mark.parametrize("seed", range(20))
def test_a_status_replaces_whole_responses_however_they_are_cut(seed: int) -> None:
    up, down = rows("status=503")
    chance = Random(seed)
    asked = GET + b"HEAD / HTTP/1.1\r\n\r\n" + b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc" + GET
    assert said(cut_anywhere(up, asked, chance)) == asked
    answers = CHUNKED + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + b"HTTP/1.1 100 Continue\r\n\r\n" + OK + OK
    out = said(cut_anywhere(down, answers, chance))
    assert out.count(b"HTTP/1.1 503 Service Unavailable") == 4
    assert out.count(b"(a fault set on purpose)") == 3  # the one to HEAD has no body
    assert b"hello" not in out
    assert b"100 Continue" in out


def test_fail_first_counts_over_all_connections() -> None:
    plan = Plan([setting("fail-first=2")], 7)
    codes = []
    for number in range(4):
        up, down = plan.rows(number)
        assert up is not None
        assert down is not None
        up.feed(GET, 1.0)
        codes.append(said(down.feed(OK, 1.0))[9:12])
    assert codes == [b"503", b"503", b"200", b"200"]


@pytest.mark.parametrize(
    ("text", "out"),
    [
        ("length=+10", b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\nhello"),
        ("length=-3", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhello"),
        ("cut-body=2", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"),
        ("bad-chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello"),
    ],
)
def test_a_response_is_bent_as_its_picture_says(text: str, out: bytes) -> None:
    up, down = rows(text)
    up.feed(GET, 1.0)
    steps = down.feed(OK, 1.0)
    assert said(steps) == out
    assert any(what == END for what, _, _ in steps) is (text == "cut-body=2")


def test_slow_headers_come_a_line_at_a_time() -> None:
    up, down = rows("slow-headers=1s")
    up.feed(GET, 1.0)
    steps = [step for step in down.feed(OK, 1.0) if step[0] == PASS]
    assert [(given, at) for _, given, at in steps] == [
        (b"HTTP/1.1 200 OK\r\n", 1.0),
        (b"Content-Length: 5\r\n", 2.0),
        (b"\r\n", 3.0),
        (b"hello", 4.0),
    ]


def test_what_is_no_http_passes_as_it_is() -> None:
    up, down = rows("status=503")
    for row in (up, down):
        data = b"\x16\x03\x01 binary, and much of it" * 3
        assert said(row.feed(data, 1.0)) + said(row.end(2.0)) == data


def dialogue(text: str, script: list[tuple[bytes, bytes]]) -> tuple[bytes, bytes]:
    """Play what the client says and what the server answers to what it got; return what each of them heard."""
    up, down = rows(text)
    heard_by_client = said(down.feed(b"220 mail ready\r\n", 1.0))
    heard_by_server = b""
    for command, reply in script:
        got = said(up.feed(command, 1.0))
        heard_by_server += got
        heard_by_client += said(down.feed(b"250 NOOP\r\n" if got == b"NOOP\r\n" else reply, 1.0))
    return heard_by_client, heard_by_server


MAIL = [
    (b"EHLO x\r\n", b"250-mail\r\n250 SIZE\r\n"),
    (b"MAIL FROM:<a@x>\r\n", b"250 a\r\n"),
    (b"RCPT TO:<b@y>\r\n", b"250 b\r\n"),
    (b"DATA\r\n", b"354 go\r\n"),
    (b"RCPT TO:<fake@z>\r\n.\r\n", b"250 kept\r\n"),
    (b"QUIT\r\n", b"221 bye\r\n"),
]


def test_a_recipient_is_rejected_and_the_server_never_hears_of_it() -> None:
    client, server = dialogue("reject=rcpt:550", MAIL)
    assert b"550 5.0.0 Refused on purpose\r\n354 go" in client
    assert b"RCPT TO:<b@y>" not in server
    assert b"RCPT TO:<fake@z>" in server  # that was content


@pytest.mark.parametrize(
    ("text", "code"),
    [("reject=helo:421", b"421"), ("reject=mail", b"550"), ("reject=message:554", b"554"), ("reject=connect", b"554")],
)
def test_each_stage_can_be_rejected(text: str, code: bytes) -> None:
    script = MAIL if "message" in text or "connect" in text else MAIL[:2]
    client, _ = dialogue(text, script)
    assert client.count(b"\r\n" + code) + client.startswith(code) == 1


def test_greylisting_lets_in_who_comes_again() -> None:
    plan = Plan([setting("greylist=10s")], 7)
    heard = []
    for number, now in enumerate((100.0, 105.0, 111.0)):
        up, down = plan.rows(number)
        assert up is not None
        assert down is not None
        down.feed(b"220 mail\r\n", now)
        up.feed(b"MAIL FROM:<a@x>\r\n", now)
        down.feed(b"250 ok\r\n", now)
        up.feed(b"RCPT TO:<b@y>\r\n", now)
        heard.append(said(down.feed(b"250 ok\r\n", now))[:3])
    assert heard == [b"451", b"451", b"250"]


def test_drop_at_data_closes_there() -> None:
    up, down = rows("drop-at=DATA")
    down.feed(b"220 mail\r\n", 1.0)
    steps = up.feed(b"MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n", 1.0)
    assert said(steps) == b"MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\n"
    assert (END, True) in [step[:2] for step in steps]
