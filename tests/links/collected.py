"""A run in this process, its links collected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from sockwright.links.asking import Limits
from sockwright.links.fetcher import Settings
from sockwright.links.inputs import inputs_of, root_of
from sockwright.links.page import Link
from sockwright.links.reports import Summary
from sockwright.links.run import Options, check
from sockwright.links.terms import Bounds
from sockwright.links.verdict import Verdict

if TYPE_CHECKING:
    from sockwright.links.crawler import Crawler

ENGINE = "curl"
QUICK = Limits(connect=1.0, first_byte=1.0, total=2.0)


@dataclass
class Collected:
    """A reporter that keeps all it is told."""

    found: list[tuple[str, Link, Verdict]] = field(default_factory=list)
    summary: Summary | None = None

    def link(self, page: str, link: Link, verdict: Verdict) -> None:
        self.found.append((page, link, verdict))

    def progress(self, crawler: Crawler) -> None:
        pass

    def finish(self, summary: Summary) -> None:
        self.summary = summary

    def by_raw(self) -> dict[str, Verdict]:
        return {link.raw: verdict for _, link, verdict in self.found}

    def kinds(self) -> dict[str, str]:
        return {raw: verdict.kind for raw, verdict in self.by_raw().items()}


def crawl(
    *names: str,
    recursive: bool = False,
    limits: Limits = QUICK,
    robots: bool = False,
    stdin: bytes = b"",
    depth: int = 20,
    pages: int = 5000,
    seconds: float = 60.0,
    settings: Settings | None = None,
    root: Path | None = None,
    **options: Any,
) -> Collected:
    """Check `names` and return what was found."""
    settings = settings or Settings(robots=robots)
    chosen = Options(
        settings=replace(settings, limits=limits),
        bounds=Bounds(recursive, depth, pages, seconds),
        root=root or root_of(names),
        **{"engine": ENGINE, **options},
    )
    collected = Collected()
    check(inputs_of(names, lambda: stdin), chosen, [collected], names=names)
    assert collected.summary is not None
    assert collected.summary.links == len(collected.found)
    return collected


def page_of(links: Sequence[str]) -> str:
    """Return an HTML page with these links."""
    return "<!doctype html><title>t</title>" + "".join(f'<a href="{link}">{link}</a>\n' for link in links)
