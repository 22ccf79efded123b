"""Files on their way to a peer: straight from the file into the socket where the system can do that, else in pieces.

What is said behind a file waits for it, so a stream's bytes keep their order:

    idle --file--> waits until the loop's own buffer is empty --> sends --whole file--> next ... --> idle
                                                                  |  ^
                                                     socket full  '--'  writable

While a file is on its way the stream counts as choked: nothing more is read, and a peer that takes nothing is given
up like any other. The loop's transport is left alone meanwhile. A file that the socket takes whole at once is gone
before anybody notices. Why not the loop's own `sendfile`: uvloop has none, and asyncio's is a task per file.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections import deque
from collections.abc import Callable
from time import time
from typing import TYPE_CHECKING

from sockwright.conversation import Send
from sockwright.journal.records import ERROR

if TYPE_CHECKING:
    from sockwright.transport.streams import Stream

# Bytes read at once where Python must carry them.
PIECE = 64 * 1024
# Bytes the system is asked to send at once; between two of them other connections have their turn, and the peer its
# time to read: a whole MiB in one go costs a fifth more CPU.
STRIDE = 256 * 1024
KEPT = 1024  # bytes of a file that the journal keeps

# Whoever sends more right behind this says so, and both go in one segment.
_MORE = getattr(socket, "MSG_MORE", 0)
_CAN = hasattr(os, "sendfile")


def read_at(file: int, count: int, offset: int) -> bytes:
    """Return up to `count` bytes from `offset` on."""
    if hasattr(os, "pread"):
        return os.pread(file, count, offset)
    os.lseek(file, offset, os.SEEK_SET)
    return os.read(file, count)


class Sending:
    """What one stream sends while a file is among it. `write` takes the place of the transport's own."""

    __slots__ = (
        "_held",
        "_left",
        "_offset",
        "_queue",
        "_sock",
        "_stream",
        "_transport",
        "_waits",
        "busy",
        "paused",
        "write_through",
    )

    def __init__(self, stream: Stream, transport: asyncio.Transport) -> None:
        self._stream = stream
        self._transport = transport
        self.write_through: Callable[[bytes], None] = transport.write
        self._queue: deque[bytes | Send | None] = deque()  # None: our FIN
        self._offset = self._left = 0  # of the file at the head of the queue
        self._sock: socket.socket | None = None  # a second descriptor, which the loop lets us watch
        self._waits = False  # for the loop's buffer to become empty
        self._held = False  # the stream was told that something is on its way
        self.busy = False
        self.paused = False  # the loop's buffer is full

    def write(self, data: bytes) -> None:
        """Send `data` behind what waits already."""
        if self.busy:
            self._queue.append(data)
        else:
            self.write_through(data)

    def put(self, given: tuple[bytes, Send]) -> None:
        """Send a file's part, and what stands before it, behind what waits already."""
        head, part = given
        if head:
            self._queue.append(head)
        self._queue.append(part)
        if not self.busy:
            self.busy = True
            self._left = 0
            self.go_on()
            if self.busy:
                self._held = True
                self._stream.held_up()

    def end(self) -> None:
        """Have the stream's `end_now` called once everything is sent."""
        self._queue.append(None)

    def go_on(self) -> None:
        """Send what the socket takes now."""
        while self.busy and self._queue:
            first = self._queue[0]
            try:
                if first is None:
                    self._done()
                    self._stream.end_now()
                    return
                if not self._step(first):
                    return
            except OSError as gone:
                self._stream.broken(gone)
                return
        if self.busy:
            self._done()

    def _step(self, first: bytes | Send) -> bool:
        """Send of what is first in the queue; return whether to go on at once."""
        by_hand = self._stream.sock is not None and not self._stream.secure and self._stream.outbound is None
        outbound = self._stream.outbound
        if outbound is not None and outbound.full:
            return False  # `fed` comes back to us
        if by_hand and self._transport.get_write_buffer_size():
            self._wait_for_buffer()
            return False
        if isinstance(first, bytes):
            self._queue.popleft()
            if by_hand and len(first) <= PIECE:
                sock = self._stream.sock
                assert sock is not None
                try:
                    sent = sock.send(first, _MORE if len(self._queue) > 0 and self._queue[0] is not None else 0)
                except BlockingIOError:
                    sent = 0
                if sent < len(first):
                    self._queue.appendleft(first[sent:])
                    self._wait_for_room()
                    return False
            elif self._stream.outbound is not None:
                self._stream.outbound.feed(first, time())
            else:
                self.write_through(first)
            return True
        if not self._left:
            self._offset, self._left = first.offset, first.count
        sent = self._send_file(first) if by_hand and _CAN else self._carry(first)
        if sent < 0:
            return False
        if sent == 0:
            self._stream.broken(None)
            return False
        self._offset += sent
        self._left -= sent
        if outbound is None or not outbound.full:
            self._stream.progressed(time())
        if not self._left:
            self._queue.popleft()
            os.close(first.file)
            return True
        if by_hand and sent < STRIDE:
            self._wait_for_room()
        elif by_hand or not self.paused:
            self._soon()
        return False  # else: `resume_writing` comes back to us

    def _send_file(self, part: Send) -> int:
        """Return the bytes the system took, 0 at the file's end, -1 where it takes none now."""
        sock = self._stream.sock
        assert sock is not None
        try:
            return os.sendfile(sock.fileno(), part.file, self._offset, min(self._left, STRIDE))
        except BlockingIOError:
            self._wait_for_room()
            return -1

    def _carry(self, part: Send) -> int:
        """The same through Python, for TLS, faults, and systems that have no sendfile."""
        piece = read_at(part.file, min(self._left, PIECE), self._offset)
        stream = self._stream
        if stream.outbound is not None:
            stream.outbound.feed(piece, time())
        elif piece:
            self.write_through(piece)
        return len(piece)

    def _wait_for_buffer(self) -> None:
        """What the loop holds goes first; it tells `resume_writing` when its buffer is empty."""
        if not self._waits:
            self._waits = True
            self._transport.set_write_buffer_limits(high=0)

    def _soon(self) -> None:
        """Go on after the others had their turn."""
        asyncio.get_running_loop().call_soon(self.go_on)

    def _wait_for_room(self) -> None:
        if self._sock is None:
            assert self._stream.sock is not None
            self._sock = self._stream.sock.dup()
            asyncio.get_running_loop().add_writer(self._sock.fileno(), self.go_on)

    def resumed(self) -> None:
        """The loop's buffer has room again."""
        self.paused = False
        self._restore()

    def fed(self) -> None:
        """The pipe in the way has room again."""
        self._restore()

    def _restore(self) -> None:
        if self._waits:
            self._waits = False
            self._transport.set_write_buffer_limits(high=self._stream.server.limits.write_buffer)
        if self.busy:
            self._soon()

    def _done(self) -> None:
        self._forget()
        self.busy = False
        self._queue.clear()
        if self._held:
            self._held = False
            # Not now: this may be in the middle of others' writes, and whatever is said next must come behind them.
            asyncio.get_running_loop().call_soon(self._stream.relieved)

    def _forget(self) -> None:
        if self._sock is not None:
            asyncio.get_running_loop().remove_writer(self._sock.fileno())
            self._sock.close()
            self._sock = None

    def close(self) -> int:
        """Give up; return how many bytes were not sent."""
        unsent = 0
        for item in self._queue:
            if isinstance(item, Send):
                unsent += self._left or item.count
                self._left = 0
                with contextlib.suppress(OSError):
                    os.close(item.file)
            elif item is not None:
                unsent += len(item)
        self._queue.clear()
        self._forget()
        self.busy = False
        return unsent


def trouble_of(gone: OSError | None) -> tuple[str, str]:
    """Return why sending a file ended early, in words, and how that ends the connection."""
    if gone is None:
        return "the file became shorter while it was sent", ERROR
    return f"sending a file failed: {gone.strerror or gone}", ERROR
