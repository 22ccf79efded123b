"""How the pieces that a session says become one HTTP answer: its head, then content in the coding that fits."""

from __future__ import annotations

from collections.abc import Callable

from sockwright.errors import PeerError
from sockwright.protocols.routes import Stream
from sockwright.wire.content import LAST_CHUNK, chunk
from sockwright.wire.exchange import Beginning, Request, Response
from sockwright.wire.fields import write_field
from sockwright.wire.http1 import NO_CONTENT, read_length, read_response_head

# Fields of a session's own head that the connection decides on.
_OURS = frozenset({b"connection", b"content-length", b"date", b"keep-alive", b"transfer-encoding", b"upgrade"})


class Streaming:
    """One answer on its way: head, pieces, end. `start` writes status line and Date of a status.

    `closes` becomes true where only the end of the connection can mark the end of the content. `broken` tells that the
    answer ended short of what it had promised, so that the connection must not end as if all were well.
    """

    __slots__ = ("_coding", "_left", "_request", "_start", "begun", "closes", "stream")

    def __init__(self, stream: Stream, request: Request, start: Callable[[int, float], bytes], *, closes: bool) -> None:
        self.stream = stream
        self.begun = False
        self.closes = closes
        self._request = request
        self._start = start
        self._coding = ""  # none, length, chunks, close
        self._left = 0  # bytes that Content-Length promised

    def say(self, data: bytes | Response, now: float) -> bytes:
        """Return what goes on the wire for one piece; without a head yet, the piece begins with it.

        Raises: ValueError where it does not.
        """
        if not isinstance(data, bytes):
            if self.begun:
                raise ValueError("the session said a second head")
            return self.begin(data, now)
        if self.begun:
            return self._coded(data)
        end = data.find(b"\r\n\r\n") + 4
        try:
            head = read_response_head(data[:end]) if end > 3 else None
            length = read_length(head.fields) if head is not None else None
        except PeerError as wrong:
            raise ValueError(f"the session's first words are no head: {wrong}") from None
        if head is None or head.status < 200:
            raise ValueError(f"the session's first words are no head: {data[:60]!r}")
        lines = b"".join(write_field(*pair) for pair in head.fields.pairs if pair[0].lower() not in _OURS)
        return self._begin(head.status, lines, length, now) + self._coded(data[end:])

    def begin(self, head: Response, now: float) -> bytes:
        """Return what goes on the wire for a head that is no bytes yet, and the content that it brings."""
        promised = head.promised if type(head) is Beginning else None
        return self._begin(head.status, head.lines, promised, now) + self._coded(head.content)

    def _begin(self, status: int, lines: bytes, length: int | None, now: float) -> bytes:
        self.begun = True
        old = self._request.version == "1.0"
        if length is not None and status not in NO_CONTENT:
            lines += b"Content-Length: %d\r\n" % length
        if self._request.method == "HEAD" or status in NO_CONTENT:
            self._coding = "none"
        elif length is not None:
            self._coding, self._left = "length", length
        elif old:
            self._coding, self.closes = "close", True
        else:
            self._coding = "chunks"
            lines += b"Transfer-Encoding: chunked\r\n"
        if self.closes:
            lines += b"Connection: close\r\n"
        elif old:
            lines += b"Connection: keep-alive\r\n"
        return self._start(status, now) + lines + b"\r\n"

    def _coded(self, data: bytes) -> bytes:
        match self._coding:
            case "chunks":
                return chunk(data)
            case "length":
                data = data[: self._left]
                self._left -= len(data)
                return data
            case "close":
                return data
        return b""

    @property
    def broken(self) -> bool:
        """Tell whether ending now would leave the peer with less than was promised."""
        return self._left > 0

    @property
    def silent(self) -> bool:
        """Tell whether the peer would take the end of the connection for the end of the content."""
        return self._coding == "close"

    def end(self) -> bytes:
        """Return what marks the end."""
        return LAST_CHUNK if self._coding == "chunks" else b""
