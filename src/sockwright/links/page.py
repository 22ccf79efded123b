"""What a document says about where one may go from it: its links, its base and its anchors.

This is the seam between reading and asking: bytes come in, values go out, and nothing here
knows of connections.
"""

from __future__ import annotations

from dataclasses import dataclass

from sockwright.links.fragment import fragment_found

__all__ = ["Link", "Page", "fragment_found", "read_page"]

# Links of one page that are kept, unless the caller says otherwise: more come from a machine, not a writer.
LINKS_PER_PAGE = 10_000


@dataclass(frozen=True, slots=True)
class Link:
    """One link as one place of a document wrote it."""

    raw: str  # as written, entities decoded, nothing stripped
    url: str  # resolved against the base, canonical, with fragment; "" where it cannot be a URL
    line: int  # of the value in the document, counted from 1
    column: int  # in characters, counted from 1
    origin: str  # "a[href]", "img[srcset]", "css url()", "css @import", "meta refresh", "markdown", "text", ...
    text: str  # the link's own text, alt or title, cut to 200 characters
    follow: bool  # a crawler may go on from there as from a page
    fault: str = ""  # why it is no URL at all


@dataclass(frozen=True, slots=True)
class Page:
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
    return Page(url=url, base=url, encoding="", kind="other", links=[], anchors=frozenset())
