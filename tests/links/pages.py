"""Short ways to read a page in tests."""

from __future__ import annotations

from sockwright.links.page import Link, Page, read_page

URL = "http://site.example/docs/page.html"


def page_of(
    document: str | bytes, content_type: str = "text/html; charset=utf-8", url: str = URL, **kwargs: int
) -> Page:
    content = document.encode() if isinstance(document, str) else document
    return read_page(content, url, content_type, **kwargs)


def links_of(document: str | bytes, content_type: str = "text/html; charset=utf-8", url: str = URL) -> list[Link]:
    return page_of(document, content_type, url).links


def raws(document: str | bytes, content_type: str = "text/html; charset=utf-8") -> list[str]:
    return [link.raw for link in links_of(document, content_type)]


def found(document: str | bytes, content_type: str = "text/html; charset=utf-8") -> list[tuple[str, str]]:
    return [(link.origin, link.raw) for link in links_of(document, content_type)]
