"""What a document says about where one may go from it: its links, its base and its anchors.

This is the seam between reading and asking: bytes come in, values go out, and nothing here
knows of connections.
"""

from __future__ import annotations

from msgspec import Struct

from sockwright.links.fragment import fragment_found, missing_texts
from sockwright.links.link import Link

__all__ = ["Link", "Page", "fragment_found", "missing_texts", "read_page", "visible_text"]

# Links of one page that are kept, unless the caller says otherwise: more come from a machine, not a writer.
LINKS_PER_PAGE = 10_000


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
    from sockwright.links.reading import read  # not for a process that has its pages read elsewhere

    return read(content, url, content_type, limit)


def visible_text(content: bytes, url: str, content_type: str = "") -> str:
    """Return the text of a document as a reader sees it: what the text fragment of a link may quote."""
    from sockwright.links.reading import text_of

    return text_of(content, url, content_type)
