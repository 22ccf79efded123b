"""robots.txt (RFC 9309): what a host lets machines ask.

A checker is a machine that asks for much, so it keeps to it. Parsing and matching are protego's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sockwright.links.asking import ROBOTS_NAME

if TYPE_CHECKING:
    from protego import Protego

TEXT_MAX = 512_000  # bytes that are read (RFC 9309, 2.5, asks for at least 500 KiB)
REDIRECTS_MAX = 5  # RFC 9309, 2.3.1.2
DELAY_MAX = 10.0  # seconds of Crawl-delay that are obeyed


class Rules:
    """What one host's robots.txt says to us."""

    def __init__(self, content: bytes) -> None:
        text = content[:TEXT_MAX].decode("utf-8", "replace").removeprefix("\ufeff")
        self._parsed: Protego | None = None
        lowered = text.lower()
        if "disallow" in lowered or "crawl-delay" in lowered or "request-rate" in lowered:
            from protego import Protego  # not needed for the many hosts that forbid nothing

            self._parsed = Protego.parse(text)

    def allows(self, url: str) -> bool:
        return self._parsed is None or bool(self._parsed.can_fetch(url, ROBOTS_NAME))

    @property
    def delay(self) -> float:
        """Seconds between two asks that it wishes for, as far as we go along with it."""
        wished = self._parsed.crawl_delay(ROBOTS_NAME) if self._parsed else None
        return min(float(wished), DELAY_MAX) if wished else 0.0


class Forbidden(Rules):
    """A host whose robots.txt cannot be had because of the host: all is forbidden (RFC 9309, 2.3.1.4)."""

    def __init__(self) -> None:
        super().__init__(b"")

    def allows(self, url: str) -> bool:
        return False


NO_RULES = Rules(b"")
