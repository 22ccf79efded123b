"""What a document says about where one may go from it: its links, its base and its anchors.

This is the seam between reading and asking: bytes come in, values go out, and nothing here
knows of connections.
"""

from __future__ import annotations

from operator import attrgetter

from msgspec import Struct

from sockwright.links.encoding import Decoded, decode
from sockwright.links.extract import Harvest
from sockwright.links.fragment import fragment_found, missing_texts
from sockwright.links.inflate import inflate
from sockwright.links.kind import charset_of, kind_of, kind_of_xml
from sockwright.links.link import Link
from sockwright.links.plain import is_list, read_list, read_text
from sockwright.links.resolve import Resolver

__all__ = ["Link", "Page", "fragment_found", "missing_texts", "read_page", "visible_text"]

# Links of one page that are kept, unless the caller says otherwise: more come from a machine, not a writer.
LINKS_PER_PAGE = 10_000

_PLACE = attrgetter("line", "column")


class Page(Struct, frozen=True, array_like=True):
    """A document read: what it links to, and what can be linked to in it."""

    url: str
    base: str  # what its links were resolved against: the first <base>, or `url`
    encoding: str  # as its bytes were decoded, in the WHATWG name ("UTF-8", "windows-1252")
    kind: str  # "html", "css", "markdown", "text", "sitemap", "feed", "other"
    links: list[Link]
    anchors: frozenset[str]  # ids and names, for fragments
    truncated: str = ""  # which limit cut it


def read_page(content: bytes, url: str, content_type: str = "", *, limit: int = LINKS_PER_PAGE) -> Page:
    """Read a document that came from `url` and find at most `limit` links in it.

    `content_type` is the field's value as it came, parameters and all. No input makes this raise: what
    cannot be read has no links, and a link that cannot be a URL carries its fault.
    """
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


def visible_text(content: bytes, url: str, content_type: str = "") -> str:
    """Return the text of a document as a reader sees it: what the text fragment of a link may quote."""
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
