"""Links and anchors of pages that are XML: XHTML and SVG documents, read as browsers read them, as XML."""

from __future__ import annotations

from sockwright.links.elements import Reading
from sockwright.links.extract import TEXT_LIMIT, Harvest, Inset, cut_text
from sockwright.links.html import based, read_html
from sockwright.links.markup import Name, read_xml
from sockwright.links.resolve import Resolver

XHTML = "http://www.w3.org/1999/xhtml"
_LANGUAGES = {
    XHTML: "html",
    "http://www.w3.org/2000/svg": "svg",
    "http://www.w3.org/1998/Math/MathML": "math",
}
_ATTRIBUTES = {
    "http://www.w3.org/1999/xlink href": "xlink:href",
    "http://www.w3.org/XML/1998/namespace id": "id",
}


class Tag:
    """An element as far as it is read: name, attributes, and later its text."""

    __slots__ = ("attributes", "language", "length", "offset", "pieces", "tag")

    def __init__(self, tag: str, language: str, attributes: dict[str, str], offset: int) -> None:
        self.tag = tag
        self.language = language
        self.attributes = {_ATTRIBUTES.get(name, name): value for name, value in attributes.items()}
        self.offset = offset
        self.pieces: list[str] = []  # of its text
        self.length = 0

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def attr(self, name: str, default: None = None, /) -> str | None:
        return self.attributes.get(name, default)


class PageVisitor:
    """Harvests the elements of XHTML, SVG and MathML, wherever they stand."""

    def __init__(self, harvest: Harvest, *, anchors: bool = True) -> None:
        self._harvest = harvest
        self._anchors = anchors
        self._based = False
        self._reading = Reading(harvest, lambda tag: cut_text(tag.text), self._read_inner)
        self._open: list[Tag | None] = []  # None: an element whose text is nothing to us
        self._wanting: list[Tag] = []  # the open elements whose text is wanted
        self._inert = 0  # templates we are in

    def begin(self, name: Name, attributes: dict[str, str], offset: int) -> None:
        language = _LANGUAGES.get(name.space, "")
        if name == (XHTML, "template"):
            self._inert += 1
        tag = None
        if language and not self._inert:
            tag = Tag(name.local, language, attributes, offset)
            self._take_anchors(tag)
            if name == (XHTML, "base") and not self._based and (href := tag.attr("href")) is not None:
                self._based = True
                resolver = self._harvest.resolver
                self._harvest.resolver = Resolver(based(resolver.base, href), resolver.encoding)
            if name.local in ("a", "style"):
                self._wanting.append(tag)
            else:
                self._reading.read(tag, offset, language)
                tag = None
        self._open.append(tag)

    def text(self, data: str, offset: int) -> None:
        for tag in self._wanting[-3:]:  # links in links are rare, and a thousand of them an attack
            if tag.tag == "style" or tag.length < 2 * TEXT_LIMIT:
                tag.pieces.append(data)
                tag.length += len(data)

    def end(self, name: Name) -> None:
        if name == (XHTML, "template"):
            self._inert -= 1
        if (tag := self._open.pop()) is not None:
            self._wanting.pop()
            self._reading.read(tag, tag.offset, tag.language)

    def _take_anchors(self, tag: Tag) -> None:
        if self._anchors:
            names = {tag.attr("id"), tag.attr("name") if tag.tag == "a" else None}
            self._harvest.anchors.update(name for name in names if name)

    def _read_inner(self, text: str, offset: int, exact: bool) -> None:
        read_html(Inset(text, self._harvest, offset, exact=exact), depth=1)


def read_xhtml(harvest: Harvest) -> str:
    """Harvest an XHTML or SVG document; return "" or why the reading ended early.

    A browser shows a page that is not well-formed up to its fault, and so are its links read.
    """
    return read_xml(harvest.text, harvest.starts, PageVisitor(harvest))
