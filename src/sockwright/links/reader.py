"""A second process that reads pages, so that a large run has two cores: one asks and judges, both read.

Half of a run's time goes into reading pages, and one interpreter has one core for it. The process is a fork of ours,
made once a run has shown that it is large: it needs no start-up and ends with us. Pages go there and come back over a
socket pair; what it has no room for, we read ourselves, so neither waits for the other. Not on Windows, which has no
fork, nor on macOS, whose libraries do not bear one; nor beside threads (`--engine urllib`).
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import sys
import warnings

import msgspec

from sockwright.links.page import Page, read_page

AFTER = 10  # pages that a run has read before it is worth a process
_AT_ONCE = 64  # pages that are there at once: so much work that it is never idle while we judge
_BYTES = 400_000  # of them at most, about as much as a socket takes at once; larger pages we read ourselves
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
        self._there: dict[int, int] = {}  # ticket -> bytes of the page
        self._bytes = 0
        self._unsent = b""
        self._received = bytearray()
        self.gone = False  # it has ended, for whatever reason
        self._next = 0

    def fileno(self) -> int:
        return self._connection.fileno()

    @property
    def busy(self) -> bool:
        return bool(self._there)

    def take(self, content: bytes, url: str, content_type: str, limit: int) -> int | None:
        """Have a page read; return the ticket that it comes back with, or None where there is no room for it."""
        size = len(content)
        if self.gone or self._unsent or len(self._there) >= _AT_ONCE or self._bytes + size > _BYTES:
            return None
        try:
            packed = _encode(_Errand(content, url, content_type, limit))
        except UnicodeEncodeError:  # half a surrogate pair, which no message can carry
            return None
        self._next += 1
        self._there[self._next] = size
        self._bytes += size
        self._send(_HEAD.pack(len(packed), self._next) + packed)
        return self._next

    def collect(self) -> list[tuple[int, Page | None]]:
        """Return what has been read, without waiting; None for a page that we must read ourselves after all."""
        self._receive()
        if self._unsent:
            self._send(self._unsent)
        read: list[tuple[int, Page | None]] = []
        received, at = self._received, 0
        while len(received) - at >= _HEAD.size:
            length, ticket = _HEAD.unpack_from(received, at)
            end = at + _HEAD.size + length
            if end > len(received):
                break
            packed = bytes(received[at + _HEAD.size : end])
            at = end
            self._bytes -= self._there.pop(ticket)
            read.append((ticket, _decode_page(packed) if packed else None))
        del received[:at]
        if self.gone:
            read += [(ticket, None) for ticket in self._there]
            self._there.clear()
        return read

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        try:
            os.waitpid(self.pid, 0)
        except ChildProcessError:
            pass

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
            while data := self._connection.recv(262_144):
                self._received += data
            self.gone = True
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
