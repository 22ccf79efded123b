"""Messages taken apart: every line with its place and meaning, broken ones with the rule, nothing raw on a terminal."""

from __future__ import annotations

import pytest

from sockwright.wire.anatomy import ENDS, Message, as_dict, requests_in, responses_in, told

GET = b"GET /a?b=1 HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n"


def rules(message: Message) -> str:
    return " ".join([*(line.wrong for line in message.lines), *message.wrong])


def test_a_request_is_start_line_fields_blank_line_and_content() -> None:
    (message,) = requests_in(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
    assert [line.role for line in message.lines] == ["start line", "field", "field", "blank line"]
    assert message.lines[0].parts == {"method": "POST", "request-target": "/a", "version": "HTTP/1.1"}
    assert message.lines[1].parts == {"name": "Host", "value": "x"}
    assert message.lines[2].meaning == "how many bytes of content follow the blank line"
    assert [line.offset for line in message.lines] == [0, 18, 27, 46]
    assert (message.content, message.content_offset, message.known_by) == (b"hello", 48, "length")
    assert not rules(message).strip()


def test_pipelined_messages_are_told_apart_by_offset() -> None:
    found = requests_in(b"\r\n" + GET + b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                        b"3;x=1\r\nabc\r\n0\r\nX-Sum: 9\r\n\r\n" + GET)  # fmt: skip
    assert [(message.known_by, message.content) for message in found] == [
        ("none", b""),
        ("chunks", b"abc"),
        ("none", b""),
    ]
    assert found[1].trailers == (("X-Sum", "9"),)
    assert found[1].lines[0].offset == 2 + len(GET)


@pytest.mark.parametrize(
    ("data", "known_by", "content"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "length", b"hi"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "chunks", b"hi"),
        (b"HTTP/1.1 200 OK\r\n\r\nhi", "close", b"hi"),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", "none", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", "cut", b"hi"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nzz\r\nx", "broken", b"hizz\r\nx"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "broken", b"zz\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n2", "cut", b"hi"),
    ],
)
def test_how_the_end_of_content_was_known(data: bytes, known_by: str, content: bytes) -> None:
    (message,) = responses_in(data, ["GET"])
    assert message.known_by == known_by
    assert known_by in ENDS
    assert message.content == content


def test_interim_responses_are_not_lost_where_the_final_one_is_broken() -> None:
    data = b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\nx"
    found = responses_in(data + b"\r\n")
    assert [message.lines[0].parts["status code"] for message in found] == ["103", "200"]
    assert (found[1].known_by, found[1].content) == ("broken", b"ax\r\n")


def test_a_length_without_content_is_told_as_what_it_is() -> None:
    for method, start in (("HEAD", "200 OK"), ("GET", "304 Not Modified")):
        (message,) = responses_in(f"HTTP/1.1 {start}\r\nContent-Length: 5\r\n\r\n".encode(), [method])
        assert "not sent here" in message.lines[1].meaning
    (message,) = responses_in(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert message.lines[1].meaning == "how many bytes of content follow the blank line"


def test_a_rule_is_told_once() -> None:
    for data in (
        b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    ):
        (message,) = responses_in(data)
        assert not message.wrong
        assert any(line.wrong for line in message.lines)


def test_responses_go_with_their_requests() -> None:
    data = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"
    found = responses_in(data, ["HEAD", "GET"])
    assert [message.lines[0].parts["status code"] for message in found] == ["100", "200", "204"]
    assert {message.known_by for message in found} == {"none"}


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"GET / HTTP/1.1\nHost: x\r\n\r\n", "RFC 9112, 2.2"),
        (b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", "RFC 9112, 3"),
        (b"GET / http/1.1\r\nHost: x\r\n\r\n", "RFC 9112, 2.3"),
        (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", "RFC 9112, 5.1"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n y\r\n\r\n", "RFC 9112, 5.2"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n", "RFC 9110, 5.5"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nnothing\r\n\r\n", "RFC 9112, 5"),
        (b"GET / HTTP/1.1\r\n\r\n", "RFC 9112, 3.2"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "RFC 9112, 6.1"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\n", "RFC 9112, 6.3"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "RFC 9112, 7.1"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", "RFC 9112, 2.1"),
        (b"\x16\x03\x01\x02\x00", "RFC 9112, 3"),
    ],
)
def test_what_breaks_a_rule_is_marked_with_it_and_still_shown(data: bytes, rule: str) -> None:
    (message,) = requests_in(data)
    assert rule in rules(message)
    assert b"".join(line.raw for line in message.lines) + message.content == data


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "RFC 9112, 4"),
        (b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", "RFC 9112, 2.2"),
        (b"HTTP/1.1 OK\r\n\r\n", "RFC 9112, 4"),
        (b"SSH-2.0-x\r\n", "RFC 9112, 4"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "RFC 9112, 7.1"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "RFC 9112, 6.3"),
    ],
)
def test_broken_responses_are_marked_too(data: bytes, rule: str) -> None:
    (message,) = responses_in(data)
    assert rule in rules(message)


def test_nothing_foreign_reaches_the_terminal_raw() -> None:
    data = b"GET /\x1b[2J HTTP/1.1\r\nHost: \x1b]0;x\x07\r\nX\xe2\x80\xae: \xff\r\n\r\n\x1b[31m\x00"
    for message in [*requests_in(data), *responses_in(data)]:
        for line in told(message):
            assert line.isprintable(), line


def test_any_cut_of_a_stream_can_be_taken_apart() -> None:
    whole = GET + b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    for end in range(len(whole) + 1):
        for message in [*requests_in(whole[:end]), *responses_in(whole[:end], ended=False)]:
            assert list(told(message))
            assert as_dict(message)["kind"] == message.kind
