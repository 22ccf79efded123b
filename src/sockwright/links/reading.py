"""Reads a document of any kind: what kind it is, how it is decoded, which reader goes through it.

Apart from `page`, which says what comes out, since a process that has its pages read elsewhere needs none of this.
"""

from __future__ import annotations

from operator import attrgetter

from sockwright.links.encoding import Decoded, decode
from sockwright.links.extract import Harvest
from sockwright.links.inflate import inflate
from sockwright.links.kind import charset_of, kind_of, kind_of_xml
from sockwright.links.page import Page
from sockwright.links.plain import is_list, read_list, read_text
from sockwright.links.resolve import Resolver

_PLACE = attrgetter("line", "column")


def read(content: bytes, url: str, content_type: str, limit: int) -> Page:
    """Read a document: see `page.read_page`."""
    content, kind, truncated = _opened(content, url, content_type)
    if kind == "other":
        return Page(url, url, "", "other", [], frozenset(), truncated)
    decoded, text = _decoded(content, content_type, kind)
    xml = kind == "xml"
    if xml:
        kind = kind_of_xml(text)
    elif kind == "text" and is_list(text):
        kind = "sitemap"
    harvest = Harvest(text, Resolver(url, decoded.codec if kind == "html" else "utf-8"), limit)
    truncated = _read(harvest, kind, xml) or truncated
    if harvest.full:
        truncated = f"links: only the first {limit} were read"
    harvest.links.sort(key=_PLACE)
    base = harvest.resolver.base
    return Page(url, base, decoded.encoding, kind, harvest.links, frozenset(harvest.anchors), truncated)


def text_of(content: bytes, url: str, content_type: str) -> str:
    """Return the text of a document as a reader sees it."""
    content, kind, _ = _opened(content, url, content_type)
    if kind == "other":
        return ""
    text = _decoded(content, content_type, kind)[1]
    if kind == "html" or (kind == "xml" and kind_of_xml(text) == "html"):
        from sockwright.links.html import seen_text

        return seen_text(text)
    return text


def _opened(content: bytes, url: str, content_type: str) -> tuple[bytes, str, str]:
    """Return the content out of its gzip file, its kind, and "" or why it is not whole."""
    kind = kind_of(content, url, content_type)
    if kind != "gzip":
        return content, kind, ""
    content, cut = inflate(content)
    kind = kind_of(content, url.partition("#")[0].partition("?")[0].removesuffix(".gz"))
    return content, "other" if kind == "gzip" else kind, cut


def _decoded(content: bytes, content_type: str, kind: str) -> tuple[Decoded, str]:
    """Return how a document was decoded, and its text with `\\n` as the only line end."""
    decoded = decode(content, charset_of(content_type), kind=kind)
    text = decoded.text
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return decoded, text


def _read(harvest: Harvest, kind: str, xml: bool) -> str:
    """Lead the reader of a kind through a document; return "" or why it ended early.

    Readers are imported when their kind is first met: the parsers behind them take tens of milliseconds.
    """
    match kind:
        case "html" if not xml:
            from sockwright.links.html import read_html

            read_html(harvest)
        case "html" | "svg":
            from sockwright.links.xhtml import read_xhtml

            return read_xhtml(harvest)
        case "css":
            from sockwright.links.css import read_css

            read_css(harvest.text, harvest.add)
        case "markdown":
            from sockwright.links.markdown import read_markdown

            read_markdown(harvest)
        case "text":
            read_text(harvest)
        case "sitemap" if not xml:
            read_list(harvest)
        case "sitemap":
            from sockwright.links.sitemap import read_sitemap

            return read_sitemap(harvest)
        case "feed":
            from sockwright.links.feed import read_feed

            return read_feed(harvest)
    return ""
