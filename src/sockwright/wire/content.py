"""How the end of an HTTP message's content is known: by its length, by chunks, or by the end of the stream.

A reader of each kind is fed what arrives and hands out the content in pieces (RFC 9112, 6 and 7).
"""

from __future__ import annotations

import re
from typing import Protocol

from sockwright.errors import PeerError
from sockwright.wire.fields import NO_FIELDS, Fields, read_fields

# A chunk's size has at most 16 hexadecimal digits: 64 bits, which no sender needs (RFC 9112, 7.1: beware overflow).
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16}+)(?:[ \t]*+;([\t\x20-\x7e\x80-\xff]*+))?\r\n")
_SIZE_DIGITS = re.compile(rb"[0-9A-Fa-f]*+")
_BARE_LF = re.compile(rb"(?<!\r)\n")
CHUNK_EXTENSION = 256  # bytes: nobody uses them, and they are not counted as content
TRAILERS = 8192  # bytes of all trailer fields
TRAILER_FIELDS = 32

LAST_CHUNK = b"0\r\n\r\n"


class ContentReader(Protocol):
    """Cuts one message's content from what arrives. `done` once it is whole; `rest` is what came behind it."""

    done: bool
    rest: bytes
    received: int  # bytes of content so far
    trailers: Fields

    @property
    def announced(self) -> int:
        """The bytes of content that will have come when what was begun is finished."""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the pieces of content in `data`. Raises: PeerError."""

    def end_of_stream(self) -> None:
        """The peer will send nothing more. Raises: PeerError where content is missing."""


class LengthReader:
    """Content whose length was given before it."""

    __slots__ = ("done", "length", "received", "rest", "trailers")

    def __init__(self, length: int) -> None:
        self.length = length
        self.received = 0
        self.done = length == 0
        self.rest = b""
        self.trailers = NO_FIELDS

    @property
    def announced(self) -> int:
        return self.length

    def feed(self, data: bytes) -> list[bytes]:
        if self.done:
            self.rest += data
            return []
        missing = self.length - self.received
        if len(data) >= missing:
            data, self.rest = data[:missing], data[missing:]
            self.done = True
        self.received += len(data)
        return [data]

    def end_of_stream(self) -> None:
        if not self.done:
            raise PeerError(
                f"the stream ended after {self.received} of {self.length} bytes of content", section="RFC 9112, 8"
            )


class CloseReader:
    """Content that goes on until the end of the stream: only a response may do this."""

    __slots__ = ("done", "received", "rest", "trailers")

    def __init__(self) -> None:
        self.received = 0
        self.done = False
        self.rest = b""
        self.trailers = NO_FIELDS

    @property
    def announced(self) -> int:
        return self.received

    def feed(self, data: bytes) -> list[bytes]:
        self.received += len(data)
        return [data]

    def end_of_stream(self) -> None:
        self.done = True


class ChunkedReader:
    """Content in chunks, each with its size before it (RFC 9112, 7.1). Extensions are ignored, trailers kept.

    size line --> data --> CRLF --> size line ...
        |  size 0
        v
    trailers --> done
    """

    __slots__ = ("_held", "_left", "_step", "done", "offset", "received", "rest", "trailers")

    _SIZE, _DATA, _END, _TRAILERS = range(4)

    def __init__(self, offset: int = 0) -> None:
        self.done = False
        self.rest = b""
        self.trailers = NO_FIELDS
        self.received = 0  # bytes of content, without the coding
        self.offset = offset  # in the stream, of what comes next
        self._step = self._SIZE
        self._held = b""  # an unfinished line
        self._left = 0  # bytes of the present chunk that are still to come

    def feed(self, data: bytes) -> list[bytes]:
        if self.done:
            self.rest += data
            return []
        pieces: list[bytes] = []
        if self._held:
            data, self._held = self._held + data, b""
        at = 0
        while at < len(data) and not self.done:
            if self._step == self._DATA:
                piece = data[at : at + self._left]
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
                if not self._left:
                    self._step = self._END
                continue
            used = self._line(data, at)
            if not used:
                self._held = data[at:]
                break
            at += used
        else:
            self.rest = data[at:]
        self.offset += at
        self.received += sum(map(len, pieces))
        return pieces

    @property
    def announced(self) -> int:
        return self.received + self._left

    def _line(self, data: bytes, at: int) -> int:
        """Read the line (or the trailers) at `at`; return how many bytes that took, 0 where the end is missing."""
        if self._step == self._END:
            if not b"\r\n".startswith(data[at : at + 2]):
                raise self._wrong("a chunk's data is not followed by CRLF", at)
            if len(data) - at < 2:
                return 0
            self._step = self._SIZE
            return 2
        if self._step == self._TRAILERS:
            return self._trailers(data, at)
        found = _SIZE_LINE.match(data, at)
        if found is None:
            return self._no_size(data, at)
        if found[2] is not None and len(found[2]) > CHUNK_EXTENSION:
            raise self._wrong(f"a chunk extension is longer than {CHUNK_EXTENSION} bytes", at)
        self._left = int(found[1], 16)
        self._step = self._DATA if self._left else self._TRAILERS
        return found.end() - at

    def _no_size(self, data: bytes, at: int) -> int:
        line_end = data.find(b"\n", at)
        digits = _SIZE_DIGITS.match(data, at)
        assert digits is not None
        sign = data[digits.end() : digits.end() + 1]
        if len(digits[0]) > 16:
            raise self._wrong(f"a chunk size has more than 16 digits: {digits[0][:30]!r}", at)
        if line_end >= 0 or (sign and (not digits[0] or sign not in b"; \t\r")):
            line = data[at : line_end + 1] if line_end >= 0 else data[at : at + 40]
            if line.endswith(b"\n") and not line.endswith(b"\r\n"):
                raise self._wrong(f"a chunk's size line ends with a bare LF: {line[:40]!r}", at)
            raise self._wrong(f"{line[:40]!r} is not the size of a chunk", at)
        if len(data) - at > 16 + CHUNK_EXTENSION + 16:
            raise self._wrong(f"a chunk extension is longer than {CHUNK_EXTENSION} bytes", at)
        return 0

    def _trailers(self, data: bytes, at: int) -> int:
        if data.startswith(b"\r\n", at):
            end = at
        else:
            end = data.find(b"\r\n\r\n", at) + 2
            if end < 2:
                if len(data) - at > TRAILERS:
                    raise self._wrong(f"the trailer fields are longer than {TRAILERS} bytes", at, code=431)
                if _BARE_LF.search(data[at:]):
                    raise self._wrong("a trailer field line ends with a bare LF", at)
                return 0
            if end - at > TRAILERS:
                raise self._wrong(f"the trailer fields are longer than {TRAILERS} bytes", at, code=431)
        self.trailers = read_fields(data[at:end], self.offset + at)
        if len(self.trailers) > TRAILER_FIELDS:
            raise self._wrong(f"there are more than {TRAILER_FIELDS} trailer fields", at, code=431)
        self.done = True
        return end + 2 - at

    def _wrong(self, words: str, at: int, code: int = 400) -> PeerError:
        return PeerError(words, section="RFC 9112, 7.1", offset=self.offset + at, code=code)

    def end_of_stream(self) -> None:
        if not self.done:
            raise PeerError(
                f"the stream ended after {self.received} bytes of content, before the last chunk",
                section="RFC 9112, 8",
                offset=self.offset,
            )


def chunk(data: bytes) -> bytes:
    """Return `data` as one chunk. Empty data would be the last chunk, so it becomes nothing."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
