"""A form with files on its way (multipart/form-data): told piece by piece, however it is cut (RFC 7578; RFC 2046, 5.1).

    preamble --boundary--> head --blank line--> content --boundary--> head ... --boundary and "--"--> epilogue

Nothing is kept but what may be the beginning of a boundary. What lies before the first boundary and behind the last
means nothing and is dropped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from sockwright.errors import PeerError
from sockwright.wire.fields import Fields, read_fields

PARTS = 100  # of one form; nobody fills in more by hand
HEAD = 8 * 1024  # bytes of one part's head: a name, a file's name, a type
PREAMBLE = 8 * 1024  # bytes before the first boundary; they are for people who see the raw message
_PADDING = 64  # blanks that may follow a boundary in its line (RFC 2046, 5.1.1 sets no number)

_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
# A value is quoted, where a backslash is for the next sign alone, or a token.
_PARAMETER = re.compile(r';[ \t]*([A-Za-z0-9*_-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))', re.DOTALL)
_ESCAPE = re.compile(r'\\(["\\])')  # any other backslash is one: old browsers send whole Windows paths
_BROWSERS_ESCAPES = re.compile(r"%(?:0D|0A|22)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PartHead:
    """A part begins. `filename` is None where it is a value and no file; it is as foreign as any other word here."""

    name: str
    filename: str | None
    type: str
    fields: Fields


@dataclass(frozen=True, slots=True)
class PartEnd:
    """The content of a part is whole."""


PART_END = PartEnd()
Event = PartHead | bytes | PartEnd


def boundary_of(content_type: str) -> bytes:
    """Return the boundary that a Content-Type names. Raises: PeerError where there is none."""
    found = parameters_of(content_type).get("boundary", "")
    if not _BOUNDARY.fullmatch(found):
        words = f"no boundary in {content_type[:100]!r}; 1 to 70 signs are wanted"
        raise PeerError(words, section="RFC 2046, 5.1.1")
    return found.encode()


def parameters_of(value: str) -> dict[str, str]:
    """Return what follows the semicolons of a field's value, names in lower case; the first of equal names counts."""
    found: dict[str, str] = {}
    for name, quoted, token in _PARAMETER.findall(value):
        found.setdefault(name.lower(), _ESCAPE.sub(r"\1", quoted) if quoted else token)
    return found


class MultipartReader:
    """Cuts a form into its parts. `done` once the last boundary came."""

    __slots__ = ("_delimiter", "_held", "_offset", "_parts", "_step", "done")

    _PREAMBLE, _LINE, _HEAD, _CONTENT, _EPILOGUE = range(5)

    def __init__(self, boundary: bytes) -> None:
        self._delimiter = b"\r\n--" + boundary
        self._held = b"\r\n"  # the first boundary may stand at the very beginning
        self._offset = -2  # of `_held` in the content
        self._parts = 0
        self._step = self._PREAMBLE
        self.done = False

    def feed(self, data: bytes) -> list[Event]:
        """Return what became known by `data`. Raises: PeerError naming the rule that the form breaks."""
        events: list[Event] = []
        held = self._held + data
        at = 0
        while self._step != self._EPILOGUE:
            used = self._read(held, at, events)
            if used < 0:
                break
            at += used
            self._offset += used
        self._held = held[at:] if self._step != self._EPILOGUE else b""
        return events

    def end_of_stream(self) -> None:
        """Nothing more comes. Raises: PeerError where the form is not whole."""
        if not self.done:
            raise self._wrong("the form ended before its last boundary", "RFC 2046, 5.1.1")

    def _read(self, held: bytes, at: int, events: list[Event]) -> int:
        """Read one thing at `at`; return how many bytes that took, -1 where more must come first."""
        match self._step:
            case self._PREAMBLE | self._CONTENT:
                return self._until_boundary(held, at, events)
            case self._LINE:
                return self._boundary_line(held, at)
            case _:
                return self._head(held, at, events)

    def _until_boundary(self, held: bytes, at: int, events: list[Event]) -> int:
        inside = self._step == self._CONTENT
        found = held.find(self._delimiter, at)
        # The end of what is here may be the beginning of a boundary.
        end = found if found >= 0 else max(len(held) - len(self._delimiter) + 1, at)
        if inside and end > at:
            events.append(held[at:end])
        if not inside and self._offset + end - at > PREAMBLE:
            raise self._wrong(f"no boundary in the first {PREAMBLE} bytes of the form", "RFC 2046, 5.1.1")
        if found < 0:
            return end - at or -1
        if inside:
            events.append(PART_END)
        self._step = self._LINE
        return found + len(self._delimiter) - at

    def _boundary_line(self, held: bytes, at: int) -> int:
        if held.startswith(b"--", at):
            self._step = self._EPILOGUE
            self.done = True
            return 2
        end = held.find(b"\r\n", at)
        rest = held[at:end] if end >= 0 else held[at : at + _PADDING + 2]
        if rest.strip(b" \t") not in (b"", b"\r", b"-") or len(rest) > _PADDING + 1:
            raise self._wrong(f"a boundary's line goes on with {rest[:20]!r}", "RFC 2046, 5.1.1")
        if end < 0:
            return -1
        self._parts += 1
        if self._parts > PARTS:
            raise self._wrong(f"the form has more than {PARTS} parts", "RFC 7578, 4", code=413)
        self._step = self._HEAD
        return end + 2 - at

    def _head(self, held: bytes, at: int, events: list[Event]) -> int:
        if held.startswith(b"\r\n", at):
            end = at
        else:
            end = held.find(b"\r\n\r\n", at) + 2
            if end - at > HEAD or (end < 2 and len(held) - at > HEAD):
                raise self._wrong(f"the head of a part is longer than {HEAD} bytes", "RFC 7578, 4", code=431)
            if end < 2:
                return -1
        # The blank line may be the beginning of the next boundary: then there is no content at all.
        behind = held[end : end + len(self._delimiter)]
        empty = behind == self._delimiter
        if not empty and self._delimiter.startswith(behind):
            return -1
        fields = read_fields(held[at:end], self._offset)
        said = fields.get("content-disposition")
        kind, _, _ = said.partition(";")
        parameters = parameters_of(said)
        if kind.strip().lower() != "form-data" or "name" not in parameters:
            words = f"a part does not say which it is: Content-Disposition: {said[:60]!r}"
            raise self._wrong(words, "RFC 7578, 4.2")
        filename = parameters.get("filename")
        name, filename = (one and _BROWSERS_ESCAPES.sub(_undone, one) for one in (parameters["name"], filename))
        events.append(PartHead(name or "", filename, fields.get("content-type").strip(), fields))
        self._step = self._CONTENT
        return end + (0 if empty else 2) - at

    def _wrong(self, words: str, section: str, code: int = 400) -> PeerError:
        return PeerError(words, section=section, offset=max(self._offset, 0), code=code)


def _undone(found: re.Match[str]) -> str:
    return unquote(found[0])
