"""Bodies that came although nobody wanted them, kept for a while: a link met later may lead into that page."""

from __future__ import annotations

from collections import OrderedDict

SPARE_MAX = 16_000_000  # bytes of them


class Spares:
    """Bodies by URL, the oldest given up first."""

    def __init__(self, most: int = SPARE_MAX) -> None:
        self._most = most
        self._bodies: OrderedDict[str, tuple[bytes, str]] = OrderedDict()
        self._bytes = 0

    def keep(self, url: str, spare: tuple[bytes, str]) -> None:
        """Keep a body and its media type."""
        self._bodies[url] = spare
        self._bytes += len(spare[0])
        while self._bytes > self._most:
            self._bytes -= len(self._bodies.popitem(last=False)[1][0])

    def take(self, url: str) -> tuple[bytes, str] | None:
        """Take out the body that came for `url`, if it is still here."""
        spare = self._bodies.pop(url, None)
        if spare is not None:
            self._bytes -= len(spare[0])
        return spare
