"""Where a crawl may go on to, and which links are left out: by host, path prefix and patterns."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct, field

# A path in which one segment stands this often is a trap that links to itself relative to itself.
_REPEATS_MAX = 4
_SEGMENTS_MAX = 40


class Scope(Struct):
    """Prefixes that a crawl stays in, and patterns of links that are asked or not."""

    prefixes: set[str] = field(default_factory=set)
    include: tuple[re.Pattern[str], ...] = ()
    exclude: tuple[re.Pattern[str], ...] = ()
    given: bool = False  # the user has named the prefixes; what the run begins with adds none

    def begin(self, origin: str) -> None:
        """Let the crawl stay on the host of an input, unless the user has drawn the line elsewhere."""
        if not self.given:
            self.prefixes.add(origin + "/")

    def redirected(self, origin: str, there: str) -> None:
        """Let the crawl go on where an input has moved to, if that is the same site by another name."""
        if not self.given and _bare(origin) == _bare(there):
            self.prefixes.add(there + "/")

    def inside(self, url: str) -> bool:
        """Tell whether the crawl may read `url` (canonical, without fragment) for further links."""
        for prefix in self.prefixes:
            if url.startswith(prefix) and (prefix.endswith("/") or len(url) == len(prefix) or url[len(prefix)] in "/?"):
                return True
        return False

    def left_out(self, url: str) -> str:
        """Return why `url` is not to be asked, or an empty string."""
        for pattern in self.exclude:
            if pattern.search(url):
                return f"excluded by {pattern.pattern!r}"
        if self.include and not any(pattern.search(url) for pattern in self.include):
            return "not among what --include names"
        return ""


def _bare(origin: str) -> str:
    return origin.partition("://")[2].rpartition("@")[2].partition(":")[0].removeprefix("www.")


def looks_endless(url: str) -> bool:
    """Tell whether the path of `url` repeats itself as only a trap's does (`/a/b/a/b/a/b/...`)."""
    segments = url.partition("?")[0].split("/")[3:]
    if len(segments) <= _REPEATS_MAX:
        return False
    if len(segments) > _SEGMENTS_MAX:
        return True
    return any(segment and segments.count(segment) > _REPEATS_MAX for segment in set(segments))


def patterns(texts: Iterable[str]) -> tuple[re.Pattern[str], ...]:
    """Compile regular expressions.

    Raises: re.error naming what is wrong with one.
    """
    return tuple(re.compile(text) for text in texts)
