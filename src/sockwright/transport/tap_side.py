"""One of a relay's two connections: what is read here is written to the other one, in the same pieces.

With faults in a direction, what they have a say in goes through the pipe of the side that read it; the rest goes past.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
from collections.abc import Callable
from time import time
from typing import TYPE_CHECKING, cast

from sockwright.faults.plan import Row
from sockwright.journal.recognise import LOOKED_AT
from sockwright.journal.records import ERROR, FAULT, FIN, NOTE, RECEIVED, RST, SENT, Record
from sockwright.transport.limits import RESET_ON_CLOSE
from sockwright.transport.pipe import Outlet, Pipe

if TYPE_CHECKING:
    from sockwright.transport.tap import Relay

# Reads of each side that are listened to, to tell which protocol this is: a head and its body may come apart.
LISTEN = 4


class Side(asyncio.Protocol):
    """One of a relay's two connections. `data_received` is the hot path: one call, one clock, one tuple per read."""

    __slots__ = (
        "_early",
        "_flush",
        "_keep",
        "_kept_apart",
        "_pending",
        "_soon",
        "choked",
        "chunks",
        "ended",
        "gone",
        "heard",
        "is_near",
        "is_passed",
        "kind",
        "number",
        "other",
        "pipe",
        "reading",
        "relay",
        "size",
        "transport",
        "write",
    )

    other: Side

    def __init__(self, relay: Relay, is_near: bool) -> None:
        self.relay = relay
        self.is_near = is_near
        self.size = self.chunks = 0  # read on this side
        self.ended = False  # its FIN came
        self.is_passed = False  # ... and went on to the other side
        self.pipe: Pipe | None = None  # faults on what is read here
        self.gone = False
        self.reading = False
        self.choked = False  # it does not take what we write
        self.transport: asyncio.Transport | None = None
        self._early: list[bytes] = []  # a banner that came before the client's side was there
        self.write: Callable[[bytes], None] = self._early.append
        self.kind = RECEIVED if is_near else SENT
        self.heard = b""  # the first of what was read here
        self.number = relay.number
        self._pending = relay.server.pending
        self._flush = relay.server.flush
        self._soon = relay.server.soon
        self._keep = relay.server.limits.body_kept
        self._kept_apart = relay.server.limits.chunk_kept

    # -- what the loop tells us

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport = cast(asyncio.Transport, transport)
        transport.set_write_buffer_limits(high=self.relay.server.limits.write_buffer)
        self.reading = True
        if self.is_near:
            self.relay.joined()

    def data_received(self, data: bytes) -> None:
        # Only put down here; `TapServer.flush` does the rest for all sides at the end of the loop's turn. So the
        # kernel's reads, our Python and the kernel's writes each run hot, instead of turn about: a tenth faster.
        if not self._pending:
            self._soon(self._flush)
        self._pending.append((self, data))

    def eof_received(self) -> bool:
        self._flush()
        self.ended = True
        relay = self.relay
        now = time()
        self.note_end(now)
        relay.first_end(self, FIN)
        if self.pipe is not None:
            self.pipe.end(now)
        else:
            self.pass_end()
        # A stream stays open for what the other side still says; TLS has no half-close.
        return self.transport is not None and self.transport.can_write_eof()

    def pass_end(self) -> None:
        """Hand our FIN on; behind the pipe where there is one."""
        self.is_passed = True
        self.other.finish()
        if self.other.is_passed:
            self.relay.part()

    def note_end(self, now: float) -> None:
        """Record this side's FIN."""
        record: Record = (RECEIVED, self.number, now, b"", 0)
        if not self.is_near:
            record = (NOTE, self.number, now, ("half-close", {"by": "target"}), 0)
        server = self.relay.server
        server.journal.append(record)
        if server.tape is not None:
            server.tape([(self.kind, self.number, now, b"", 0)])

    def connection_lost(self, exc: Exception | None) -> None:
        self._flush()
        self.gone = True
        self.other.write = nowhere
        relay = self.relay
        if exc is not None and not relay.over:
            broken = isinstance(exc, ConnectionResetError | BrokenPipeError | ConnectionAbortedError)
            relay.first_end(self, RST if broken else ERROR, "" if broken else str(exc))
            if self.pipe is not None and not self.pipe.is_empty:
                self.pipe.break_off(time())
            else:
                relay.reset()
        elif not self.ended and not relay.over:  # under TLS the peer's end comes as this alone
            self.ended = True
            relay.first_end(self, FIN)
            if self.pipe is not None:
                self.pipe.end(time())
            else:
                relay.part()
        relay.left()

    def pause_writing(self) -> None:
        self.choked = True
        if self.other.pipe is not None:
            self.other.pipe.hold(True)
        self.other.pace()

    def resume_writing(self) -> None:
        self.choked = False
        if self.other.pipe is not None:
            self.other.pipe.hold(False)
        self.other.pace()

    # -- what the relay asks of us

    def attach(self) -> None:
        """Let what this side reads go to the other one."""
        assert self.other.transport is not None
        self.write = self._listen
        for data in self._early:
            self.write(data)
        self._early.clear()

    def _listen(self, data: bytes) -> None:
        """Write the first pieces, and keep what is needed to tell which protocol this is."""
        transport = self.other.transport
        assert transport is not None
        self.heard += data[: LOOKED_AT - len(self.heard)]
        if self.chunks >= LISTEN or len(self.heard) >= LOOKED_AT:
            self.write = transport.write
        transport.write(data)

    def pace(self) -> None:
        """Read on, or let the peer wait: the other side is not there yet, or takes nothing."""
        transport = self.transport
        if transport is None or self.gone or self.ended or transport.is_closing():
            return
        wanted = self.other.transport is not None and not self.other.choked
        if self.pipe is not None and self.pipe.full:
            wanted = False
        if wanted is not self.reading:
            self.reading = wanted
            if wanted:
                transport.resume_reading()
            else:
                transport.pause_reading()

    # -- faults

    def bend(self, row: Row | None) -> bool:
        """Put faults between this side and the other one, change them, or take them away."""
        if self.pipe is not None:
            self.pipe.change(row)
            return True
        if row is None:
            return False
        outlet = Outlet(self._emit, self._end, self._break, self._fired, self._paced, self._healed)
        self.pipe = Pipe(row, outlet)
        return True

    def bent(self, data: bytes, now: float) -> None:
        """Take `data` on a side with faults. What the client said is recorded as it came, what it hears as it goes."""
        if self.is_near:
            self._record(data, now)
        assert self.pipe is not None
        self.pipe.feed(data, now)

    def _record(self, data: bytes, now: float) -> None:
        size = len(data)
        self.size += size
        self.chunks += 1
        kept = data if size <= 1024 else self.kept(data)
        self.relay.server.journal.append((self.kind, self.number, now, kept, size))

    def _emit(self, data: bytes) -> None:
        if not self.is_near:
            self._record(data, time())
        self.write(data)

    def _end(self, closes: bool) -> None:
        if closes:
            self.relay.wind_up()
        else:
            self.pass_end()

    def _break(self) -> None:
        if not self.gone:
            self.relay.end_by_us(RST, "reset by a fault")
        self.relay.reset()

    def _fired(self, name: str, why: str) -> None:
        way = "to server" if self.is_near else "to client"
        self.relay.server.journal.append((FAULT, self.number, time(), (name, way, why), 0))

    def _paced(self, full: bool) -> None:
        self.pace()

    def _healed(self) -> None:
        self.pipe = None

    def finish(self) -> None:
        """Send FIN behind what was written."""
        transport = self.transport
        if transport is None or self.gone:
            return
        if transport.can_write_eof():
            with contextlib.suppress(OSError, RuntimeError):  # it is gone: connection_lost says so in a moment
                transport.write_eof()
        else:
            self.relay.await_last_words()

    def close(self) -> None:
        """Hang up once everything is delivered."""
        if self.transport is not None:
            self.transport.close()

    def reset(self) -> None:
        """Break off (RST)."""
        self.write = nowhere
        transport = self.transport
        if transport is None or self.gone:
            return
        with contextlib.suppress(OSError):
            sock = transport.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        transport.abort()

    def is_broken(self) -> bool:
        """Tell whether this side was reset while the loop did not look, since nothing is read there."""
        transport = self.transport
        if transport is None or self.gone or (self.reading and not self.ended) or not hasattr(select, "poll"):
            return False
        sock = transport.get_extra_info("socket")
        number = -1 if sock is None else sock.fileno()
        if number < 0:
            return False
        asking = select.poll()
        asking.register(number, 0)
        return any(event & select.POLLERR for _, event in asking.poll(0))

    def kept(self, data: bytes) -> bytes:
        """Return what the journal keeps of `data`: all of it while the connection's allowance lasts."""
        size = len(data)
        if size <= self._keep:
            self._keep -= size
            return data
        return data[: self._kept_apart]


def nowhere(data: bytes) -> None:
    """Where bytes go that have nowhere to go any more."""
