"""A second process that reads pages, so that a large run has two cores: one asks and judges, both read.

Half of a run's time goes into reading pages, and one interpreter has one core for it. The process is a fork of ours
and ends with us. A run that is known to go from page to page makes it first of all: the parsers are loaded there while
the first page is on its way, and never here. Any other run makes it once it has shown that it is large. Pages go there
and come back over a socket pair; when we have nothing else to do, we take some back and read them ourselves. Not on
Windows, which has no fork, nor on macOS, whose libraries do not bear one; nor beside threads (`--engine urllib`).
"""

from __future__ import annotations

from collections import deque

from sockwright.links.errands import HEAD, Errand, decode_page, encode
from sockwright.links.page import Page
from sockwright.links.second import BYTES, Second

AFTER = 10  # pages that a run has read before it is worth a process
_AT_ONCE = 64  # pages that are there at once: so much work that it is never idle while we judge
_WAITING = 8_000_000  # bytes of pages that are there or wait to be sent
_PLENTY = 300  # pages that wait before we take one back: loading the parsers here costs as much
_PIECE = 262_144  # bytes that are received at once


class Reader:
    """The other process, as seen from here."""

    def __init__(self, second: Second) -> None:
        self._second = second
        self._connection = second.connection
        self._connection.setblocking(False)
        self._outbox: deque[tuple[int, Errand]] = deque()
        self._there: dict[int, int] = {}  # ticket -> bytes of the page
        self._bytes_there = 0
        self._bytes_waiting = 0
        self._unsent = b""
        self._received = bytearray()
        self._unread: list[int] = []  # tickets of what could not be sent
        self.gone = False  # it has ended, for whatever reason
        self._next = 0

    @property
    def pid(self) -> int:
        return self._second.pid

    def fileno(self) -> int:
        return self._connection.fileno()

    @property
    def busy(self) -> bool:
        return bool(self._there or self._outbox)

    @property
    def overloaded(self) -> bool:
        """More waits than it will soon come to, so that somebody idle might `take_back`."""
        return len(self._outbox) > _PLENTY

    def take(self, content: bytes, url: str, content_type: str, limit: int) -> int | None:
        """Have a page read; return the ticket that it comes back with, or None where there is no room for it."""
        size = len(content)
        if self.gone or size > BYTES or self._bytes_there + self._bytes_waiting + size > _WAITING:
            return None
        self._next += 1
        self._outbox.append((self._next, Errand(content, url, content_type, limit)))
        self._bytes_waiting += size
        return self._next

    def take_back(self) -> int | None:
        """Return the ticket of a page that will not be read there, the last that was handed over; None for none."""
        if not self._outbox:
            return None
        ticket, errand = self._outbox.pop()
        self._bytes_waiting -= len(errand.content)
        return ticket

    def collect(self) -> list[tuple[int, Page | None]]:
        """Return what has been read, without waiting; None for a page that we must read ourselves after all.

        What was taken since the last time is sent on the way, all at once.
        """
        self._receive()
        if self._unsent:
            self._send(self._unsent)
        read: list[tuple[int, Page | None]] = []
        received, at = self._received, 0
        with memoryview(received) as view:
            while len(received) - at >= HEAD.size:
                length, ticket = HEAD.unpack_from(received, at)
                begin = at + HEAD.size
                if begin + length > len(received):
                    break
                at = begin + length
                self._bytes_there -= self._there.pop(ticket)
                read.append((ticket, decode_page(view[begin:at]) if length else None))
        del received[:at]
        self._hand_on()
        if self._unread:
            read += [(ticket, None) for ticket in self._unread]
            self._unread.clear()
        if self.gone:
            read += [(ticket, None) for ticket in (*self._there, *(ticket for ticket, _ in self._outbox))]
            self._there.clear()
            self._outbox.clear()
        return read

    def close(self) -> None:
        """End the process."""
        self._second.close()

    def _hand_on(self) -> None:
        """Send what waits, as far as there is room."""
        outbox = self._outbox
        if not outbox or self._unsent or self.gone:
            return
        pieces: list[bytes] = []
        while outbox and len(self._there) < _AT_ONCE:
            ticket, errand = outbox[0]
            size = len(errand.content)
            if self._bytes_there + size > BYTES:
                break
            outbox.popleft()
            self._bytes_waiting -= size
            try:
                packed = encode(errand)
            except UnicodeEncodeError:  # half a surrogate pair, which no message can carry
                self._unread.append(ticket)
                continue
            self._there[ticket] = size
            self._bytes_there += size
            pieces += (HEAD.pack(len(packed), ticket), packed)
        if pieces:
            self._send(b"".join(pieces))

    def _send(self, data: bytes) -> None:
        try:
            sent = self._connection.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.gone = True
            return
        self._unsent = data[sent:]

    def _receive(self) -> None:
        try:
            while True:
                data = self._connection.recv(_PIECE)
                self._received += data
                if len(data) < _PIECE:
                    self.gone |= not data
                    return
        except BlockingIOError:
            pass
        except OSError:
            self.gone = True
