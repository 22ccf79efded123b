"""The head of an answer as an application gives it: checked, so that it cannot break the message, and written out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from sockwright.wire.exchange import Response
from sockwright.wire.fields import write_field
from sockwright.wire.http1 import NO_CONTENT

# PEP 3333, "Other HTTP Features": these are the server's. RFC 9110, 7.6.1 names them.
_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "trailers",
        "transfer-encoding",
        "upgrade",
    }
)
_STATUS = re.compile(r"([2-5][0-9][0-9])(?: [\t\x20-\x7e\x80-\xff]*)?")
# What the client is told of a failure; the developer is told the rest.
FAILED = Response("the application failed; the log of the server tells how\n", 500)
# Lines of fields that are remembered: an application says the same ones again and again.
_REMEMBERED = 512


class Head(NamedTuple):
    """Status and field lines, without what the connection adds; `length` is what Content-Length says (bytes)."""

    status: int
    lines: bytes
    length: int | None

    @property
    def has_no_content(self) -> bool:
        return self.status in NO_CONTENT


def head_of(status: str, fields: Iterable[tuple[str, str]]) -> Head:
    """Return the head that a WSGI application's `start_response` was given. The reason phrase is ours, and so is Date.

    Raises: TypeError, ValueError where it would break the message, or speaks of the connection.
    """
    if not isinstance(status, str):
        raise TypeError(f"the status is text like '200 OK', not {type(status).__name__}")
    found = _STATUS.fullmatch(status)
    if found is None:
        raise ValueError(f"{status[:60]!r} is no status; write it like '200 OK', from 200 to 599")
    return _head(int(found[1]), [_line_of_text(name, value) for name, value in fields], strict=True)


def remembered_head(status: str, fields: Iterable[tuple[str, str]]) -> Head:
    """The same, by a look-up where these very words came before."""
    pairs = tuple(fields)
    try:
        return _remembered(status, pairs)
    except TypeError:  # lists for pairs cannot be looked up; whatever else is wrong is said again
        return head_of(status, pairs)


def lenient_head(status: int, fields: Iterable[tuple[bytes, bytes]]) -> Head:
    """Return the head that an ASGI application says; what it says of the connection is left out.

    Raises: TypeError, ValueError where it would break the message.
    """
    return _head(status, [_line(bytes(name), bytes(value)) for name, value in fields], strict=False)


def remembered_lenient_head(status: int, fields: Iterable[tuple[bytes, bytes]]) -> Head:
    """The same, by a look-up where these very words came before."""
    pairs = tuple(fields)
    try:
        return _remembered_lenient(status, pairs)
    except TypeError:
        return lenient_head(status, pairs)


_remembered = lru_cache(_REMEMBERED)(head_of)
_remembered_lenient = lru_cache(_REMEMBERED)(lenient_head)


def _head(status: int, lines: list[bytes | int | str], *, strict: bool) -> Head:
    length: int | None = None
    written: list[bytes] = []
    for line in lines:
        if isinstance(line, bytes):
            written.append(line)
        elif isinstance(line, int):
            if length is not None and length != line:
                raise ValueError(f"two Content-Lengths are given, {length} and {line}")
            length = line
        elif strict and line != _DATE:
            raise ValueError(f"{line} is about the connection, which is the server's business; leave it out")
    return Head(status, b"".join(written), length)


_DATE = "date"


@lru_cache(_REMEMBERED)
def _line_of_text(name: str, value: str) -> bytes | int | str:
    if not isinstance(name, str) or not isinstance(value, str):
        raise TypeError(f"fields are pairs of text, not {type(name).__name__} and {type(value).__name__}")
    try:
        return _line(name.encode("latin-1"), value.encode("latin-1"))
    except UnicodeEncodeError:
        raise ValueError(
            f"the field {name!r} holds letters beyond latin-1 ({value[:60]!r}); percent-encode them, or RFC 8187"
        ) from None


@lru_cache(_REMEMBERED)
def _line(name: bytes, value: bytes) -> bytes | int | str:
    """Return the field line; a number for Content-Length; the name, in lower case, of what is not written."""
    line = write_field(name, value)
    key = name.decode("ascii").lower()
    if key == "content-length":
        if not value.isdigit() or len(value) > 18:
            raise ValueError(f"Content-Length is {value[:60]!r}, which is no number")
        return int(value)
    return key if key == _DATE or key in _HOP_BY_HOP else line
