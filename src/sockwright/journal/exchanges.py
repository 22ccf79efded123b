"""HTTP/1.1 requests and their responses, read out of a transcript for filters and HAR.

Small, forgiving and apart from the server's own reading on purpose: what a broken program said shall be shown, and a
mistake made there shall not be made here again. Judges nothing; bodies come without their transfer coding (RFC 9112,
7) but with their content coding.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from sockwright.journal.transcript import Direction, Transcript

# Exchanges of one connection that are read, and bytes of one head.
MOST = 10_000
LONGEST_HEAD = 256 * 1024

_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_REQUEST = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) +(\S+)(?: +(HTTP/\d\.\d))? *\Z")
_RESPONSE = re.compile(rb"(HTTP/\d\.\d) +(\d{3})(?: (.*))?\Z")
_TRAILERS = re.compile(rb"(?:[^\r\n][^\n]*\n)*\r?\n")
_CHUNK = re.compile(rb"\s*([0-9A-Fa-f]{1,12})[^\n]*\n")


@dataclass(frozen=True, slots=True)
class Message:
    """A request (`start` is method, target, version) or a response (version, status code, reason).

    `began`, `head_ended` and `ended` are times in seconds since the epoch; `size` counts the body's bytes on the wire,
    chunked coding included; `is_cut` says that the end of the message is not in the journal, or never came.
    """

    start: tuple[str, str, str]
    fields: Sequence[tuple[str, str]]
    body: bytes
    head_size: int
    size: int
    is_cut: bool
    began: float
    head_ended: float
    ended: float

    def field(self, name: str) -> str:
        """Return the value of the first field of that name, "" where there is none."""
        return next((value for known, value in self.fields if known.lower() == name), "")


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and the final response to it, which may never have come."""

    request: Message
    response: Message | None

    @property
    def method(self) -> str:
        return self.request.start[0]

    @property
    def target(self) -> str:
        return self.request.start[1]

    @property
    def status(self) -> int:
        """The status code, 0 where no response came."""
        return int(self.response.start[1]) if self.response is not None else 0


def exchanges_of(transcript: Transcript) -> list[Exchange]:
    """Return the exchanges of a connection, as far as they can be read."""
    if not transcript.is_stream:
        return []
    asks: Direction = "sent" if transcript.connection.opened.role == "client" else "received"
    answers: Direction = "received" if asks == "sent" else "sent"
    requests = _Stream(transcript, asks)
    responses = _Stream(transcript, answers)
    exchanges: list[Exchange] = []
    while len(exchanges) < MOST:
        request = requests.request()
        if request is None:
            break
        response = responses.response(request.start[0])
        while response is not None and response.start[1].startswith("1") and response.start[1] != "101":
            response = responses.response(request.start[0])  # 1xx only announces (RFC 9110, 15.2)
        exchanges.append(Exchange(request, response))
    return exchanges


class _Stream:
    """One direction, and how far it has been read."""

    def __init__(self, transcript: Transcript, direction: Direction) -> None:
        self.data = transcript.stream(direction)
        self.at = 0
        chunks = [chunk for chunk in transcript.chunks(direction) if chunk.size]
        self._ends = list(accumulate(chunk.size for chunk in chunks))
        self._times = [chunk.time for chunk in chunks]

    def _time(self, offset: int) -> float:
        """Return when the byte before `offset` came."""
        place = bisect_left(self._ends, max(offset, 1))
        return self._times[min(place, len(self._times) - 1)]

    def request(self) -> Message | None:
        head = self._head(_REQUEST)
        if head is None:
            return None
        (method, target, version), fields, began, size = head
        return self._message((method, target, version or "HTTP/0.9"), fields, began, size, has_body=None)

    def response(self, method: str) -> Message | None:
        head = self._head(_RESPONSE)
        if head is None:
            return None
        (version, status, reason), fields, began, size = head
        bodiless = method == "HEAD" or status[0] == "1" or status in ("204", "304")
        return self._message((version, status, reason), fields, began, size, has_body=not bodiless)

    def _head(self, form: re.Pattern[bytes]) -> tuple[tuple[str, str, str], list[tuple[str, str]], int, int] | None:
        data = self.data
        began = self.at
        while data[began : began + 1] in (b"\r", b"\n"):
            began += 1
        end = _END_OF_HEAD.search(data, began, began + LONGEST_HEAD)
        if end is None:
            return None
        lines = data[began : end.start()].replace(b"\r\n", b"\n").split(b"\n")
        start = form.match(lines[0])
        if start is None:
            return None
        fields: list[tuple[str, str]] = []
        for line in lines[1:]:
            name, colon, value = line.partition(b":")
            if colon:
                fields.append((_text(name.strip()), _text(value.strip(b" \t"))))
        self.at = end.end()
        first, second, third = (_text(group or b"") for group in start.groups())
        return (first, second, third), fields, began, end.end() - began

    def _message(
        self,
        start: tuple[str, str, str],
        fields: list[tuple[str, str]],
        began: int,
        head_size: int,
        has_body: bool | None,
    ) -> Message:
        """Read the body; `has_body` None means only if its length is told, as in a request (RFC 9112, 6.3)."""
        head_end = self.at
        known = {name.lower(): value for name, value in reversed(fields)}
        length = known.get("content-length", "")
        is_cut = False
        if has_body is False:
            body = b""
        elif "chunked" in known.get("transfer-encoding", "").lower():
            body, is_cut = self._chunked()
        elif length.isascii() and length.isdecimal():
            body = self.data[self.at : self.at + int(length)]
            is_cut = len(body) < int(length)
            self.at += len(body)
        elif has_body:
            body = self.data[self.at :]
            self.at = len(self.data)
            is_cut = bool(self._ends) and self.at < self._ends[-1]
        else:
            body = b""
        return Message(
            start,
            fields,
            body,
            head_size,
            self.at - head_end,
            is_cut,
            self._time(began + 1),
            self._time(head_end),
            self._time(self.at),
        )

    def _chunked(self) -> tuple[bytes, bool]:
        pieces: list[bytes] = []
        while True:
            size = _CHUNK.match(self.data, self.at)
            if size is None:
                self.at = len(self.data)
                return b"".join(pieces), True
            count = int(size[1], 16)
            self.at = size.end()
            if count == 0:
                end = _TRAILERS.match(self.data, self.at)
                self.at = end.end() if end else len(self.data)
                return b"".join(pieces), end is None
            piece = self.data[self.at : self.at + count]
            pieces.append(piece)
            self.at += count
            if len(piece) < count:
                self.at = len(self.data)
                return b"".join(pieces), True
            if self.data[self.at : self.at + 2] == b"\r\n":
                self.at += 2


def _text(data: bytes) -> str:
    """Return a field as text: UTF-8 where it is that, else Latin-1, which takes every byte."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")
