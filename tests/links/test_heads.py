"""HEAD: only where a host has proved that it means it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from tests.links.collected import crawl, page_of
from tests.links.nasty import Nasty, Peer, Request

BIG = 300_000


@pytest.fixture
def server() -> Iterator[Nasty]:
    with Nasty().running() as nasty:
        nasty.page("/", page_of([f"/f/{number}.zip" for number in range(100)]))
        yield nasty


def files(peer: Peer, request: Request) -> None:
    """Answer GET and HEAD alike; number 13 and names without a number are missing."""
    name = request.path.rpartition("/")[2].removesuffix(".zip")
    there = name.isdigit() and name != "13"
    status = "200 OK" if there else "404 Not Found"
    peer.send(f"HTTP/1.1 {status}\r\nContent-Type: application/zip\r\nContent-Length: {BIG if there else 0}\r\n\r\n")
    if request.method == "GET" and there:
        peer.send(bytes(BIG))


def liar(peer: Peer, request: Request) -> None:
    """Say 200 to every HEAD."""
    if request.method == "HEAD":
        peer.send(f"HTTP/1.1 200 OK\r\nContent-Type: application/zip\r\nContent-Length: {BIG}\r\n\r\n")
    else:
        files(peer, request)


def grump(peer: Peer, request: Request) -> None:
    """Know no HEAD at all."""
    if request.method == "HEAD":
        peer.send("HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
    else:
        files(peer, request)


@pytest.mark.parametrize(("behaviour", "heads"), [(files, True), (liar, False), (grump, False)])
def test_verdicts_are_the_same_whatever_head_says(server: Nasty, behaviour: object, heads: bool) -> None:
    server.fallback = behaviour  # type: ignore[assignment]
    found = crawl(server.url + "/")
    assert Counter(found.kinds().values()) == {"ok": 99, "broken": 1}
    assert found.kinds()["/f/13.zip"] == "broken"
    asked = Counter(request.method for request in server.seen)
    assert (asked["HEAD"] > 10) is heads
    assert asked["HEAD"] >= 2
