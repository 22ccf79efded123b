"""What kind of document some bytes are."""

from __future__ import annotations

import time

import pytest

from sockwright.links.kind import charset_of, kind_of, kind_of_xml, media_type


@pytest.mark.parametrize(
    ("content", "url", "content_type", "kind"),
    [
        (b"", "http://x/", "text/html", "html"),
        (b"", "http://x/", "Text/HTML ; charset=x", "html"),
        (b"<html>", "http://x/a.html", "text/plain", "text"),
        (b"", "http://x/", "application/xhtml+xml", "xml"),
        (b"", "http://x/", "image/svg+xml", "xml"),
        (b"", "http://x/", "application/rss+xml", "xml"),
        (b"", "http://x/", "text/css", "css"),
        (b"", "http://x/README.md", "text/plain; charset=utf-8", "markdown"),
        (b"", "http://x/README.md", "text/html", "html"),
        (b"", "http://x/", "text/markdown", "markdown"),
        (b"\x1f\x8b", "http://x/sitemap.xml.gz", "application/x-gzip", "gzip"),
        (b"\x1f\x8b", "file:///sitemap.xml.gz", "", "gzip"),
        (b"<a href=x>", "http://x/", "application/json", "other"),
        (b"<a href=x>", "http://x/", "image/png", "other"),
        (b"<a href=x>", "http://x/", "text/javascript", "other"),
        (b"", "file:///a/index.HTM", "", "html"),
        (b"", "file:///a/read%6De.%6Dd?x.html#y.css", "", "markdown"),
        (b"", "file:///a/notes.txt", "", "text"),
        (b"  \n<!-- c --><!DOCTYPE html>", "http://x/", "", "html"),
        (b"<p>x", "http://x/", "application/octet-stream", "html"),
        (b"<?xml version='1.0'?><urlset>", "http://x/", "", "xml"),
        ("\ufeff<html>".encode("utf-16"), "http://x/", "", "html"),
        (b"see http://x/", "http://x/", "", "text"),
        (b"\x00\x01\x02", "http://x/", "", "other"),
        (b"", "http://x/", "", "text"),
    ],
)
def test_kind(content: bytes, url: str, content_type: str, kind: str) -> None:
    assert kind_of(content, url, content_type) == kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("<urlset xmlns='x'>", "sitemap"),
        ("<?xml version='1.0'?><!-- c --><?pi?>\n<sitemapindex>", "sitemap"),
        ("<sm:urlset xmlns:sm='x'>", "sitemap"),
        ("<rss version='2.0'>", "feed"),
        ("<feed>", "feed"),
        ("<rdf:RDF>", "feed"),
        ("<!DOCTYPE html PUBLIC 'a' 'b'><html>", "html"),
        ("<!DOCTYPE svg [ <!ENTITY a 'b'> ]><svg>", "svg"),
        ("<other>", "other"),
        ("no xml", "other"),
    ],
)
def test_kind_of_xml(text: str, kind: str) -> None:
    assert kind_of_xml(text) == kind


@pytest.mark.parametrize(
    ("content_type", "charset"),
    [
        ("text/html; charset=utf-8", "utf-8"),
        ('text/html;charset="utf-8"', "utf-8"),
        ("text/html; CHARSET = koi8-r ; x=y", "koi8-r"),
        ("text/html; a=b; charset=x; charset=y", "x"),
        ('text/html; charset="a\\"b"', 'a"b'),
        ("text/html", ""),
        ("text/html; charset=", ""),
    ],
)
def test_charset(content_type: str, charset: str) -> None:
    assert charset_of(content_type) == charset
    assert media_type(content_type) == "text/html"


def test_comments_without_end_cost_little() -> None:
    begun = time.process_time()
    assert kind_of(b"<!--x-->" * 10_000 + b"<q", "http://x/") == "text"
    assert kind_of_xml("<!--x-->" * 10_000 + "<!--" * 10_000) == "other"
    assert time.process_time() - begun < 1
