"""One exchange as libcurl's callbacks see it: the lines of its head, as much of its body as somebody needs.

The callback for the head is a bare `list.append`: it comes once a line, and a Python function there would cost more
than all the rest. So the head is read when the first byte of the body comes, when the exchange ends, or when the
engine looks after those that have gone quiet; libcurl itself ends a head over 300 kB.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from typing import Any

import pycurl

from sockwright.links.appetite import DISCARD_TIME, appetite
from sockwright.links.asking import Ask, Limits
from sockwright.links.private import Avoid, is_private

_BLANK = (b"\r\n", b"\n")


class Transfer:
    """One easy handle and what its callbacks have seen; reused for one exchange after another."""

    __slots__ = (
        "ask",
        "avoid",
        "avoided",
        "begun",
        "chunks",
        "cut",
        "fields",
        "fields_set",
        "first_line",
        "handle",
        "head_at",
        "keep",
        "limits",
        "lines",
        "method_set",
        "private",
        "public_only",
        "size",
        "spare",
        "started",
        "status",
        "trouble",
    )

    def __init__(
        self, handle: pycurl.Curl, limits: Limits, *, public_only: bool = False, avoid: Avoid | None = None
    ) -> None:
        self.handle = handle
        self.limits = limits
        self.public_only = public_only
        self.avoid = avoid
        self.fields_set: tuple[tuple[str, str], ...] = ()
        self.method_set = "GET"
        self.lines: list[bytes] = []  # of all heads and trailers, as they come
        handle.setopt(pycurl.HEADERFUNCTION, self.lines.append)
        handle.setopt(pycurl.WRITEFUNCTION, self.on_body)
        self.reset(Ask(""))

    def reset(self, ask: Ask) -> None:
        self.ask = ask
        self.lines.clear()
        self.first_line = b""
        self.fields: list[tuple[str, str]] = []
        self.chunks: list[bytes] = []
        self.size = 0
        self.status = 0
        self.keep = 0  # bytes of the body that are kept; what comes after is discarded
        self.spare = False
        self.head_at = 0.0  # when the head was read; 0 while it was not
        self.cut = ""
        self.trouble = ""
        self.private = ""
        self.avoided = ""
        self.begun = time.monotonic()
        self.started = time.time()

    def read_head(self) -> bool:
        """Read the head of the final response, if it is whole; tell whether the exchange shall go on."""
        lines = self.lines
        begin = 0
        while begin < len(lines) and lines[begin] in _BLANK:  # before the status line: nothing, as libcurl sees it
            begin += 1
        for _ in range(self.limits.informational + 1):
            end = begin
            while end < len(lines) and lines[end] not in _BLANK:
                end += 1
            if end == len(lines):
                return self._head_grows(begin)
            parts = lines[begin].split(None, 2)
            status = int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 0
            if not 100 <= status < 200 or status == 101:
                return self._final(begin, end, status)
            begin = end + 1
        self.trouble = "informational"
        return False

    def _head_grows(self, begin: int) -> bool:
        """Look after a head that has no end yet."""
        if len(self.lines) - begin > self.limits.fields or sum(map(len, self.lines)) > self.limits.head:
            self.trouble = "head"
            return False
        return True

    def _final(self, begin: int, end: int, status: int) -> bool:
        if end - begin > self.limits.fields or sum(map(len, self.lines)) > self.limits.head:
            self.trouble = "head"
            return False
        self.first_line = self.lines[begin]
        self.status = status
        self.head_at = time.monotonic()
        self.fields = parse_fields(self.lines[begin + 1 : end])
        wish = appetite(self.ask, status, self.fields, self.limits)
        self.keep, self.spare = wish.keep, wish.spare
        if wish.hang_up:
            self.cut = "not needed"
            return False
        return True

    def on_body(self, data: bytes) -> int | None:
        if not self.head_at and not self.read_head():
            return -1
        self.size += len(data)
        if self.size <= self.keep:
            self.chunks.append(data)
            return None
        if self.keep >= self.limits.body:
            self.chunks.append(data)
            self.cut = f"only the first {self.limits.body} bytes were read"
            return -1
        if self.size > self.limits.discard:
            self.cut = "not needed"
            return -1
        if self.spare:
            self.chunks.append(data)
        return None

    def overdue(self, now: float) -> bool:
        """Tell whether the exchange has waited too long for its first byte, or drips although nobody needs it."""
        if not self.lines:
            return now - self.begun > self.limits.first_byte
        if not self.head_at:
            return not self.read_head()
        if (not self.keep or self.status >= 300) and now - self.head_at > DISCARD_TIME:
            self.cut = "not needed"
            return True
        return False

    def open_socket(self, _purpose: int, address: Any) -> Any:
        """Make a socket, unless it would go where it must not: to no public address (--no-private), or to a console."""
        family, kind, protocol, target = address
        host = target[0] if isinstance(target, tuple) else str(target)
        if isinstance(host, bytes):
            host = host.decode("ascii", "replace")
        if self.public_only and is_private(host):
            self.private = host
            return pycurl.SOCKET_BAD
        if self.avoid is not None and isinstance(target, tuple) and self.avoid(host, int(target[1])):
            self.avoided = host
            return pycurl.SOCKET_BAD
        return _Descriptor(socket.socket(family, kind, protocol))


class _Descriptor:
    """What pycurl asks for its number, which it duplicates, and lets go."""

    def __init__(self, made: socket.socket) -> None:
        self._made = made

    def fileno(self) -> int:
        return self._made.fileno()

    def __del__(self) -> None:
        self._made.close()


_LINES: dict[bytes, tuple[str, str]] = {}  # lines as they came -> name and value; servers say the same over and over
_LINES_MAX = 500
_LINE = 200  # bytes of those that are kept


def parse_fields(lines: Sequence[bytes]) -> list[tuple[str, str]]:
    """Return names in lower case and values of field lines; folded lines are put together (RFC 9112, 5.2)."""
    fields: list[tuple[str, str]] = []
    for line in lines:
        field = _LINES.get(line)
        if field is None:
            if line[:1] in (b" ", b"\t") and fields:
                fields[-1] = (fields[-1][0], f"{fields[-1][1]} {_text(line)}")
                continue
            name, _, value = line.partition(b":")
            field = (_text(name).lower(), _text(value))
            if name[:1].isalpha() and len(line) <= _LINE:
                if len(_LINES) >= _LINES_MAX:
                    _LINES.clear()
                _LINES[line] = field
        fields.append(field)
    return fields


def _text(data: bytes) -> str:
    """Return a value as text: UTF-8 where it is that, else Latin-1."""
    try:
        return data.strip().decode()
    except UnicodeDecodeError:
        return data.strip().decode("latin-1")
