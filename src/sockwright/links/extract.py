"""The harvest of one document: each link found is resolved, placed by line and column, and counted.

Readers of every kind (`html`, `css`, `markdown`, ...) find a value and its offset and hand them over here;
what a link means to them, resolution, places and limits are one story for all.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from sockwright.links.link import Link
from sockwright.links.resolve import Resolver

TEXT_LIMIT = 200  # characters of a link's own text that are kept


class Harvest:
    """Collects the links and anchors of one document.

    `text` is the whole document with `\\n` as its only line end; offsets count its characters from 0.
    """

    def __init__(self, text: str, resolver: Resolver, limit: int) -> None:
        self.text = text
        self.resolver = resolver
        self.limit = limit
        self.links: list[Link] = []
        self.full = False  # there were more links than the limit; anchors are still taken
        self.anchors: set[str] = set()
        self._starts: list[int] | None = None

    @property
    def starts(self) -> list[int]:
        """Offsets at which the lines begin."""
        if self._starts is None:
            lengths = map(len, self.text.split("\n"))
            self._starts = list(accumulate(map((1).__add__, lengths), initial=0))
        return self._starts

    def place(self, offset: int) -> tuple[int, int]:
        """Return line and column of an offset, both counted from 1."""
        starts = self._starts or self.starts
        line = bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1

    def add(
        self,
        raw: str,
        offset: int,
        origin: str,
        text: str = "",
        follow: bool = False,
        target: str | None = None,
        place: tuple[int, int] | None = None,
    ) -> None:
        """Take the link whose value begins at `offset`.

        `target` is what it means where that is not `raw`; `place` is the line and column of `offset`, if known.
        """
        links = self.links
        if len(links) >= self.limit:
            self.full = True
            return
        url, fault = self.resolver.resolve(raw if target is None else target)
        line, column = place or self.place(offset)
        links.append(Link(raw, url, line, column, origin, text, follow, fault))


class Inset(Harvest):
    """A document inside a value of another one: `srcdoc`, the HTML in a feed.

    Its links count for the outer document, its anchors do not. Where the value stands in the source letter by
    letter (`exact`), the places of its links are true; else each is placed where the value begins.
    """

    def __init__(self, text: str, outer: Harvest, offset: int, *, exact: bool, base: str = "") -> None:
        super().__init__(text, Resolver(base or outer.resolver.base, outer.resolver.encoding), outer.limit)
        self.links = outer.links
        self._outer = outer
        self._offset = offset
        self._exact = exact

    def add(
        self,
        raw: str,
        offset: int,
        origin: str,
        text: str = "",
        follow: bool = False,
        target: str | None = None,
        place: tuple[int, int] | None = None,
    ) -> None:
        super().add(raw, offset, origin, text, follow, target)  # the place in the inset is none in the document
        self._outer.full |= self.full

    def place(self, offset: int) -> tuple[int, int]:
        return self._outer.place(self._offset + (offset if self._exact else 0))


def cut_text(text: str) -> str:
    """Return a link's text on one line, cut to size."""
    if len(text) > TEXT_LIMIT:
        return " ".join(text[: 5 * TEXT_LIMIT].split())[:TEXT_LIMIT]
    words = text.split()
    return words[0] if len(words) == 1 else " ".join(words)
