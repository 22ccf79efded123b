"""How a run is told: to a person at a terminal, as JSON lines, and as files for other programs.

A report is told of links as their verdicts come, and of the end. Foreign text (URLs, link texts, reasons) is made
harmless by each report in its own way: escaped for a terminal, XML, HTML or a spreadsheet.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct, field

from sockwright.links.local import path_of
from sockwright.links.page import Link
from sockwright.links.policy import FAILING
from sockwright.links.verdict import Verdict

if TYPE_CHECKING:
    from sockwright.links.crawler import Crawler


class Summary(Struct):
    """The run as a whole."""

    pages: int = 0
    links: int = 0
    urls: int = 0
    classes: dict[str, int] = field(default_factory=dict)  # links by class
    failed: int = 0  # links of a class that fails the run
    limits: dict[str, int] = field(default_factory=dict)  # limits that were reached -> how often
    requests: int = 0
    bytes: int = 0  # of bodies that came
    seconds: float = 0.0
    interrupted: bool = False


class Reporter(Protocol):
    """One way to tell a run."""

    def link(self, page: str, link: Link, verdict: Verdict) -> None:
        """Be told of a link; `page` is the URL of the page that holds it."""

    def progress(self, crawler: Crawler) -> None:
        """Be told, several times a second, that the run goes on."""

    def finish(self, summary: Summary) -> None:
        """Be told that it is over."""


def some(count: int, what: str) -> str:
    """Return a number of things in words."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def named_from_here(page: str) -> str:
    """Return the page as a person calls it: a file below where we are by its path, anything else by its URL."""
    if page.startswith("file:") and (path := path_of(page)) is not None:
        try:
            return path.relative_to(Path.cwd()).as_posix()
        except ValueError:
            pass
    return page


def target_of(link: Link) -> str:
    """Return where a link leads as a person calls it: between files as it is written, else its URL."""
    return link.raw if not link.url or link.url.startswith("file:") else link.url


class Reports:
    """Several reports as one."""

    def __init__(self, reporters: Iterable[Reporter], failing: frozenset[str] = FAILING) -> None:
        self._reporters = tuple(reporters)
        self._failing = failing
        self._only = self._reporters[0] if len(self._reporters) == 1 else None
        if self._only is not None:
            self.link = self._only.link  # type: ignore[method-assign]  # one call less, 40,000 times

    def link(self, page: str, link: Link, verdict: Verdict) -> None:
        for reporter in self._reporters:
            reporter.link(page, link, verdict)

    def progress(self, crawler: Crawler) -> None:
        for reporter in self._reporters:
            reporter.progress(crawler)

    def finish(self, summary: Summary) -> None:
        for reporter in reversed(self._reporters):  # the first one writes to a pipe, whose reader may be gone
            reporter.finish(summary)
