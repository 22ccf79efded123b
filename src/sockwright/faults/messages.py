"""HTTP/1.1 messages in a stream, as far as faults must know: where a head ends and where its body does.

Forgiving on purpose, and apart from the server's own reading: what is broken already passes as it is.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from typing import TypeVar

# Bytes of a head; what is longer is not taken apart any more.
LONGEST_HEAD = 64 * 1024
# Bytes of what is remembered whole, and how many of such: clients and servers repeat themselves.
MOST_SEEN = 4096
SEEN = 512

T = TypeVar("T")

HEAD, BODY, DONE, RAW = range(4)
Piece = tuple[int, bytes]

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_LENGTH = re.compile(rb"^content-length[ \t]*:[ \t]*([0-9]{1,18})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_CHUNKED = re.compile(rb"^transfer-encoding[ \t]*:.*\bchunked\b", re.IGNORECASE | re.MULTILINE)
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
_METHOD = re.compile(rb"([A-Z][A-Z-]*) ")


class Messages:
    """Takes a stream apart into (HEAD, bytes), (BODY, bytes) ..., (DONE, b"") per message; RAW once it makes no sense.

    `methods` is shared by the two directions of a connection: requests put their method in, responses take it out,
    since a response to HEAD has no body (RFC 9112, 6.3).
    """

    __slots__ = ("_buffer", "_is_response", "_left", "_methods", "_state", "is_between", "method")

    def __init__(self, methods: deque[bytes], is_response: bool) -> None:
        self._methods = methods
        self._is_response = is_response
        self.method = b"GET"  # of the request that the last response answers
        self._buffer = b""
        self._left = 0  # bytes of the body, or of a chunk with its end of line
        self._state = "head"  # head, length, close, chunk, chunk-data, trailer, raw
        self.is_between = True  # the next thing to come is the beginning of a message

    def feed(self, data: bytes) -> Iterator[Piece]:
        """Yield what `data` completes."""
        self._buffer += data
        self.is_between = False
        while self._buffer:
            before = len(self._buffer), self._state
            yield from getattr(self, "_" + self._state.replace("-", "_"))()
            if (len(self._buffer), self._state) == before:
                return
        self.is_between = self._state == "head"

    def rest(self) -> bytes:
        """Return what was held back: the beginning of a head that never ended."""
        held, self._buffer = self._buffer, b""
        return held

    def _head(self) -> Iterator[Piece]:
        end = _HEAD_END.search(self._buffer)
        form = _STATUS if self._is_response else _METHOD
        start = self._buffer.lstrip(b"\r\n")[:16]
        if end is None:
            hopeless = len(start) >= 16 and not form.match(start)
            if len(self._buffer) > LONGEST_HEAD or hopeless:
                self._state = "raw"
            return
        head, self._buffer = self._buffer[: end.end()], self._buffer[end.end() :]
        found = form.match(head.lstrip(b"\r\n"))
        if found is None:
            self._buffer = head + self._buffer
            self._state = "raw"
            return
        if self._is_response:
            yield from self._response(head, found[1])
        else:
            self._methods.append(found[1])
            yield (HEAD, head)
            yield from self._framed(head, until_close=False)

    def _response(self, head: bytes, status: bytes) -> Iterator[Piece]:
        if status.startswith(b"1") and status != b"101":
            yield (HEAD, head)
            yield (DONE, b"")  # the final response to the same request follows
            return
        self.method = method = self._methods.popleft() if self._methods else b"GET"
        yield (HEAD, head)
        if status == b"101" or (method == b"CONNECT" and status.startswith(b"2")):
            self._state = "raw"
        elif method == b"HEAD" or status in (b"204", b"304"):
            yield (DONE, b"")
        else:
            yield from self._framed(head, until_close=True)

    def _framed(self, head: bytes, until_close: bool) -> Iterator[Piece]:
        length = _LENGTH.search(head)
        if _CHUNKED.search(head):
            self._state = "chunk"
        elif length is not None and int(length[1]):
            self._left = int(length[1])
            self._state = "length"
        elif length is None and until_close:
            self._state = "close"
        else:
            yield (DONE, b"")

    def _length(self) -> Iterator[Piece]:
        part, self._buffer = self._buffer[: self._left], self._buffer[self._left :]
        self._left -= len(part)
        yield (BODY, part)
        if not self._left:
            self._state = "head"
            yield (DONE, b"")

    def _close(self) -> Iterator[Piece]:
        part, self._buffer = self._buffer, b""
        yield (BODY, part)

    def _raw(self) -> Iterator[Piece]:
        part, self._buffer = self._buffer, b""
        yield (RAW, part)

    def _chunk(self) -> Iterator[Piece]:
        line, newline, rest = self._buffer.partition(b"\n")
        if not newline:
            if len(line) > 4096:
                self._state = "close"
            return
        try:
            size = int(line.split(b";")[0].strip(), 16)
        except ValueError:
            self._state = "close"
            return
        self._buffer = rest
        self._left = size + 2
        self._state = "chunk-data" if size else "trailer"
        yield (BODY, line + newline)

    def _chunk_data(self) -> Iterator[Piece]:
        part, self._buffer = self._buffer[: self._left], self._buffer[self._left :]
        self._left -= len(part)
        if not self._left:
            self._state = "chunk"
        yield (BODY, part)

    def _trailer(self) -> Iterator[Piece]:
        line, newline, rest = self._buffer.partition(b"\n")
        if not newline:
            return
        self._buffer = rest
        yield (BODY, line + newline)
        if line in (b"", b"\r"):
            self._state = "head"
            yield (DONE, b"")


# Clients and servers repeat themselves: the methods of whole requests that came before, and whole responses.
_known_requests: dict[bytes, bytes] = {}
_known_responses: dict[bytes, bool] = {}


def whole_request(data: bytes) -> bytes | None:
    """Return the method of the one whole request that `data` is, None for anything else."""
    method = _known_requests.get(data)
    if method is None and len(data) <= MOST_SEEN:
        methods: deque[bytes] = deque()
        pieces = list(Messages(methods, is_response=False).feed(data))
        if len(methods) == 1 and pieces[-1][0] == DONE and sum(len(part) for _, part in pieces) == len(data):
            method = methods[0]
            _remember(_known_requests, data, method)
    return method


def is_whole_response(data: bytes) -> bool:
    """Tell whether `data` is one whole response to GET, and says plainly how long it is."""
    if data in _known_responses:
        return True
    end = data.find(b"\r\n\r\n") + 4
    if not 4 <= end <= MOST_SEEN or _length_behind(data[:end]) != len(data) - end:
        return False
    if len(data) <= MOST_SEEN:
        _remember(_known_responses, data, True)
    return True


def _remember(known: dict[bytes, T], data: bytes, what: T) -> None:
    if len(known) >= SEEN:
        known.clear()
    known[data] = what


@lru_cache(SEEN)
def _length_behind(head: bytes) -> int | None:
    """Return the bytes that follow the head of a response to GET, None where it does not say so plainly."""
    length = _LENGTH.search(head)
    status = _STATUS.match(head)
    plain = status is not None and status[1][:1] != b"1" and status[1] not in (b"204", b"304")
    return int(length[1]) if plain and length is not None and not _CHUNKED.search(head) else None
