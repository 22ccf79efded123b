"""Reports that are files: which kind by the file's ending, written beside it first and put in place when whole."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from sockwright.errors import ConfigError
from sockwright.links.page import Link
from sockwright.links.policy import CLASSES, FAILING
from sockwright.links.reports import Reporter, Summary, some
from sockwright.links.verdict import Verdict

ENDINGS = {".xml": "junit", ".csv": "csv", ".sarif": "sarif", ".html": "html", ".htm": "html", ".jsonl": "lines"}


class Draft:
    """A file that appears under its name only when it is whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        except OSError as wrong:
            raise ConfigError(f"cannot write {path}: {wrong.strerror}") from None
        self._name = name
        self.file: IO[str] = os.fdopen(number, "w+", encoding="utf-8", errors="replace", newline="")

    def put(self, text: str) -> None:
        """Write the whole file at once, in place of what was written before."""
        self.file.seek(0)
        self.file.truncate()
        self.file.write(text)
        self.done()

    def done(self) -> None:
        """Put the file in its place."""
        self.file.close()
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(self._name, 0o666 & ~mask)
        os.replace(self._name, self.path)

    def drop(self) -> None:
        """Forget it, if it is not in its place yet."""
        self.file.close()
        Path(self._name).unlink(missing_ok=True)


def file_reports(names: Iterable[str], failing: frozenset[str] = FAILING) -> list[Reporter]:
    """Return a report for each file name.

    Raises: ConfigError for an ending that says nothing, and for a file that cannot be written.
    """
    return [_report(Path(name), failing) for name in names]


def _report(path: Path, failing: frozenset[str]) -> Reporter:
    kind = ENDINGS.get(path.suffix.lower()) or ENDINGS.get(Path(path.stem).suffix.lower())
    if kind is None:
        known = ", ".join(f"{ending} ({what})" for ending, what in ENDINGS.items())
        raise ConfigError(f"what kind of report is {path.name!r}?", cure=f"its ending says it: {known}")
    if kind == "lines":
        from sockwright.links.reports.lines import LinesReport

        try:
            return LinesReport(path.open("wb"))
        except OSError as wrong:
            raise ConfigError(f"cannot write {path}: {wrong.strerror}") from None
    draft = Draft(path)
    if kind == "junit":
        from sockwright.links.reports.junit import JUnitReport

        return JUnitReport(draft, failing)
    if kind == "csv":
        from sockwright.links.reports.table import TableReport

        return TableReport(draft)
    if kind == "sarif":
        from sockwright.links.reports.sarif import SarifReport

        return SarifReport(draft.put, failing)
    from sockwright.links.reports.html import HtmlReport

    return HtmlReport(draft.put, failing)


class Findings:
    """What of a run is worth a look, by page: all that does not simply work, and what has moved for good."""

    def __init__(self, limit: int) -> None:
        self.by_page: dict[str, list[tuple[Link, Verdict]]] = {}
        self.more = 0  # that were over the limit
        self._left = limit

    def add(self, page: str, link: Link, verdict: Verdict) -> None:
        if verdict.kind == "ok" and not verdict.hint:
            return
        if self._left == 0:
            self.more += 1
            return
        self._left -= 1
        self.by_page.setdefault(page, []).append((link, verdict))

    def sorted(self) -> list[tuple[str, list[tuple[Link, Verdict]]]]:
        return [
            (page, sorted(found, key=lambda one: (one[0].line, one[0].column))) for page, found in self.by_page.items()
        ]


def in_words(summary: Summary) -> str:
    """Return the summary as a sentence."""
    kinds = ", ".join(f"{summary.classes[kind]} {kind}" for kind in CLASSES if summary.classes.get(kind))
    found = (some(summary.links, "link"), some(summary.pages, "page"), some(summary.urls, "URL"))
    return f"{found[0]} on {found[1]}, {found[2]}: {kinds or 'nothing to check'}"
