"""JUnit XML, which every CI server shows: a test case per link, a class per page."""

from __future__ import annotations

import re
import shutil
import tempfile
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from sockwright.links.page import Link
from sockwright.links.reports import Summary, named_from_here
from sockwright.links.reports.files import Draft
from sockwright.links.verdict import WORKS, Verdict

if TYPE_CHECKING:
    from sockwright.links.crawler import Crawler

# XML 1.0 has no way to write these, not even as references (2.2).
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LONG = 2_000  # characters of an attribute


def _attribute(text: str) -> str:
    return quoteattr(_NO_XML.sub("\ufffd", text[:_LONG]))


class JUnitReport:
    """The totals stand in front, so cases wait in a file of their own until they are known."""

    def __init__(self, draft: Draft, failing: frozenset[str]) -> None:
        self._draft = draft
        self._failing = failing
        self._cases = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115  until `finish`
        self._failed = self._skipped = 0

    def link(self, page: str, link: Link, verdict: Verdict) -> None:
        name = f"{link.line}:{link.column} {link.url or link.raw}"
        head = f"<testcase classname={_attribute(named_from_here(page) or 'inputs')} name={_attribute(name)}"
        if verdict.kind in self._failing:
            self._failed += 1
            words = _attribute(f"{verdict.kind}: {verdict.reason}")
            self._cases.write(f"{head}><failure type={_attribute(verdict.kind)} message={words}/></testcase>\n")
        elif verdict.kind in WORKS:
            self._cases.write(f"{head}/>\n")
        else:
            self._skipped += 1
            words = _attribute(f"{verdict.kind}: {verdict.reason}")
            self._cases.write(f"{head}><skipped message={words}/></testcase>\n")

    def progress(self, crawler: Crawler) -> None:
        pass

    def finish(self, summary: Summary) -> None:
        counts = f'tests="{summary.links}" failures="{self._failed}" skipped="{self._skipped}" errors="0"'
        file = self._draft.file
        file.write(f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites {counts}>\n')
        file.write(f'<testsuite name="links" {counts} time="{summary.seconds}">\n')
        self._cases.seek(0)
        shutil.copyfileobj(self._cases, file)
        self._cases.close()
        file.write("</testsuite>\n</testsuites>\n")
        self._draft.done()
