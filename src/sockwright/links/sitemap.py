"""Links of sitemaps: pages, their pictures and translations, and the sitemaps of an index (sitemaps.org).

A sitemap in text form is a text with one URL on each line; `text` reads those.
"""

from __future__ import annotations

from sockwright.links.elements import find_value
from sockwright.links.extract import Harvest
from sockwright.links.markup import Name, read_xml

# the element, and the one around it that gives it its meaning -> origin, may a crawler go on from there?
_PLACES = {
    ("loc", "url"): ("sitemap", True),
    ("loc", "sitemap"): ("sitemap index", True),
    ("loc", "image"): ("sitemap image", False),
    ("content_loc", "video"): ("sitemap video", False),
    ("player_loc", "video"): ("sitemap video", False),
    ("thumbnail_loc", "video"): ("sitemap image", False),
}


class SitemapVisitor:
    """Harvests the `<loc>` of a sitemap, and the `<xhtml:link>` beside it."""

    def __init__(self, harvest: Harvest) -> None:
        self._harvest = harvest
        self._open: list[str] = []
        self._pieces: list[str] | None = None  # of the text of the place we are in
        self._offset = 0

    def begin(self, name: Name, attributes: dict[str, str], offset: int) -> None:
        around = self._open[-1] if self._open else ""
        self._open.append(name.local)
        self._pieces = [] if (name.local, around) in _PLACES else None
        self._offset = offset
        if name.local == "link" and (href := attributes.get("href", "").strip()):
            self._harvest.add(href, find_value(self._harvest.text, offset, "href")[0], "sitemap", "", True)

    def text(self, data: str, offset: int) -> None:
        if self._pieces is not None:
            if not self._pieces:
                if not data.strip():
                    return
                self._offset = offset + len(data) - len(data.lstrip())
            self._pieces.append(data)

    def end(self, name: Name) -> None:
        self._open.pop()
        if self._pieces and (raw := "".join(self._pieces).strip()):
            origin, follow = _PLACES[name.local, self._open[-1]]
            self._harvest.add(raw, self._offset, origin, "", follow)
        self._pieces = None


def read_sitemap(harvest: Harvest) -> str:
    """Harvest a sitemap or an index of sitemaps; return "" or why the reading ended early."""
    return read_xml(harvest.text, harvest.starts, SitemapVisitor(harvest))
