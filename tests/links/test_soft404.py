"""Pages that are no pages although their status says so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.links.collected import crawl, page_of
from tests.links.nasty import Nasty

from sockwright.links.soft404 import _runs, alike

WORDS = "the quick brown fox jumps over the lazy dog and then goes home to sleep until the next morning comes along"


@pytest.fixture
def server() -> Iterator[Nasty]:
    with Nasty().running() as nasty:
        yield nasty


def test_pages_that_say_what_any_name_gets(server: Nasty) -> None:
    server.fallback = lambda peer, request: peer.reply(
        200, f"<h1>Sorry</h1><p>We could not find {request.path} for you, but look at our offers instead: {WORDS}</p>"
    )
    server.page("/", page_of(["/shop/real", "/shop/gone", "/shop/also-gone", "/shop/gone.html"]))
    server.page("/shop/real", f"<p>A real page about things that exist. {WORDS[::-1]}</p>")
    kinds = crawl(server.url + "/", soft_404=True).kinds()
    assert kinds == {
        "/shop/real": "ok",
        "/shop/gone": "broken",
        "/shop/also-gone": "broken",
        "/shop/gone.html": "broken",
    }
    assert set(crawl(server.url + "/").kinds().values()) == {"ok"}
    probes = [request.path for request in server.seen if request.path.startswith("/shop/") and "g" not in request.path]
    assert len([path for path in probes if path != "/shop/real"]) == 1


def test_redirects_that_any_name_gets(server: Nasty) -> None:
    server.fallback = lambda peer, _: peer.redirect("/")
    server.page("/", page_of(["/d/gone", "/d/moved", "/d/real"]))
    server.page("/d/real", "here")
    server.paths["/d/moved"] = lambda peer, _: peer.redirect("/d/real")
    assert crawl(server.url + "/", soft_404=True).kinds() == {
        "/d/gone": "broken",
        "/d/moved": "redirected",
        "/d/real": "ok",
    }


def test_an_honest_server_is_asked_once_per_directory(server: Nasty) -> None:
    server.page("/", page_of([f"/d/{number}" for number in range(10)]))
    for number in range(10):
        server.page(f"/d/{number}", WORDS)
    assert set(crawl(server.url + "/", soft_404=True).kinds().values()) == {"ok"}
    assert len(server.seen) == 1 + 10 + 1


def test_likeness() -> None:
    assert alike(_runs(WORDS, ""), _runs(WORDS + " indeed", ""))
    assert not alike(_runs(WORDS, ""), _runs(WORDS[::-1], ""))
    assert alike(_runs("", ""), _runs("", ""))
