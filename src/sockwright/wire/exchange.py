"""One HTTP exchange as a handler sees it: a `Request` comes in, a `Response` goes out.

Both know how their own parts are spelled and nothing of connections: how an end of content is marked, whether the
connection stays, and what the Date is, are the conversation's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

import msgspec

from sockwright.endpoint import Peer
from sockwright.errors import ServiceError
from sockwright.wire.fields import NO_FIELDS, Fields, write_field, write_fields
from sockwright.wire.http1 import NO_CONTENT

TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
JSON = "application/json"
BYTES = "application/octet-stream"

NOBODY = Peer("", 0)
NOTHING_CAPTURED: Mapping[str, str] = {}


class Request:
    """A request whose head (and, for most handlers, content) is complete.

    `target` is the request-target as it came, in origin-form; `path` its path as it came, still percent-encoded;
    `host` what it was meant for, in lower case; `captured` what the route's pattern caught, decoded.
    """

    __slots__ = (
        "captured", "content", "fields", "host", "method", "path", "peer", "secure", "target", "trailers", "version",
    )  # fmt: skip

    def __init__(
        self,
        method: str,
        target: str,
        path: str,
        fields: Fields = NO_FIELDS,
        content: bytes = b"",
        host: str = "",
        version: str = "1.1",
        peer: Peer = NOBODY,
        secure: bool = False,
    ) -> None:
        self.method = method
        self.target = target
        self.path = path
        self.fields = fields
        self.content = content
        self.host = host
        self.version = version
        self.peer = peer
        self.secure = secure
        self.captured = NOTHING_CAPTURED
        self.trailers = NO_FIELDS

    @property
    def query(self) -> str:
        """What stands behind the question mark, as it came."""
        return self.target.partition("?")[2]

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """The query's names and values, decoded, in their order."""
        return parse_qsl(self.query, keep_blank_values=True, max_num_fields=1000)

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
    `length` is told instead of the content's own where there is none to measure (the answer to HEAD). What the
    conversation adds: Date, Connection, and Content-Length where a status has content at all.
    """

    __slots__ = ("content", "lines", "parts", "status")

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
        self.status = status
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
        self.content: bytes = content
        if length is None:
            length = len(content) + sum(part.count if isinstance(part, FilePart) else len(part) for part in self.parts)
        lines = b""
        if fields:
            lines = write_fields(fields.items() if isinstance(fields, Mapping) else fields)
        if (type or length) and not lines_hold(lines, b"content-type"):
            lines = _type_line(type or kind) + lines
        if status not in NO_CONTENT:
            lines += b"Content-Length: %d\r\n" % length
        self.lines = lines

    def __repr__(self) -> str:
        return f"<Response {self.status}, {len(self.content)} B>"


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


def lines_hold(lines: bytes, name: bytes) -> bool:
    """Tell whether among field lines there is one called `name` (in lower case)."""
    return bool(lines) and (b"\n" + lines.lower()).find(b"\n" + name + b":") >= 0


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
