"""Links of feeds: RSS 0.9 to 2.0 and Atom (RFC 4287), with the HTML and XHTML inside their entries."""

from __future__ import annotations

from sockwright.links.elements import find_value
from sockwright.links.extract import Harvest, Inset, cut_text
from sockwright.links.html import based, read_html
from sockwright.links.markup import Name, read_xml
from sockwright.links.resolve import Resolver
from sockwright.links.xhtml import XHTML, PageVisitor

ATOM = "http://www.w3.org/2005/Atom"
_BASE = "http://www.w3.org/XML/1998/namespace base"

# Elements whose text is a URL -> may a crawler go on from there? First of RSS and its modules, then of Atom.
_TEXTS = {"link": True, "comments": True, "commentRss": True, "guid": True, "docs": True, "url": False}
_ATOM_TEXTS = {"uri": True, "icon": False, "logo": False}
# Elements of any kind of feed with a URL in an attribute.
_ATTRIBUTES = {
    "link": ("href", True),
    "enclosure": ("url", False),
    "source": ("url", True),
    "content": ("src", True),
    "generator": ("uri", True),
    "image": ("href", False),
    "thumbnail": ("url", False),
}
# Elements whose text is HTML, written with entities or in CDATA; in Atom only where `type` says so.
_HTML = frozenset({"description", "encoded"})
_ATOM_HTML = frozenset({"content", "summary", "title", "subtitle", "rights"})
_NO_DOCUMENTS = frozenset({"hub", "pingback", "webmention"})  # they want a POST


class FeedVisitor:
    """Harvests the links of a feed and of what its entries hold."""

    def __init__(self, harvest: Harvest) -> None:
        self._harvest = harvest
        self._bases = [harvest.resolver.base]
        self._open: list[tuple[Name, dict[str, str]]] = []
        self._pieces: list[str] = []
        self._offset = 0
        self._title = ""
        self._link = ""  # of the item we are in: what relative links in its HTML are relative to
        self._page: PageVisitor | None = None  # reads XHTML inside the feed
        self._page_depth = 0

    def begin(self, name: Name, attributes: dict[str, str], offset: int) -> None:
        base = attributes.get(_BASE)
        self._bases.append(self._bases[-1] if base is None else based(self._bases[-1], base))
        self._open.append((name, attributes))
        self._pieces = []
        self._offset = offset
        if self._page is None and name.space == XHTML:
            self._page, self._page_depth = PageVisitor(self._harvest, anchors=False), len(self._open)
        if self._page is not None:
            self._rebase(self._bases[-1])
            self._page.begin(name, attributes, offset)
            return
        if name.local in ("item", "entry"):
            self._title = self._link = ""
        self._read_attributes(name, attributes, offset)

    def _read_attributes(self, name: Name, attributes: dict[str, str], offset: int) -> None:
        attribute, follow = _ATTRIBUTES.get(name.local, ("", False))
        raw = attributes.get(attribute, "").strip() if attribute else ""
        rels = attributes.get("rel", "alternate").lower().split()
        if not raw or not _NO_DOCUMENTS.isdisjoint(rels):
            return
        follow = follow and "enclosure" not in rels
        title = cut_text(attributes.get("title", "")) or self._title
        self._add(raw, find_value(self._harvest.text, offset, attribute)[0], title, follow)
        if name.local == "link" and "alternate" in rels and self._harvest.links:
            self._link = self._link or self._harvest.links[-1].url

    def text(self, data: str, offset: int) -> None:
        if self._page is not None:
            self._page.text(data, offset)
            return
        if not self._pieces:
            if not data.strip():
                return
            self._offset = offset + len(data) - len(data.lstrip())
            data = data.lstrip()
        self._pieces.append(data)

    def end(self, name: Name) -> None:
        base = self._bases.pop()
        if self._page is not None:
            self._page.end(name)
            if len(self._open) == self._page_depth:
                self._page = None
            self._open.pop()
            return
        attributes = self._open.pop()[1]
        text = "".join(self._pieces).rstrip()
        self._pieces = []
        if not text:
            return
        if name.local == "title":
            self._title = cut_text(text)
        follow = (_ATOM_TEXTS if name.space == ATOM else _TEXTS).get(name.local)
        if follow is not None:
            self._read_text(name, attributes, text, follow)
        elif "<" in text and (
            attributes.get("type") == "html" and name.local in _ATOM_HTML if name.space == ATOM else name.local in _HTML
        ):
            exact = self._harvest.text.startswith(text, self._offset)
            inner = base if base != self._bases[0] else self._link or base
            read_html(Inset(text, self._harvest, self._offset, exact=exact, base=inner), depth=1)

    def _read_text(self, name: Name, attributes: dict[str, str], text: str, follow: bool) -> None:
        if name.local == "guid" and (attributes.get("isPermaLink", "true") == "false" or "://" not in text):
            return
        self._add(text, self._offset, self._title, follow)
        if name.local == "link" and self._harvest.links:
            self._link = self._harvest.links[-1].url

    def _add(self, raw: str, offset: int, text: str, follow: bool) -> None:
        self._rebase(self._bases[-1])
        self._harvest.add(raw, offset, "feed", text, follow)

    def _rebase(self, base: str) -> None:
        if self._harvest.resolver.base != base:
            self._harvest.resolver = Resolver(base, self._harvest.resolver.encoding)


def read_feed(harvest: Harvest) -> str:
    """Harvest a feed; return "" or why the reading ended early."""
    resolver = harvest.resolver
    try:
        return read_xml(harvest.text, harvest.starts, FeedVisitor(harvest))
    finally:
        harvest.resolver = resolver  # what the document's own base is, after all the `xml:base` inside
