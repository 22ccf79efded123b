"""One link, as one place of a document wrote it."""

from __future__ import annotations

from msgspec import Struct


class Link(Struct, frozen=True, array_like=True, gc=False):
    """One link as one place of a document wrote it."""

    raw: str  # as written, entities decoded, nothing stripped
    url: str  # resolved against the base, canonical, with fragment; "" where it cannot be a URL
    line: int  # of the value in the document, counted from 1
    column: int  # in characters, counted from 1
    origin: str  # "a[href]", "img[srcset]", "css url()", "css @import", "meta refresh", "markdown", "text", ...
    text: str  # the link's own text, alt or title, cut to 200 characters
    follow: bool  # a crawler may go on from there as from a page
    fault: str = ""  # why it is no URL at all
