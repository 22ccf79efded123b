"""One HTML file that needs nothing else: no script, no picture, nothing fetched; foreign text is only ever text."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

from sockwright.links.page import Link
from sockwright.links.reports import Summary, named_from_here, some, target_of
from sockwright.links.reports.files import Findings, in_words
from sockwright.links.verdict import WORKS, Verdict
from sockwright.wire.visible import visible

if TYPE_CHECKING:
    from sockwright.links.crawler import Crawler

_ROWS_MAX = 10_000  # more makes no browser happy
_STYLE = """
:root { color-scheme: light dark; --bad: #b3261e; --warn: #8a5a00; --good: #1b6e3c; --rule: #8884 }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1rem; margin: 2rem 0 .3rem; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; vertical-align: top; padding: .3rem .6rem }
tr { border-top: 1px solid var(--rule) } td { overflow-wrap: anywhere } .at { white-space: nowrap; opacity: .7 }
.kind { white-space: nowrap; font-weight: 600 } .bad { color: var(--bad) } .warn { color: var(--warn) }
.good { color: var(--good) } small { opacity: .8 }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; --warn: #ffc766; --good: #7fd8a0 } }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


class HtmlReport:
    def __init__(self, put: Callable[[str], None], failing: frozenset[str]) -> None:
        self._put = put
        self._failing = failing
        self._findings = Findings(_ROWS_MAX)

    def link(self, page: str, link: Link, verdict: Verdict) -> None:
        self._findings.add(page, link, verdict)

    def progress(self, crawler: Crawler) -> None:
        pass

    def finish(self, summary: Summary) -> None:
        parts = [
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width"><meta name="referrer" content="no-referrer">',
            f"<title>{some(summary.failed, 'failing link')}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{some(summary.failed, 'failing link') if summary.failed else 'No failing links'}</h1>",
            f"<p>{escape(in_words(summary))}; {some(summary.requests, 'request')} in {summary.seconds:.1f} s.</p>",
        ]
        parts += [f'<p class="warn">Limit reached: {_text(limit)}</p>' for limit in summary.limits]
        for page, found in self._findings.sorted():
            parts.append(f"<h2>{_anchor(named_from_here(page)) if page else 'What was to be checked'}</h2><table>")
            parts += [self._row(link, verdict) for link, verdict in found]
            parts.append("</table>")
        if self._findings.more:
            parts.append(f"<p>{self._findings.more} more are left out; a CSV report has them all.</p>")
        if not self._findings.by_page:
            parts.append("<p>Nothing to tell.</p>")
        parts.append("</body></html>\n")
        self._put("\n".join(parts))

    def _row(self, link: Link, verdict: Verdict) -> str:
        style = "bad" if verdict.kind in self._failing else "good" if verdict.kind in WORKS else "warn"
        text = f"<br><small>“{_text(link.text)}”</small>" if link.text.strip() else ""
        hint = f"<br>{_text(verdict.hint)}" if verdict.hint and verdict.hint != verdict.reason else ""
        return (
            f'<tr><td class="at">{link.line}:{link.column}</td><td class="kind {style}">{verdict.kind}</td>'
            f"<td>{_anchor(target_of(link))}{text}</td><td>{_text(verdict.reason)}{hint}</td></tr>"
        )


def _text(foreign: str) -> str:
    return escape(visible(foreign, 1_000))


def _anchor(url: str) -> str:
    """Return a URL as a link, if following it can do no harm; else as text."""
    if url.startswith(("http://", "https://")):
        return f'<a href="{escape(url)}" rel="noopener noreferrer">{_text(url)}</a>'
    return _text(url)
