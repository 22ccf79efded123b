"""CSV, a row per link (RFC 4180), which a spreadsheet opens without running what a page has put into it."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from sockwright.links.page import Link
from sockwright.links.reports import Summary
from sockwright.links.reports.files import Draft
from sockwright.links.verdict import Verdict
from sockwright.wire.visible import visible

if TYPE_CHECKING:
    from sockwright.links.crawler import Crawler

COLUMNS = ("class", "status", "url", "page", "line", "column", "text", "reason", "redirects", "hint", "raw", "origin")
_FORMULA = tuple("=+-@\t\r")


def _cell(text: str) -> str:
    """Return foreign text as a cell: control bytes visible, and no formula."""
    text = visible(text)
    return f"'{text}" if text.startswith(_FORMULA) else text


class TableReport:
    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._rows = csv.writer(draft.file)
        self._rows.writerow(COLUMNS)

    def link(self, page: str, link: Link, verdict: Verdict) -> None:
        self._rows.writerow(
            (
                verdict.kind,
                verdict.status or "",
                _cell(link.url),
                _cell(page),
                link.line,
                link.column,
                _cell(link.text),
                _cell(verdict.reason),
                _cell(" ".join(verdict.redirects)),
                _cell(verdict.hint),
                _cell(link.raw),
                link.origin,
            )
        )

    def progress(self, crawler: Crawler) -> None:
        pass

    def finish(self, summary: Summary) -> None:
        self._draft.done()
