"""XML read element by element, with places: the common ground of sitemaps, feeds, XHTML and SVG.

Entities of the document's own are refused, since a few lines of them make gigabytes; those that a DTD
elsewhere may define (`&nbsp;`) are skipped, and no DTD is ever asked for. What is not well-formed ends the
reading there.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol
from xml.parsers import expat

DEPTH = 10_000  # elements inside each other; more is an attack


class Name(NamedTuple):
    """An element's name."""

    space: str  # its namespace, "" for none
    local: str


class Visitor(Protocol):
    """Is told of elements in document order. Offsets count characters from 0."""

    def begin(self, name: Name, attributes: dict[str, str], offset: int) -> None:
        """An element begins; attributes in a namespace are named `namespace local`."""

    def text(self, data: str, offset: int) -> None:
        """A piece of character data, entities decoded."""

    def end(self, name: Name) -> None:
        """The element begun last that has not ended, ends."""


def read_xml(text: str, starts: list[int], visitor: Visitor) -> str:
    """Lead a visitor through an XML document; return "" or why the reading ended early.

    `starts` are the offsets of its lines.
    """
    parser = expat.ParserCreate("utf-8", " ")
    parser.UseForeignDTD(True)  # an entity that nobody defined is skipped and not an error
    names: list[Name] = []
    known: dict[str, Name] = {}

    def offset() -> int:
        return starts[parser.CurrentLineNumber - 1] + parser.CurrentColumnNumber

    def begin(full: str, attributes: dict[str, str]) -> None:
        name = known.get(full)
        if name is None:
            space, _, local = full.rpartition(" ")
            name = known.setdefault(full, Name(space, local))
        if len(names) >= DEPTH:
            raise _Refused(f"elements are more than {DEPTH} deep")
        names.append(name)
        visitor.begin(name, attributes, offset())

    def end(_: str) -> None:
        visitor.end(names.pop())

    def entity(name: str, *_: object) -> None:
        raise _Refused(f"the document defines an entity of its own: {name[:40]!r}")

    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.CharacterDataHandler = lambda data: visitor.text(data, offset())
    parser.EntityDeclHandler = entity
    try:
        parser.Parse(text.encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        return f"XML: {expat.ErrorString(error.code)}, line {error.lineno}, column {error.offset + 1}"
    except _Refused as refusal:
        return f"XML: {refusal}, line {parser.CurrentLineNumber}"
    return ""


class _Refused(Exception):
    pass
