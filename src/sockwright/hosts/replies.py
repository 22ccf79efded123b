"""The head of an answer as an application gives it: checked, so that it cannot break the message, and written out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

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


def head_of(status: str, fields: Sequence[tuple[str, str]]) -> Head:
    """Return the head that `start_response` was given. The reason phrase is ours, and so is Date.

    Raises: TypeError, ValueError where it would break the message, or speaks of the connection.
    """
    if not isinstance(status, str):
        raise TypeError(f"the status is text like '200 OK', not {type(status).__name__}")
    found = _STATUS.fullmatch(status)
    if found is None:
        raise ValueError(f"{status[:60]!r} is no status; write it like '200 OK', from 200 to 599")
    return checked_head(int(found[1]), fields)


def checked_head(status: int, fields: Iterable[tuple[str, str]], *, lenient: bool = False) -> Head:
    """Return the head with `fields`; a `lenient` one leaves fields about the connection out instead of refusing them.

    Raises: TypeError, ValueError as `head_of`.
    """
    lines: list[bytes] = []
    length: int | None = None
    for name, value in fields:
        line = _line(name, value)
        if type(line) is bytes:
            lines.append(line)
        elif type(line) is int:
            if length is not None and length != line:
                raise ValueError(f"two Content-Lengths are given, {length} and {line}")
            length = line
        elif line == _CONNECTION and not lenient:
            raise ValueError(f"{name} is about the connection, which is the server's business; leave it out")
    return Head(status, b"".join(lines), length)


_CONNECTION = "connection"


@lru_cache(_REMEMBERED)
def _line(name: str, value: str) -> bytes | int | str:
    """Return the field line; a number for Content-Length; a word for what is not written."""
    if not isinstance(name, str) or not isinstance(value, str):
        raise TypeError(f"fields are pairs of text, not {type(name).__name__} and {type(value).__name__}")
    try:
        line = write_field(name.encode("latin-1"), value.encode("latin-1"))
    except UnicodeEncodeError:
        raise ValueError(
            f"the field {name!r} holds letters beyond latin-1 ({value[:60]!r}); percent-encode them, or RFC 8187"
        ) from None
    key = name.lower()
    if key == "content-length":
        if not value.isascii() or not value.isdigit() or len(value) > 18:
            raise ValueError(f"Content-Length is {value[:60]!r}, which is no number")
        return int(value)
    if key == "date":
        return key
    return _CONNECTION if key in _HOP_BY_HOP else line
