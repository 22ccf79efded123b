"""A second process that reads pages, so that a large run has two cores: one asks and judges, both read.

Half of a run's time goes into reading pages, and one interpreter has one core for it. The process is a fork of ours
and ends with us. A run that is known to go from page to page makes it first of all: the parsers are loaded there while
the first page is on its way, and never here. Any other run makes it once it has shown that it is large. Pages go there
and come back over a socket pair; when we have nothing else to do, we take some back and read them ourselves. Not on
Windows, which has no fork, nor on macOS, whose libraries do not bear one; nor beside threads (`--engine urllib`).
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import sys
import warnings
from collections import deque

import msgspec

from sockwright.links.page import Page, read_page

AFTER = 10  # pages that a run has read before it is worth a process
_AT_ONCE = 64  # pages that are there at once: so much work that it is never idle while we judge
_BYTES = 400_000  # of them at most, about as much as a socket takes at once; larger pages we read ourselves
_WAITING = 8_000_000  # bytes of pages that are there or wait to be sent
_PLENTY = 300  # pages that wait before we take one back: loading the parsers here costs as much
_PIECE = 262_144  # bytes that are received at once
_HEAD = struct.Struct("<IQ")  # length, ticket


class _Errand(msgspec.Struct, array_like=True, gc=False):
    content: bytes
    url: str
    content_type: str
    limit: int


_encode = msgspec.msgpack.Encoder().encode
_decode_errand = msgspec.msgpack.Decoder(_Errand).decode
_decode_page = msgspec.msgpack.Decoder(Page).decode


class Reader:
    """The other process, as seen from here."""

    def __init__(self, connection: socket.socket, pid: int) -> None:
        connection.setblocking(False)
        self._connection = connection
        self.pid = pid
        self._outbox: deque[tuple[int, _Errand]] = deque()
        self._there: dict[int, int] = {}  # ticket -> bytes of the page
        self._bytes_there = 0
        self._bytes_waiting = 0
        self._unsent = b""
        self._received = bytearray()
        self._unread: list[int] = []  # tickets of what could not be sent
        self.gone = False  # it has ended, for whatever reason
        self._next = 0

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
        if self.gone or size > _BYTES or self._bytes_there + self._bytes_waiting + size > _WAITING:
            return None
        self._next += 1
        self._outbox.append((self._next, _Errand(content, url, content_type, limit)))
        self._bytes_waiting += size
        self._hand_on()
        return self._next

    def take_back(self) -> int | None:
        """Return the ticket of a page that will not be read there, the last that was handed over; None for none."""
        if not self._outbox:
            return None
        ticket, errand = self._outbox.pop()
        self._bytes_waiting -= len(errand.content)
        return ticket

    def collect(self) -> list[tuple[int, Page | None]]:
        """Return what has been read, without waiting; None for a page that we must read ourselves after all."""
        self._receive()
        if self._unsent:
            self._send(self._unsent)
        read: list[tuple[int, Page | None]] = []
        received, at = self._received, 0
        with memoryview(received) as view:
            while len(received) - at >= _HEAD.size:
                length, ticket = _HEAD.unpack_from(received, at)
                begin = at + _HEAD.size
                if begin + length > len(received):
                    break
                at = begin + length
                self._bytes_there -= self._there.pop(ticket)
                read.append((ticket, _decode_page(view[begin:at]) if length else None))
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
        self._connection.close()
        try:
            os.waitpid(self.pid, 0)
        except ChildProcessError:
            pass

    def _hand_on(self) -> None:
        """Send what waits, as far as there is room."""
        outbox = self._outbox
        while outbox and not self._unsent and not self.gone and len(self._there) < _AT_ONCE:
            ticket, errand = outbox[0]
            size = len(errand.content)
            if self._bytes_there + size > _BYTES:
                break
            outbox.popleft()
            self._bytes_waiting -= size
            try:
                packed = _encode(errand)
            except UnicodeEncodeError:  # half a surrogate pair, which no message can carry
                self._unread.append(ticket)
                continue
            self._there[ticket] = size
            self._bytes_there += size
            self._send(_HEAD.pack(len(packed), ticket) + packed)

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
                    self.gone = not data
                    return
        except BlockingIOError:
            pass
        except OSError:
            self.gone = True


def begin() -> Reader | None:
    """Return a process that reads, or None where there is no second core for it or no way to make one."""
    if not hasattr(os, "fork") or sys.platform == "darwin" or len(os.sched_getaffinity(0)) < 2:
        return None
    ours, theirs = socket.socketpair()
    for side in (ours, theirs):
        side.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * _BYTES)  # as far as the system grants it
    with warnings.catch_warnings():
        # Since Python 3.12 a fork beside threads warns. libcurl may look up a name in one; what is forked never
        # comes near it, and no lock of Python's is held here.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            pid = os.fork()
        except OSError:
            ours.close()
            theirs.close()
            return None
    if pid == 0:
        try:
            _serve(theirs)
        finally:
            os._exit(0)
    theirs.close()
    return Reader(ours, pid)


def _serve(connection: socket.socket) -> None:
    """Read pages until the other side is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for the run, which tells us by closing
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    kept = connection.fileno()
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.closerange(3, kept)
    os.closerange(kept + 1, 65_536)
    connection.setblocking(True)
    read_page(b"<p>", "http://localhost/", "text/html")  # loads what reads pages, before the first one comes
    with connection.makefile("rb") as errands:
        while len(head := errands.read(_HEAD.size)) == _HEAD.size:
            length, ticket = _HEAD.unpack(head)
            packed = _read(errands.read(length))
            connection.sendall(_HEAD.pack(len(packed), ticket) + packed)


def _read(packed: bytes) -> bytes:
    """Return the page of an errand, or nothing where it cannot be told."""
    errand = _decode_errand(packed)
    page = read_page(errand.content, errand.url, errand.content_type, limit=errand.limit)
    try:
        return _encode(page)
    except UnicodeEncodeError:
        return b""
