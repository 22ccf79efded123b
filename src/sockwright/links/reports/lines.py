"""JSON lines as verdicts come: one object per link, the summary last (`--json`)."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

import msgspec

from sockwright.links.page import Link
from sockwright.links.reports import Summary
from sockwright.links.verdict import Verdict

if TYPE_CHECKING:
    from sockwright.links.crawler import Crawler

_AT_ONCE = 500  # lines that are written together at most


def link_record(page: str, link: Link, verdict: Verdict) -> dict[str, Any]:
    """Return what is said of a link, as plain values."""
    record: dict[str, Any] = {
        "url": link.url,
        "raw": link.raw,
        "page": page,
        "line": link.line,
        "column": link.column,
        "class": verdict.kind,
        "status": verdict.status or None,
        "reason": verdict.reason,
        "redirects": verdict.redirects,
        "text": link.text,
        "origin": link.origin,
    }
    if verdict.hint:
        record["hint"] = verdict.hint
    if verdict.why is not None:
        record["why"] = verdict.why
    return record


class LinesReport:
    """Writes to a binary stream; lines are handed on at least whenever the run waits for an answer."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._lines: list[bytes] = []
        self._encode = msgspec.json.Encoder().encode

    def link(self, page: str, link: Link, verdict: Verdict) -> None:
        record = link_record(page, link, verdict)
        try:
            self._lines.append(self._encode(record))
        except UnicodeEncodeError:  # a lone surrogate, which JSON in UTF-8 cannot carry
            self._lines.append(self._encode(_mended(record)))
        if len(self._lines) >= _AT_ONCE:
            self._flush()

    def progress(self, crawler: Crawler) -> None:
        self._flush()

    def finish(self, summary: Summary) -> None:
        self._lines.append(self._encode({"summary": summary}))
        self._flush()

    def _flush(self) -> None:
        if self._lines:
            self._lines.append(b"")
            self._out.write(b"\n".join(self._lines))
            self._out.flush()
            self._lines.clear()


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_mended(key): _mended(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_mended(one) for one in value]
    return value
