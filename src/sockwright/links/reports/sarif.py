"""SARIF 2.1.0, which code hosts show beside the lines of the files: a result per link that is worth a look."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from sockwright import __version__
from sockwright.links.page import Link
from sockwright.links.policy import CLASSES
from sockwright.links.reports import Summary, named_from_here, target_of
from sockwright.links.reports.files import Findings, in_words
from sockwright.links.verdict import WORKS, Verdict
from sockwright.wire.visible import visible

if TYPE_CHECKING:
    from sockwright.links.crawler import Crawler

_RESULTS_MAX = 20_000  # code hosts refuse more than 25,000


class SarifReport:
    def __init__(self, put: Callable[[str], None], failing: frozenset[str]) -> None:
        self._put = put
        self._failing = failing
        self._findings = Findings(_RESULTS_MAX)

    def link(self, page: str, link: Link, verdict: Verdict) -> None:
        self._findings.add(page, link, verdict)

    def progress(self, crawler: Crawler) -> None:
        pass

    def finish(self, summary: Summary) -> None:
        results = [self._result(page, *one) for page, found in self._findings.sorted() for one in found]
        rules = [{"id": kind, "shortDescription": {"text": meaning}} for kind, (_, meaning) in CLASSES.items()]
        driver = {"name": "sockwright links", "version": __version__, "rules": rules}
        note = in_words(summary)
        if self._findings.more:
            note += f"; {self._findings.more} more results were left out"
        invocation = {
            "executionSuccessful": not summary.interrupted,
            "toolExecutionNotifications": [{"level": "note", "message": {"text": note}}],
        }
        run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "invocations": [invocation]}
        log = {
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [{**run, "results": results}],
        }
        self._put(msgspec.json.format(msgspec.json.encode(log)).decode() + "\n")

    def _result(self, page: str, link: Link, verdict: Verdict) -> dict[str, Any]:
        level = "error" if verdict.kind in self._failing else "note" if verdict.kind in WORKS else "warning"
        text = f"{visible(target_of(link), 500)}: {visible(verdict.hint or verdict.reason, 500)}"
        place: dict[str, Any] = {"artifactLocation": {"uri": _uri(page)}}
        if link.line > 0:
            place["region"] = {"startLine": link.line, "startColumn": max(1, link.column)}
        return {
            "ruleId": verdict.kind,
            "level": level,
            "message": {"text": text},
            "locations": [{"physicalLocation": place}],
        }


def _uri(page: str) -> str:
    """Return a page's URI; a file below where we are is named from there, as code hosts want it."""
    named = named_from_here(page)
    return (named if named == page else quote(named)) or "inputs"
