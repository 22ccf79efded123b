"""The content of one request on its way in."""

from __future__ import annotations

import pytest

from sockwright.errors import PeerError
from sockwright.protocols.http import Http
from sockwright.protocols.intake import Intake
from sockwright.protocols.routes import SPOOLED, Route, Routes
from sockwright.protocols.site import Site
from sockwright.wire.exchange import Request, Response


class Box:
    """A spool that holds so much and no more."""

    def __init__(self, room: int = 1 << 30) -> None:
        self.data = b""
        self.whole = False
        self._room = room

    def write(self, piece: bytes) -> None:
        if len(self.data) + len(piece) > self._room:
            raise OSError(28, "No space left on device")
        self.data += piece

    def rewind(self) -> None:
        self.whole = True


def intake(length: int, route: Route, most: int = 1 << 30) -> tuple[Request, Intake]:
    request = Request.to("/", "POST", {"Content-Length": str(length)})
    return request, Intake(request, route, most, 0)


def answer(request: Request) -> Response:
    return Response(b"ok")


def test_what_fits_into_memory_stays_there() -> None:
    request, came = intake(SPOOLED, Route("", "/", answer, spool=Box))
    came.keep(came.feed(b"x" * SPOOLED + b"rest"))
    assert came.done
    assert came.rest == b"rest"
    assert came.complete() == []
    assert request.content == b"x" * SPOOLED
    assert request.spooled is None


def test_what_is_too_much_for_memory_goes_into_the_spool_from_its_beginning() -> None:
    request, came = intake(SPOOLED + 3, Route("", "/", answer, spool=Box))
    for piece in (b"abc", b"x" * (SPOOLED - 1), b"z"):
        came.keep(came.feed(piece))
    came.complete()
    assert request.content == b""
    assert request.spooled.data == b"abc" + b"x" * (SPOOLED - 1) + b"z"
    assert request.spooled.whole


def test_a_route_without_a_spool_keeps_all_in_memory() -> None:
    request, came = intake(SPOOLED * 2, Route("", "/", answer))
    came.keep(came.feed(b"x" * SPOOLED * 2))
    came.complete()
    assert len(request.content) == SPOOLED * 2


def test_more_than_is_taken_is_refused_before_it_is_kept() -> None:
    request = Request.to("/", "POST")
    request.head = request.head._replace(length=-1)
    came = Intake(request, Route("", "/", answer), 10, 0)
    assert came.feed(b"a\r\n0123456789\r\n") == [b"0123456789"]
    with pytest.raises(PeerError, match="longer than the 10 bytes") as refused:
        came.feed(b"1\r\n")
    assert refused.value.code == 413


def test_a_full_disk_is_told_and_the_connection_ends() -> None:
    route = Route("", "/{path...}", answer, body=1 << 20, spool=lambda: Box(SPOOLED + 10))
    http = Http(Site(Routes([route])))
    http.opened(0.0)
    http.feed(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", 0.0)
    note, said, close = http.feed(b"x" * 90_000, 0.1)
    assert "No space left" in str(note)
    assert isinstance(said, bytes)
    assert said.startswith(b"HTTP/1.1 507 ")
    assert type(close).__name__ == "Close"


def test_an_early_handler_gets_the_pieces() -> None:
    request, came = intake(6, Route("", "/", answer, early=True))
    came.keep(came.feed(b"abc"))
    assert came.taken() == [b"abc"]
    came.keep(came.feed(b"def"))
    assert came.complete() == [b"def"]
    assert (request.content, request.whole) == (b"", True)
