"""Pages as a whole: limits, and documents made to hurt."""

from __future__ import annotations

import random
import time

import pytest

from sockwright.links.page import LINKS_PER_PAGE, read_page, visible_text

from .pages import URL, page_of


def test_what_is_no_document_has_no_links() -> None:
    page = read_page(b"\x89PNG\r\n\x1a\n<a href=x>", URL, "image/png")
    assert (page.kind, page.links, page.anchors, page.truncated) == ("other", [], frozenset(), "")
    assert read_page(b"", URL).links == []
    assert read_page(b"", URL, "text/html").links == []


def test_the_limit_is_told_and_cuts_no_anchors() -> None:
    html = "<a href=x id=a>" * 30 + "<p id=last>"
    page = page_of(html, limit=10)
    assert len(page.links) == 10
    assert page.truncated == "links: only the first 10 were read"
    assert page.anchors == {"a", "last"}
    assert page_of(html, limit=30).truncated == ""


def test_visible_text() -> None:
    html = b"<title>no</title><p>One <b>t</b>wo<p>three<script>no</script><style>no</style><template>no"
    assert visible_text(html, URL, "text/html").split() == ["One", "two", "three"]
    assert visible_text("Ё\r\n".encode("cp1251"), URL, "text/plain; charset=windows-1251") == "Ё\n"
    assert visible_text(b"\x89PNG", URL, "image/png") == ""


N = 100_000
NASTY = {
    "nested": "<div>" * N,
    "nested and closed": "<div>" * N + "</div>" * N,
    "nested formatting": "<b>" * N + "<p>" * 1_000,
    "different formatting": "".join(f"<font size={n}>" for n in range(20_000)) + "<p>x" * 200,
    "misnested": "<i><b></i>" * N,
    "links in links": "".join(f"<a href={n}><p>" for n in range(N)),
    "links in links in SVG": "<svg>" + "<a href=x>" * N,
    "links with long text": "<svg>" + "<a href=x>" * 9_000 + "x" * 1_000_000,
    "links": "<a href=/x?y=z#w>text</a>\n" * N,
    "links in one line": "<a href=x></a>" * N,
    "links in a table": "<table>" + "<a href=x>" * N,
    "points": "<" * N * 5,
    "attributes": "<a " + " ".join(f"a{n}=1" for n in range(N)) + " href=x>",
    "same attributes": "<a " + "href=1 " * N + ">",
    "attributes without end": "<a " + 'b="' * N,
    "comments": "<!--" * N,
    "ampersands": "<a href='" + "&" * N * 5 + "'>",
    "names of entities": "<a href='" + "&CounterClockwiseContourIntegra" * N + "'>",
    "scripts": "<script>" + "<!--<script>" * N,
    "templates": "<template>" * N + "<a href=x>",
    "templates closed": "<template><a href=x></template>" * N,
    "shadows": "<template shadowrootmode=open>" * N,
    "srcdoc": "<iframe srcdoc='<p>'></iframe>" * 20_000,
    "srcdoc in srcdoc": "<iframe srcdoc='" * N,
    "styles": "<p style='a:url(x)'>" * N,
    "sheets": "<style>@import 'x';</style>" * N,
    "a long sheet": "<style>" + "a{b:url(x)}" * N + "</style>",
    "srcset": "<img srcset='" + "a 1x, " * N + "'>",
    "commas": "<img srcset='" + "," * N * 5 + "'>",
    "parentheses": "<img srcset='a " + "(" * N * 5 + "'>",
    "bases": "<base href=x>" * N,
    "ids": "".join(f"<p id=i{n}>" for n in range(N)),
    "frames": "<frameset>" + "<frame src=x>" * N,
    "forms": "<form action=x><button formaction=y>" * N,
    "refreshes": "<meta http-equiv=refresh content='0; url=" + " " * N + "'>",
    "a long URL": "<a href='" + "../" * N + "'>",
    "long URLs": ("<a href='" + "x" * 10_000 + "'>") * 500,
    "long hosts": ("<a href='http://" + "я" * 5_000 + "/'>") * 300,
    "hosts with dots": ("<a href='http://" + "я." * 400 + "/'>") * 300,
    "NULs": "<a href=x>" + "\x00" * N * 5,
    "line ends": "\r" * N * 5 + "<a href=x>",
}


@pytest.mark.parametrize("name", NASTY)
def test_nasty_pages_cost_no_more_than_their_length(name: str) -> None:
    content = NASTY[name].encode()
    begun = time.process_time()
    page = read_page(content, URL, "text/html; charset=utf-8")
    taken = time.process_time() - begun
    assert len(page.links) <= LINKS_PER_PAGE
    assert taken < 4, f"{taken:.1f} s for {len(content):,} bytes"


@pytest.mark.parametrize(
    "content_type",
    ["text/html", "application/xhtml+xml", "text/css", "text/markdown", "text/plain", "", "text/xml"],
)
def test_noise_makes_nothing_raise(content_type: str) -> None:
    chance = random.Random(7)
    bits = [
        b"<",
        b">",
        b"a",
        b" href=",
        b"'",
        b'"',
        b"&",
        b"\xff",
        b"\x00",
        b"\xd0\x90",
        b"url(",
        b"[",
        b"](",
        b"<?xml ",
        b"<svg ",
    ]
    for _ in range(200):
        noise = b"".join(chance.choice(bits) for _ in range(chance.randrange(60)))
        page = read_page(noise, chance.choice([URL, "file:///x.html", "nonsense", ""]), content_type)
        for link in page.links:
            assert bool(link.url) != bool(link.fault)
