"""Where the links of pages wait for their verdicts: in memory as long as they are few, else in a file without a name.

A run over a million links meets most of them long before their turn comes. Pages whose links have all been told are
forgotten; of the others only those looked at last are kept in memory.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import IO

import msgspec

from sockwright.links.page import Link

IN_MEMORY = 100_000  # links; 40 MB or so


class Shelf:
    """Pages by number, each a list of links of which some are still to be told."""

    def __init__(self, most: int = IN_MEMORY) -> None:
        self._most = most
        self._here: OrderedDict[int, list[Link]] = OrderedDict()
        self._count = 0  # links in `_here`
        self._names: dict[int, str] = {}
        self._left: dict[int, int] = {}  # links that are still to be told
        self._away: dict[int, tuple[int, int]] = {}  # where in the file: offset, length
        self._file: IO[bytes] | None = None
        self._end = 0
        self._next = 0

    def put(self, page: str, links: list[Link]) -> int:
        """Keep the links of a page; return its number."""
        number = self._next
        self._next += 1
        self._names[number] = page
        self._left[number] = len(links)
        self._here[number] = links
        self._count += len(links)
        if self._count > self._most:
            self._make_room(number)
        return number

    def tell(self, number: int, place: int) -> tuple[str, Link]:
        """Return the page and the link at `place` of it, which is told now."""
        links = self._here.get(number)
        if links is None:
            links = self._fetch(number)
        page = self._names[number]
        left = self._left[number]
        if left > 1:
            self._left[number] = left - 1
        else:
            self.told(number)
        return page, links[place]

    def told(self, number: int, count: int = 1) -> None:
        """Note that `count` more links of a page have been told; after the last one the page is forgotten."""
        left = self._left[number] - count
        if left:
            self._left[number] = left
            return
        del self._left[number], self._names[number]
        links = self._here.pop(number, None)
        if links is not None:
            self._count -= len(links)
        self._away.pop(number, None)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _fetch(self, number: int) -> list[Link]:
        assert self._file is not None
        offset, length = self._away[number]
        self._file.seek(offset)
        links = msgspec.msgpack.decode(self._file.read(length), type=list[Link])
        self._here[number] = links
        self._count += len(links)
        self._make_room(number)
        return links

    def _make_room(self, kept: int) -> None:
        """Put pages away, the one that came or was fetched first at first, until few enough links are here."""
        while self._count > self._most and len(self._here) > 1:
            number, links = self._here.popitem(last=False)
            if number == kept:
                self._here[number] = links
                continue
            self._count -= len(links)
            if number not in self._away:
                self._put_away(number, links)

    def _put_away(self, number: int, links: list[Link]) -> None:
        if self._file is None:
            import tempfile  # most runs never need it

            self._file = tempfile.TemporaryFile("w+b", prefix="sockwright-links-")  # noqa: SIM115  until `close`
        try:
            packed = msgspec.msgpack.encode(links)
        except UnicodeEncodeError:  # half a surrogate pair: such a page stays here
            self._here[number] = links
            self._here.move_to_end(number, last=True)
            self._count += len(links)
            self._most += len(links)
            return
        self._file.seek(self._end)
        self._file.write(packed)
        self._away[number] = (self._end, len(packed))
        self._end += len(packed)
