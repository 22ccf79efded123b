"""One HTTP exchange as a handler sees it: a `Request` comes in, a `Response` goes out.

Both know how their own parts are spelled and nothing of connections: how an end of content is marked, whether the
connection stays, and what the Date is, are the conversation's business.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

import msgspec

from sockwright.endpoint import NOBODY, Peer
from sockwright.errors import ServiceError
from sockwright.wire.fields import NO_FIELDS, Fields, write_field, write_fields
from sockwright.wire.http1 import NO_CONTENT
from sockwright.wire.requests import RequestHead, RequestHeads

TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
JSON = "application/json"
BYTES = "application/octet-stream"

# Content up to this size is joined with its head once and for all (bytes).
JOINED = 16 * 1024

NOTHING_CAPTURED: Mapping[str, str] = {}


class Request:
    """A request whose head (and, for most handlers, content) is complete.

    `captured` is what the route's pattern caught, decoded. `whole` is false while content is still to come, which
    only handlers and sessions of an `early` route get to see; where the peer broke off in the middle it stays so.
    `now` is when it was read (seconds since the epoch), the same for all that was read in one turn; 0: nobody says.
    `spooled` is what the route's own `spool` took of content that was too much for `content`, which is empty then.
    """

    # Most requests have none of these; an instance gets them only where it does, since one is made for every message.
    content = b""
    trailers = NO_FIELDS
    whole = True
    secure = False
    now = 0.0
    spooled: Any = None

    def __init__(self, head: RequestHead, peer: Peer = NOBODY, captured: Mapping[str, str] = NOTHING_CAPTURED) -> None:
        self.head = head
        self.peer = peer
        self.captured = captured

    @classmethod
    def to(
        cls,
        target: str,
        method: str = "GET",
        fields: Mapping[str, str] = NOTHING_CAPTURED,
        content: bytes = b"",
        peer: Peer = NOBODY,
    ) -> Request:
        """Return the request that a client would make, to try a handler with. Raises: PeerError, ValueError."""
        given: dict[str, str] = {"Host": "localhost", "Content-Length": str(len(content)), **fields}
        lines = write_fields(given.items())
        start = f"{method} {target} HTTP/1.1\r\n".encode()
        made = cls(RequestHeads().read(start + lines + b"\r\n"), peer)
        made.content = content
        return made

    @property
    def method(self) -> str:
        return self.head.method

    @property
    def target(self) -> str:
        """The request-target in origin-form."""
        return self.head.target

    @property
    def path(self) -> str:
        """The target's path as it came, still percent-encoded."""
        return self.head.path

    @property
    def host(self) -> str:
        """Whom it was meant for, host and perhaps port, in lower case."""
        return self.head.host

    @property
    def version(self) -> str:
        """HTTP's version, "1.0" or "1.1"."""
        return self.head.version

    @property
    def fields(self) -> Fields:
        return self.head.fields

    @property
    def query(self) -> str:
        """What stands behind the question mark, as it came."""
        return self.target.partition("?")[2]

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """The query's names and values, decoded, in their order."""
        query = self.query
        if "%" in query or "+" in query:
            return parse_qsl(query, keep_blank_values=True)
        return [(name, value) for name, _, value in [part.partition("=") for part in query.split("&") if part]]

    def parameter(self, name: str, default: str = "") -> str:
        """Return the first value of the query's `name`."""
        return next((value for key, value in self.parameters if key == name), default)

    @property
    def decoded_path(self) -> str:
        """The path with its percent-encoding undone, once. Bytes that are no UTF-8 become lone surrogates."""
        return decode(self.path)

    @property
    def origin(self) -> str:
        """Where the request was sent to, as a browser writes an origin."""
        return f"{'https' if self.secure else 'http'}://{self.host}"

    @property
    def type(self) -> str:
        """The media type of the content, in lower case and without its parameters; empty where none is given."""
        return self.fields.get("content-type").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """The content as text. Raises: ServiceError (400) where it is not UTF-8."""
        try:
            return self.content.decode()
        except UnicodeDecodeError as wrong:
            raise ServiceError(
                f"the content is not UTF-8: byte {wrong.start} is {wrong.object[wrong.start]:#04x}", code=400
            ) from None

    def json(self) -> Any:
        """Return the value that the content says in JSON. Raises: ServiceError (400) where it is none."""
        try:
            return msgspec.json.decode(self.content)
        except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
            raise ServiceError(f"the content is not JSON: {wrong}", code=400) from None
        except RecursionError:
            raise ServiceError("the JSON is nested too deep", code=400) from None

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.target}>"


@dataclass(frozen=True, slots=True)
class FilePart:
    """A part of an open file: whoever sends it closes the descriptor. `offset` and `count` in bytes."""

    file: int
    offset: int
    count: int


class Response:
    """An answer. Never changed once it was handed over, so that one object may answer many requests.

    `content` may be text, bytes, a `FilePart`, a list of bytes and file parts, or anything that JSON can say.
    `length` is told instead of the content's own where there is none to measure (the answer to HEAD).
    """

    __slots__ = ("content", "length", "lines", "parts", "status", "whole")

    def __init__(
        self,
        content: Any = b"",
        status: int = 200,
        type: str = "",
        fields: Mapping[str, str | int] | Iterable[tuple[str | bytes, str | bytes | int]] = (),
        length: int | None = None,
    ) -> None:
        """Raises: ValueError where a field or the status would break the message."""
        if not 200 <= status <= 599:
            raise ValueError(f"{status} is not the status of an answer; they go from 200 to 599")
        self.parts: Sequence[FilePart | bytes] = ()  # behind `content`, where there are files in it
        if isinstance(content, bytes):
            kind = BYTES
        elif isinstance(content, str):
            kind, content = TEXT, content.encode("utf-8", "replace")
        elif isinstance(content, bytearray | memoryview):
            kind, content = BYTES, bytes(content)
        elif parts := _parts(content):
            kind, content, self.parts = BYTES, b"", parts
        else:
            kind, content = JSON, json_of(content)
        if length is None:
            length = len(content)
            for part in self.parts:
                length += part.count if isinstance(part, FilePart) else len(part)
        lines = _lines(fields) if fields else b""
        if (type or length) and not (lines and _TYPE.search(lines)):
            lines = _type_line(type or kind) + lines
        self._take(content, status, lines, length)

    @classmethod
    def ready(cls, content: bytes, lines: bytes, status: int = 200, length: int | None = None) -> Response:
        """Return a response whose field lines were written before: the `lines` of another one, for a new content."""
        made = cls.__new__(cls)
        made.parts = ()
        made._take(content, status, lines, len(content) if length is None else length)
        return made

    @classmethod
    def with_file(cls, part: FilePart, lines: bytes, status: int = 200) -> Response:
        """Return the same with a file's part for its content."""
        made = cls.__new__(cls)
        made.parts = (part,)
        made._take(b"", status, lines, part.count)
        return made

    def abandon(self) -> None:
        """Close what the answer holds, where nobody will send it."""
        for part in self.parts:
            if isinstance(part, FilePart):
                os.close(part.file)

    def _take(self, content: bytes, status: int, lines: bytes, length: int) -> None:
        self.content = content
        self.status = status
        self.lines = lines  # without those that the conversation adds
        self.length = length  # bytes
        # All that follows the start lines in one go, where joining costs less than another write.
        self.whole = b""
        if length <= JOINED and not self.parts and status not in NO_CONTENT:
            self.whole = b"%bContent-Length: %d\r\n\r\n%b" % (lines, length, content)

    def __repr__(self) -> str:
        return f"<Response {self.status}, {self.length} B>"


class Beginning(Response):
    """A head, and perhaps the first content, of an answer whose rest comes piece by piece.

    `promised` is the length of the whole in bytes, None where nobody knows it yet.
    """

    __slots__ = ("promised",)
    promised: int | None

    @classmethod
    def of(cls, content: bytes, lines: bytes, status: int, promised: int | None) -> Beginning:
        """Return a beginning whose field lines were written before."""
        made = cls.__new__(cls)
        made.parts = ()
        made.content, made.lines, made.status, made.length, made.whole = content, lines, status, len(content), b""
        made.promised = promised
        return made


# Told by the content or by the conversation; a second one would break the message.
_NOT_YOURS = re.compile(rb"^(content-length|transfer-encoding|connection|date):", re.IGNORECASE | re.MULTILINE)
_TYPE = re.compile(rb"^content-type:", re.IGNORECASE | re.MULTILINE)


def _lines(fields: Mapping[str, str | int] | Iterable[tuple[str | bytes, str | bytes | int]]) -> bytes:
    lines = write_fields(fields.items() if isinstance(fields, Mapping) else fields)
    found = _NOT_YOURS.search(lines)
    if found is not None:
        raise ValueError(f"{found[1].decode()} is written by the server itself; leave it out")
    return lines


@lru_cache(64)
def _type_line(kind: str) -> bytes:
    return write_field("Content-Type", kind)


def _parts(content: object) -> Sequence[FilePart | bytes]:
    """Return the parts where `content` is made of some."""
    if isinstance(content, FilePart):
        return (content,)
    if isinstance(content, list) and content and all(isinstance(part, bytes | FilePart) for part in content):
        return tuple(content)
    return ()


def response_of(value: Any) -> Response:
    """Return the response that a handler's value stands for: itself, text, bytes, nothing (204) or JSON."""
    if isinstance(value, Response):
        return value
    if value is None:
        return Response(status=204)
    return Response(value)


def json_of(value: Any) -> bytes:
    """Return `value` in JSON. Raises: TypeError naming the type that JSON cannot say."""
    return msgspec.json.encode(value)


def decode(text: str) -> str:
    """Undo percent-encoding, once. Bytes that are no UTF-8 become lone surrogates, as in Python's file names."""
    if "%" not in text:
        return text
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")
