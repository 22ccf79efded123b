"""What HTTP/1.1 messages have in common, and the client's side of the grammar: reading responses (RFC 9110, 9112).

Requests are read in `wire/requests`, strictly. A client reads what servers really send, so small sins are forgiven
here, but named: `ResponseHead.defects` says which rule was broken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import NamedTuple

from sockwright.errors import PeerError
from sockwright.wire.content import ChunkedReader, CloseReader, ContentReader, LengthReader
from sockwright.wire.fields import NO_FIELDS, TOKEN, VALUE, Fields, read_fields

# status code -> reason phrase, in the words of RFC 9110 where HTTPStatus still has older ones
REASONS: Mapping[int, str] = {status.value: status.phrase for status in HTTPStatus} | {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}
# Statuses that never have content, whatever their fields say (RFC 9110, 6.4.1).
NO_CONTENT = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class Sizes:
    """The most that is taken of one message. Bytes and counts."""

    # RFC 9112, 3 asks for 8,000 at least; nobody types more.
    request_line: int = 8192
    # All fields together with the start line. Cookies of big sites reach 16 kB.
    head: int = 32 * 1024
    fields: int = 100
    # Content that is kept in memory for a handler.
    body: int = 1024 * 1024
    # Interim responses (1xx) before the final one.
    interim: int = 10


SIZES = Sizes()


def read_length(fields: Fields) -> int | None:
    """Return what Content-Length says, None where there is none.

    Raises: PeerError where it is no number, or several that differ (RFC 9112, 6.3). The same number repeated
    counts once, as a client may read it; a server refuses that too.
    """
    values = fields.raw("content-length")
    if not values:
        return None
    members = {member.strip(b" \t") for value in values for member in value.split(b",")}
    only = members.pop()
    # int() would take a sign, blanks, underscores and Cyrillic digits.
    if members or not only.isdigit() or len(only) > 18:
        raise PeerError(f"Content-Length is {b', '.join(values)[:60]!r}", section="RFC 9112, 6.3")
    return int(only)


class ResponseHead(NamedTuple):
    """A status line and its fields. `raw` is the head as it came, the empty line included."""

    version: str  # "1.1"
    status: int
    reason: str
    fields: Fields
    raw: bytes
    defects: tuple[str, ...]

    @property
    def interim(self) -> bool:
        """Tell whether another response to the same request follows (1xx, but not 101)."""
        return 100 <= self.status < 200 and self.status != 101


class End(NamedTuple):
    """The response is whole. `known_by` is how its end was known: none (it has no content), length, chunks, close."""

    known_by: str
    trailers: Fields


ResponsePart = ResponseHead | bytes | End

_STATUS_LINE = re.compile(rb"HTTP/([0-9]\.[0-9]) ([1-9][0-9][0-9])(?:( )(" + VALUE + rb"))?\r?\n")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(rb"\r?\n[ \t]+")
_BARE_LF = re.compile(rb"(?<!\r)\n")
_LOOSE_NAME = re.compile(rb"^(" + TOKEN + rb")[ \t]++:", re.MULTILINE)


class ResponseReader:
    """Cuts the response to one request out of a stream, interim responses first.

    `feed` returns what became known: each head, pieces of content, and an `End`. What came behind the end is in
    `rest`: make the next reader and feed it that. `method` is the request's, since HEAD's answer has no content.
    """

    def __init__(self, method: str = "GET", sizes: Sizes = SIZES) -> None:
        self.method = method
        self._sizes = sizes
        self._held = b""
        self._content: ContentReader | None = None
        self._known_by = ""
        self._offset = 0  # in the stream, of _held
        self._interim = 0
        self.head: ResponseHead | None = None
        self.done = False
        self.rest = b""

    def feed(self, data: bytes) -> list[ResponsePart]:
        """Return what became known by `data`. Raises: PeerError where no client can make sense of it."""
        parts: list[ResponsePart] = []
        if self._content is None and not self.done:
            data = self._read_heads(self._held + data, parts)
        if self._content is not None and not self.done:
            parts += filter(None, self._content.feed(data))
            data = self._finish(parts)
        if self.done:
            self.rest += data
        return parts

    def end_of_stream(self) -> list[ResponsePart]:
        """The peer will send nothing more. Raises: PeerError where the response is not whole."""
        if self.done:
            return []
        if self._content is None:
            if not self._held and self.head is None:
                raise PeerError("the stream ended before any response", section="RFC 9112, 8", offset=self._offset)
            raise PeerError(
                f"the stream ended inside the head: {self._held[-60:]!r}", section="RFC 9112, 8", offset=self._offset
            )
        self._content.end_of_stream()
        parts: list[ResponsePart] = []
        self._finish(parts)
        return parts

    @property
    def keeps_alive(self) -> bool:
        """Tell whether the connection may carry another request after this response (RFC 9112, 9.3)."""
        if not self.done or self.head is None or self._known_by == "close":
            return False
        options = self.head.fields.tokens("connection")
        return "close" not in options and (self.head.version >= "1.1" or "keep-alive" in options)

    def _read_heads(self, data: bytes, parts: list[ResponsePart]) -> bytes:
        """Read heads up to that of the final response; return what is behind it."""
        self._held = b""
        while self._content is None and not self.done:
            if self._offset == 0 or self.head is not None:
                data = data.removeprefix(b"\r\n")  # left over behind an earlier response
            found = _HEAD_END.search(data)
            if found is None or found.end() > self._sizes.head:
                if len(data) > self._sizes.head:
                    raise PeerError(
                        f"the head is longer than {self._sizes.head} bytes",
                        section="RFC 9112, 2.1",
                        offset=self._offset,
                    )
                if not _may_begin(data):
                    raise _no_status_line(data, self._offset)
                self._held = data
                return b""
            self.head = head = read_response_head(data[: found.end()], self._sizes, self._offset)
            parts.append(head)
            data = data[found.end() :]
            self._offset += found.end()
            if head.interim:
                self._interim += 1
                if self._interim > self._sizes.interim:
                    raise PeerError(
                        f"more than {self._sizes.interim} interim responses came",
                        section="RFC 9110, 15.2",
                        offset=self._offset,
                    )
            else:
                self._begin_content(head)
                if self._known_by == "none":
                    self._finish(parts)
        return data

    def _begin_content(self, head: ResponseHead) -> None:
        """Find out how the end of the content will be known (RFC 9112, 6.3)."""
        codings = head.fields.tokens("transfer-encoding")
        tunnel = self.method == "CONNECT" and head.status < 300
        if tunnel or self.method == "HEAD" or head.status < 200 or head.status in NO_CONTENT:
            self._known_by, self._content = "none", LengthReader(0)
        elif codings:
            if codings[-1] == "chunked":
                self._known_by, self._content = "chunks", ChunkedReader(self._offset)
            else:
                self._known_by, self._content = "close", CloseReader()
        elif (length := read_length(head.fields)) is not None:
            self._known_by, self._content = "length" if length else "none", LengthReader(length)
        else:
            self._known_by, self._content = "close", CloseReader()

    def _finish(self, parts: list[ResponsePart]) -> bytes:
        content = self._content
        if content is None or not content.done:
            return b""
        self.done = True
        parts.append(End(self._known_by, content.trailers))
        return content.rest


def read_response_head(raw: bytes, sizes: Sizes = SIZES, offset: int = 0) -> ResponseHead:
    """Return what the head `raw` says, its small sins named in `defects`.

    Raises: PeerError where it is no response.
    """
    start = _STATUS_LINE.match(raw)
    if start is None:
        raise _no_status_line(raw, offset)
    block = raw[start.end() :]
    defects = []
    if start[3] is None:
        defects.append("there is no blank behind the status code (RFC 9112, 4)")
    if _BARE_LF.search(raw):
        defects.append("lines end with a bare LF (RFC 9112, 2.2)")
        block = _BARE_LF.sub(b"\r\n", block)
    if _FOLD.search(block):
        defects.append("a field is folded over several lines (RFC 9112, 5.2)")
        block = _FOLD.sub(b" ", block)
    if _LOOSE_NAME.search(block):
        defects.append("there is a blank before a field's colon (RFC 9112, 5.1)")
        block = _LOOSE_NAME.sub(rb"\1:", block)
    fields = read_fields(block[:-2], offset + start.end()) if block != b"\r\n" and block else NO_FIELDS
    if len(fields) > sizes.fields:
        raise PeerError(f"the response has more than {sizes.fields} fields", section="RFC 9110, 5.4", offset=offset)
    if "transfer-encoding" in fields and "content-length" in fields:
        defects.append("both Transfer-Encoding and Content-Length are given (RFC 9112, 6.1)")
    reason = (start[4] or b"").decode("utf-8", "replace")
    return ResponseHead(start[1].decode(), int(start[2]), reason, fields, raw, tuple(defects))


def _may_begin(data: bytes) -> bool:
    """Tell whether `data` may be the beginning of a response's head."""
    line, end, _ = data.partition(b"\n")
    if end:
        return _STATUS_LINE.fullmatch(line + end) is not None
    return b"HTTP/".startswith(line[:5]) or line.startswith(b"HTTP/")


def _no_status_line(data: bytes, offset: int) -> PeerError:
    line = data.partition(b"\n")[0][:60]
    words = f"{line!r} is not the start of an HTTP response"
    if data[:1] in (b"\x15", b"\x16"):
        words = "the answer looks like TLS; write https:// (or +tls)"
    return PeerError(words, section="RFC 9112, 4", offset=offset)
