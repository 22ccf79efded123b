r"""Foreign text made safe for a terminal, a log line, an error message.

Control bytes can move the cursor, change colours or titles, and forge lines; bidi marks turn text round. All are
shown as escapes: `\x1b`, `\u202e`; bytes that are not UTF-8 as `\xff`. A backslash stays one: what comes out is
for eyes, and cannot be read back.
"""

from __future__ import annotations

import codecs
import re

# Controls (C0, DEL, C1), soft hyphen, marks that set the direction, invisible spaces and operators, the line ends of
# Unicode, BOM, interlinear marks, halves of surrogate pairs, tags. Joiners stay: scripts and emoji need them.
_FORBIDDEN = (
    "\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff0-\ufffb"
    "\U000e0000-\U000e0fff"
)
_IN_A_LINE = re.compile(f"[{_FORBIDDEN}]")
_IN_A_TEXT = re.compile(f"(?![\t\n])[{_FORBIDDEN}]")
_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def _escape(found: re.Match[str]) -> str:
    sign = found[0]
    code = ord(sign)
    if sign in _SHORT:
        return _SHORT[sign]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _text(foreign: bytes | str) -> str:
    return foreign if isinstance(foreign, str) else foreign.decode(errors="backslashreplace")


def visible(foreign: bytes | str, limit: int | None = None) -> str:
    """Return `foreign` as one line; over `limit` characters the rest is cut off, and the cut shown."""
    text = _text(foreign)
    if not text.isprintable():
        text = _IN_A_LINE.sub(_escape, text)
    return text if limit is None or len(text) <= limit else text[: max(limit - 1, 0)] + "…"


def visible_lines(foreign: bytes | str) -> str:
    """Return `foreign` with its lines and tabs as they are; CR LF is a line's end, a lone CR is not."""
    text = _text(foreign)
    return text if text.isprintable() else _IN_A_TEXT.sub(_escape, text.replace("\r\n", "\n"))


class VisibleStream:
    """`visible_lines` for a stream: what one read cuts in two, a character or CR LF, is shown whole."""

    __slots__ = ("_decoder", "_held")

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="backslashreplace")
        self._held = ""  # a CR whose LF may still come

    def feed(self, data: bytes) -> str:
        """Return what can be shown now."""
        return self._show(self._decoder.decode(data))

    def finish(self) -> str:
        """Return what was held back for a continuation that never came."""
        text = self._show(self._decoder.decode(b"", final=True))
        held, self._held = self._held, ""
        return text + visible_lines(held)

    def _show(self, text: str) -> str:
        text = self._held + text
        self._held = "\r" if text.endswith("\r") else ""
        return visible_lines(text.removesuffix("\r"))
