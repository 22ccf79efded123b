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
    from sockwright.transport.pipe import Pipe
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
    """What one stream sends while a file is among it.

    While it is `busy` the stream's `write` is ours. What comes by `write` is in the journal already; `say` and `put`
    take what is not, and its record is made when its turn comes. Past faults that would do nothing to it a file goes as
    fast as without them; else it is carried through their pipe piece by piece.
    """

    __slots__ = (
        "_closed",
        "_going",
        "_held",
        "_is_past",
        "_is_recorded",
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
        # What shall be sent, and whether its record is made; None: our FIN.
        self._queue: deque[tuple[bytes | Send | None, bool]] = deque()
        self._offset = self._left = 0  # of what is at the head of the queue
        self._is_recorded = self._is_past = False  # ... whether its record is made, and the pipe left behind
        self._sock: socket.socket | None = None  # a second descriptor, which the loop lets us watch
        self._waits = False  # for the loop's buffer to become empty
        self._going = False
        self._held = False  # the stream was told that something is on its way
        self._closed = False
        self.busy = False
        self.paused = False  # the loop's buffer is full

    def write(self, data: bytes) -> None:
        """Send `data`, whose record is made, behind what waits already."""
        if self.busy:
            self._queue.append((data, True))
        else:
            self.write_through(data)

    def say(self, data: bytes) -> None:
        """Send and record `data` behind what waits already."""
        if not self._closed:
            self._queue.append((data, False))
            self._go()

    def put(self, given: tuple[bytes, Send]) -> None:
        """Send a file's part, and what stands before it, behind what waits already."""
        head, part = given
        if self._closed:
            os.close(part.file)
            return
        if head:
            self._queue.append((head, False))
        self._queue.append((part, False))
        self._go()

    def _go(self) -> None:
        if not self._going:
            self.busy = self._going = True
            if self._stream.write is not None:
                self._stream.write = self.write
            self.go_on()
            if self._going:
                self._held = True
                self._stream.held_up()

    def end(self) -> None:
        """Have the stream's `end_now` called once everything is sent."""
        self._queue.append((None, True))

    def go_on(self) -> None:
        """Send what the socket takes now."""
        while self._going and self._queue:
            item, is_recorded = self._queue[0]
            try:
                if item is None:
                    self._done()
                    self._stream.end_now()
                    return
                if not self._left:
                    self._is_recorded, self._is_past = is_recorded, False
                    self._offset, self._left = (0, len(item)) if isinstance(item, bytes) else (item.offset, item.count)
                if not self._step(item):
                    return
            except OSError as gone:
                self._stream.broken(gone)
                return
        if self._going:
            self._done()

    def go_on_soon(self) -> None:
        """Go on when the loop has done what it is at; what waited for the loop's buffer waits no longer."""
        if self._waits:
            self._waits = False
            self._transport.set_write_buffer_limits(high=self._stream.server.limits.write_buffer)
        if self.busy:
            asyncio.get_running_loop().call_soon(self.go_on)

    def resumed(self) -> None:
        """The loop's buffer has room again."""
        self.paused = False
        self.go_on_soon()

    def reconsider(self) -> None:
        """Faults have changed: what went past the pipe so far may have to go through it."""
        self._is_past = False

    def _step(self, item: bytes | Send) -> bool:
        """Send of what is first in the queue; return whether to go on at once."""
        stream = self._stream
        outbound = stream.outbound
        if outbound is not None:
            if outbound.full:
                return False  # the stream's `unchoke` comes back to us
            if not self._is_past:
                self._is_past = outbound.passes_unseen(self._left)
            if not self._is_past:
                return self._feed(item, outbound)
        by_hand = stream.sock is not None and not stream.secure
        if by_hand and self._transport.get_write_buffer_size():
            self._wait_for_buffer()
            return False
        if not self._is_recorded:
            self._is_recorded = True
            stream.record_sent(self._piece(item, KEPT), self._left)
        if isinstance(item, bytes):
            return self._send_bytes(item, by_hand)
        sent = self._send_file(item) if by_hand and _CAN else self._carry(item)
        if sent < 0:
            return False
        if not self._is_through(item, sent):
            return False
        stream.progressed(time())
        if not self._left:
            return True
        if by_hand and sent < STRIDE:
            self._wait_for_room()
        elif by_hand or not self.paused:
            asyncio.get_running_loop().call_soon(self.go_on)
        return False  # else: `resume_writing` comes back to us

    def _piece(self, item: bytes | Send, most: int) -> bytes:
        count = min(self._left, most)
        if isinstance(item, bytes):
            return item[self._offset : self._offset + count]
        return read_at(item.file, count, self._offset)

    def _is_through(self, item: bytes | Send, sent: int) -> bool:
        """Count what was sent of the first in the queue, and let it go where that was all; False: it ended too soon."""
        if not sent:
            self._stream.broken(None)
            return False
        self._offset += sent
        self._left -= sent
        if not self._left:
            self._queue.popleft()
            if isinstance(item, Send):
                os.close(item.file)
        return True

    def _feed(self, item: bytes | Send, outbound: Pipe) -> bool:
        """The same through a pipe, which records what comes out of it."""
        stream = self._stream
        if self._is_recorded:  # faults were set in the middle of it
            self._is_recorded = False
            stream.sent -= self._left
        piece = self._piece(item, PIECE)
        if piece:
            outbound.feed(piece, time())
        if not self._is_through(item, len(piece)):
            return False
        if not outbound.full:
            stream.progressed(time())
        if not self._left:
            return True
        if not self.paused:
            asyncio.get_running_loop().call_soon(self.go_on)
        return False

    def _send_bytes(self, item: bytes, by_hand: bool) -> bool:
        rest = item[self._offset :] if self._offset else item
        if not by_hand or len(rest) > PIECE:
            self.write_through(rest)
            return self._is_through(item, len(rest))
        sock = self._stream.sock
        assert sock is not None
        more = len(self._queue) > 1 and self._queue[1][0] is not None
        try:
            sent = sock.send(rest, _MORE if more else 0)
        except BlockingIOError:
            self._wait_for_room()
            return False
        self._is_through(item, sent)
        if sent < len(rest):
            self._wait_for_room()
            return False
        return True

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
        """The same through Python, for TLS and for systems that have no sendfile."""
        piece = self._piece(part, PIECE)
        if piece:
            self.write_through(piece)
        return len(piece)

    def _wait_for_buffer(self) -> None:
        """What the loop holds goes first; it tells `resume_writing` when its buffer is empty."""
        if not self._waits:
            self._waits = True
            self._transport.set_write_buffer_limits(high=0)

    def _wait_for_room(self) -> None:
        if self._sock is None:
            assert self._stream.sock is not None
            self._sock = self._stream.sock.dup()
            asyncio.get_running_loop().add_writer(self._sock.fileno(), self.go_on)

    def _done(self) -> None:
        self._forget()
        self.busy = self._going = False
        self._queue.clear()
        if self._stream.write is not None:
            self._stream.write = self.write_through
        if self._held:
            self._held = False
            # Not now: this may be in the middle of others' writes, and whatever is said next must come behind them.
            asyncio.get_running_loop().call_soon(self._stream.relieved)
        elif self._stream.outbound is not None:
            self._stream.choose_inline()

    def _forget(self) -> None:
        if self._sock is not None:
            asyncio.get_running_loop().remove_writer(self._sock.fileno())
            self._sock.close()
            self._sock = None

    def close(self) -> int:
        """Give up; return how many bytes were not sent."""
        unsent = 0
        for place, (item, is_recorded) in enumerate(self._queue):
            first = place == 0 and bool(self._left)
            if self._is_recorded if first else is_recorded:
                unsent += self._left if first else len(item) if isinstance(item, bytes) else 0
            if isinstance(item, Send):
                with contextlib.suppress(OSError):
                    os.close(item.file)
        self._queue.clear()
        self._left = 0
        self._forget()
        self._closed = True
        self.busy = self._going = False
        return unsent


def trouble_of(gone: OSError | None) -> tuple[str, str]:
    """Return why sending a file ended early, in words, and how that ends the connection."""
    if gone is None:
        return "the file became shorter while it was sent", ERROR
    return f"sending a file failed: {gone.strerror or gone}", ERROR
