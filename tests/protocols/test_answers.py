from __future__ import annotations

import pytest

from sockwright.conversation import Action, Send
from sockwright.protocols.answers import FILE_COUNTS, write_answer
from sockwright.wire.exchange import FilePart, Request, Response

START = b"HTTP/1.1 200 OK\r\n"


def written(response: Response, method: str = "GET", *, closes: bool = False) -> tuple[list[Action], int]:
    out: list[Action] = []
    weight = write_answer(response, Request.to("/", method), START, closes, out)
    return out, weight


def test_a_small_answer_is_one_piece() -> None:
    (said,), weight = written(Response(b"hi", type="x/y"))
    assert said == START + b"Content-Type: x/y\r\nContent-Length: 2\r\n\r\nhi"
    assert weight == len(b"Content-Type: x/y\r\nContent-Length: 2\r\n\r\nhi")


def test_a_connection_that_ends_is_told() -> None:
    (said,), _ = written(Response(b"hi"), closes=True)
    assert said.startswith(START + b"Connection: close\r\n")  # type: ignore[union-attr]


@pytest.mark.parametrize(("method", "count"), [("GET", 7), ("HEAD", 0)])
def test_a_file_stands_behind_its_head_and_is_handed_on_even_where_nothing_of_it_is_sent(
    method: str, count: int
) -> None:
    out, weight = written(Response(FilePart(99, 5, 7)), method)
    assert out[1:] == [Send(99, 5, count)]
    assert b"Content-Length: 7\r\n" in out[0]  # type: ignore[operator]
    assert weight == FILE_COUNTS


def test_a_status_without_content_has_no_length() -> None:
    (said,), weight = written(Response(b"", 204))
    assert b"Content-Length" not in said  # type: ignore[operator]
    assert weight == 0
