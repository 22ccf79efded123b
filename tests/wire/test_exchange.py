from __future__ import annotations

import os
from datetime import date
from typing import Any

import pytest

import sockwright
from sockwright.errors import PeerError, ServiceError
from sockwright.wire.exchange import FilePart, Request, Response, decode, response_of


@pytest.mark.parametrize(
    ("value", "kind", "content"),
    [
        ("день", b"text/plain; charset=utf-8", "день".encode()),
        ("\ud800", b"text/plain; charset=utf-8", b"?"),
        (b"abc", b"application/octet-stream", b"abc"),
        (bytearray(b"abc"), b"application/octet-stream", b"abc"),
        ({"a": 1}, b"application/json", b'{"a":1}'),
        ([], b"application/json", b"[]"),
        ([1, None], b"application/json", b"[1,null]"),
        (4, b"application/json", b"4"),
        (date(2026, 11, 22), b"application/json", b'"2026-11-22"'),
    ],
)
def test_what_a_value_becomes(value: Any, kind: bytes, content: bytes) -> None:
    response = response_of(value)
    assert response.content == content
    assert response.lines == b"Content-Type: " + kind + b"\r\n"
    assert response.whole == response.lines + b"Content-Length: %d\r\n\r\n" % len(content) + content


def test_nothing_is_204() -> None:
    response = response_of(None)
    assert (response.status, response.content, response.lines, response.whole) == (204, b"", b"", b"")
    assert response_of(response) is response


def test_fields_are_written_as_given() -> None:
    fields: dict[str, str | int] = {"X-A": "день", "X-B": 4}
    response = Response("x", 201, "text/html", fields)
    assert response.lines == "Content-Type: text/html\r\nX-A: день\r\nX-B: 4\r\n".encode()
    given = Response("x", fields=[("content-type", "a/b"), ("Set-Cookie", "a"), ("Set-Cookie", "b")])
    assert given.lines == b"content-type: a/b\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n"


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding", "Connection", "Date"])
def test_what_the_server_writes_itself_is_not_taken(name: str) -> None:
    with pytest.raises(ValueError, match="written by the server itself"):
        Response("x", fields={"X-A": "b", name: "1"})


@pytest.mark.parametrize("status", [0, 100, 199, 600, 1000])
def test_a_status_is_one_of_an_answer(status: int) -> None:
    with pytest.raises(ValueError, match="is not the status"):
        Response("x", status)


@pytest.mark.parametrize("fields", [{"A": "b\r\nC: d"}, {"A\r\nB": "c"}])
def test_a_response_cannot_be_split(fields: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"line break|field name"):
        Response("x", fields=fields)
    with pytest.raises(ValueError, match="line break"):
        Response("x", type="text/html\r\nA: b")


def test_parts_are_counted_and_a_large_content_is_not_copied() -> None:
    response = Response([b"abc", FilePart(os.open(os.devnull, os.O_RDONLY), 0, 7)])
    assert (response.length, response.whole) == (10, b"")
    part = response.parts[1]
    assert isinstance(part, FilePart)
    os.close(part.file)
    large = b"x" * 20_000
    assert Response(large).content is large
    assert Response(large).whole == b""


def test_what_json_cannot_say() -> None:
    with pytest.raises(TypeError):
        Response(object())


def test_a_request_to_try_a_handler_with() -> None:
    request = sockwright.Request.to(
        "/%D0%B0%2Fb%41?x=1&y=&x=%D0%B1#".removesuffix("#"), "POST", {"Content-Type": "Text/JSON; a=b"}, b'{"a": 1}'
    )
    assert request.method == "POST"
    assert request.path == "/%D0%B0%2Fb%41"
    assert request.decoded_path == "/а/bA"
    assert request.query == "x=1&y=&x=%D0%B1"
    assert request.parameters == [("x", "1"), ("y", ""), ("x", "б")]
    assert (request.parameter("x"), request.parameter("z", "no")) == ("1", "no")
    assert request.type == "text/json"
    assert request.json() == {"a": 1}
    assert request.origin == "http://localhost"
    assert request.whole
    with pytest.raises(PeerError):
        Request.to("no slash")


def test_content_that_is_none() -> None:
    request = Request.to("/", "POST", content=b"\xff{")
    for read in (lambda: request.text, request.json):
        with pytest.raises(ServiceError) as refused:
            read()
        assert refused.value.code == 400
    with pytest.raises(ServiceError):
        Request.to("/", "POST", content=b"[" * 100_000).json()


def test_percent_encoding_is_undone_once() -> None:
    assert decode("%2541") == "%41"
    assert decode("%ff").encode("utf-8", "surrogateescape") == b"\xff"
    assert decode("п%D0%BF") == "пп"
