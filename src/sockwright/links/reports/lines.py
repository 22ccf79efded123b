"""JSON lines as verdicts come: one object per link, the summary last (`--json`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any

import msgspec

from sockwright.links.page import Link
from sockwright.links.reports import Summary
from sockwright.links.verdict import Verdict

if TYPE_CHECKING:
    from sockwright.links.crawler import Crawler

_AT_ONCE = 500  # lines that are written together at most
_WILD = re.compile("[\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_NO_REDIRECTS: list[str] = []


class LinkRecord(msgspec.Struct, omit_defaults=True, gc=False, rename={"kind": "class"}):
    """What is said of a link. A struct, as it is filled and encoded in a third of a dict's time."""

    url: str
    raw: str
    page: str
    line: int
    column: int
    kind: str
    status: int | None
    reason: str
    redirects: tuple[str, ...] | list[str]
    text: str
    origin: str
    hint: str = ""
    why: Mapping[str, Any] | None = None


class LinesReport:
    """Writes to a binary stream; lines are handed on at least whenever the run waits for an answer."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._records: list[LinkRecord] = []
        self._encoder = msgspec.json.Encoder()

    def link(self, page: str, link: Link, verdict: Verdict) -> None:
        self._records.append(
            LinkRecord(
                link.url,
                link.raw,
                page,
                link.line,
                link.column,
                verdict.kind,
                verdict.status or None,
                verdict.reason,
                verdict.redirects or _NO_REDIRECTS,
                link.text,
                link.origin,
                verdict.hint if verdict.kind == "redirected" else verdict.note,
                verdict.why,
            )
        )
        if len(self._records) >= _AT_ONCE:
            self._flush()

    def progress(self, crawler: Crawler) -> None:
        if self._records:
            self._flush()

    def finish(self, summary: Summary) -> None:
        self._flush()
        self._out.write(self._encoder.encode({"summary": summary}) + b"\n")
        self._out.flush()

    def _flush(self) -> None:
        try:
            lines = self._encoder.encode_lines(self._records)
        except UnicodeEncodeError:  # half a surrogate pair, which JSON in UTF-8 cannot carry
            lines = self._encoder.encode_lines([_mended(msgspec.to_builtins(one)) for one in self._records])
        self._out.write(lines if lines.isascii() and b"\x7f" not in lines else _tamed(lines))
        self._out.flush()
        self._records.clear()


def _tamed(lines: bytes) -> bytes:
    """Return the same JSON with what turns a terminal round (C1 controls, bidi marks) as escapes."""
    return _WILD.sub(lambda found: f"\\u{ord(found[0]):04x}", lines.decode()).encode()


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_mended(key): _mended(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_mended(one) for one in value]
    return value
