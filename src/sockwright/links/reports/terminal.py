"""For a person: a progress line while it runs, then what is wrong by page, with line, column and the link's text."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import IO, TYPE_CHECKING

from sockwright.links.page import Link
from sockwright.links.policy import CLASSES, FAILING
from sockwright.links.reports import Summary, named_from_here, some, target_of
from sockwright.links.verdict import Verdict
from sockwright.wire.visible import visible

if TYPE_CHECKING:
    from sockwright.links.crawler import Crawler

_PAGES_SHOWN = 200  # pages with something to tell that are listed; the rest is counted
_LINKS_SHOWN = 50  # links of one page
_EVERY = 0.1  # seconds between two progress lines
_PAINT = {"broken": "31", "time-out": "31", "dns": "31", "tls": "31", "refused": "31", "blocked": "33"}
_PAINT |= {"rate-limited": "33", "flaky": "33", "robots": "33", "redirected": "36", "skipped": "2", "ok": "32"}


class TerminalReport:
    """Keeps what is to be told until the end; `out` gets the findings, `remarks` the progress line."""

    def __init__(
        self,
        out: IO[str],
        remarks: IO[str],
        *,
        colour: bool = False,
        moving: bool = False,
        failing: frozenset[str] = FAILING,
        verbose: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._out = out
        self._remarks = remarks
        self._colour = colour
        self._moving = moving
        self._failing = failing
        self._shown = frozenset(CLASSES) - {"ok"} if verbose else failing | {"flaky", "rate-limited"}
        self._verbose = verbose
        self._clock = clock
        self._next = 0.0
        self._found: dict[str, list[tuple[Link, Verdict]]] = {}
        self._more: dict[str, int] = {}
        self._hints: dict[str, int] = {}

    def link(self, page: str, link: Link, verdict: Verdict) -> None:
        if verdict.hint and not self._verbose and verdict.kind not in self._shown:
            self._hints["moved for good" if verdict.permanent else "with a note"] = (
                self._hints.get("moved for good" if verdict.permanent else "with a note", 0) + 1
            )
        if verdict.kind not in self._shown and not (self._verbose and verdict.hint):
            return
        found = self._found.get(page)
        if found is None:
            if len(self._found) >= _PAGES_SHOWN:
                self._more[""] = self._more.get("", 0) + 1
                return
            found = self._found[page] = []
        if len(found) < _LINKS_SHOWN:
            found.append((link, verdict))
        else:
            self._more[page] = self._more.get(page, 0) + 1

    def progress(self, crawler: Crawler) -> None:
        if not self._moving:
            return
        now = self._clock()
        if now < self._next:
            return
        self._next = now + _EVERY
        tally = crawler.tally
        failed = sum(count for kind, count in tally.classes.items() if kind in self._failing)
        self._remarks.write(
            f"\r\x1b[K{tally.pages} pages, {tally.links} links checked, {crawler.unsettled} URLs to go, {failed} failed"
        )
        self._remarks.flush()

    def finish(self, summary: Summary) -> None:
        if self._moving:
            self._remarks.write("\r\x1b[K")
            self._remarks.flush()
        for page, found in self._found.items():
            self._write(self._paint("1", visible(named_from_here(page), 300)))
            found.sort(key=lambda one: (one[0].line, one[0].column))
            widths = (
                max(len(f"{link.line}:{link.column}") for link, _ in found),
                max(len(verdict.kind) for _, verdict in found),
            )
            for link, verdict in found:
                self._one(link, verdict, *widths)
            if page in self._more:
                self._write(f"  and {self._more[page]} more on this page")
        if "" in self._more:
            self._write(f"and {self._more['']} more links on further pages (--json and --report tell them all)")
        self._sum(summary)

    def _one(self, link: Link, verdict: Verdict, place_width: int, kind_width: int) -> None:
        place = f"{link.line}:{link.column}".ljust(place_width)
        kind = self._paint(_PAINT.get(verdict.kind, "0"), verdict.kind.ljust(kind_width))
        target = visible(target_of(link), 300)
        text = f'  "{visible(" ".join(link.text.split()), 60)}"' if link.text.strip() else ""
        self._write(f"  {place}  {kind}  {target}{text}")
        self._write(f"      {visible(verdict.reason, 300)}")
        for hop in verdict.redirects[:-1]:
            self._write(f"      by way of {visible(hop, 300)}")
        if verdict.hint:
            self._write(f"      {visible(verdict.hint, 300)}")

    def _sum(self, summary: Summary) -> None:
        for limit, count in summary.limits.items():
            times = f" ({count} times)" if count > 1 else ""
            self._write(self._paint("33", f"limit: {visible(limit, 300)}{times}"))
        kinds = ", ".join(f"{summary.classes[kind]} {kind}" for kind in CLASSES if summary.classes.get(kind))
        self._write(
            f"{some(summary.links, 'link')} on {some(summary.pages, 'page')}, {some(summary.urls, 'URL')},"
            f" {some(summary.requests, 'request')}"
            f" in {summary.seconds:.1f} s: {kinds or 'nothing to check'}"
        )
        for what, count in self._hints.items():
            self._write(f"{count} {what} (--verbose shows {'it' if count == 1 else 'them'})")

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour else text

    def _write(self, text: str) -> None:
        self._out.write(text + "\n")
