"""A tap: a relay that records, between any client and any server over TCP, and bends nothing.

What is read on one side is written to the other, in the same pieces and at the same moment; a FIN becomes a FIN of
that direction alone, an RST becomes an RST, a side that does not read keeps the other from sending.

    client ---> near: read -> journal "received" -> far's write  ---> target
    client <--- near's write <- journal "sent" <- far: read      <--- target

The target is dialled before anything is read from the client; where that fails, the client is reset, which is as near
as a relay can come to the refusal that it stands for. Under TLS there is no half-close (asyncio has none), so the end
of a TLS side is the end of the whole connection once everything is delivered.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import ssl
from collections.abc import Callable, Sequence
from time import time
from typing import Any, cast

from sockwright.config import duration_text
from sockwright.conversation import Dialogue
from sockwright.endpoint import Endpoint, Peer
from sockwright.faults.plan import Plan, Row
from sockwright.journal.connections import SPEAKS
from sockwright.journal.recognise import LOOKED_AT, protocol_of
from sockwright.journal.records import (
    ENDED,
    ERROR,
    FAULT,
    FIN,
    NOTE,
    OPENED,
    RECEIVED,
    RST,
    SENT,
    STOPPED,
    Ended,
    Opened,
    Record,
)
from sockwright.transport.doors import StreamServer, tls_hint
from sockwright.transport.limits import RESET_ON_CLOSE
from sockwright.transport.pipe import Outlet, Pipe
from sockwright.transport.tally import Counts

# The target must answer within so many seconds; a person waits no longer without a word.
DIAL_WAIT = 5.0

# Reads of each side that are listened to, to tell which protocol this is: a head and its body may come apart.
LISTEN = 4

Tape = Callable[[Sequence[Record]], Any]


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
        self.other.write = _nowhere
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
            self.relay.part()

    def close(self) -> None:
        """Hang up once everything is delivered."""
        if self.transport is not None:
            self.transport.close()

    def reset(self) -> None:
        """Break off (RST)."""
        self.write = _nowhere
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


def _nowhere(data: bytes) -> None:
    """Where bytes go that have nowhere to go any more."""


class Relay:
    """One client, one connection to the target, one number in the journal."""

    def __init__(self, server: TapServer, sock: socket.socket, peer: Peer) -> None:
        self.server = server
        self.peer = peer
        self.sock: socket.socket | None = sock
        self.over = False  # we ended it ourselves, or both sides have
        self._who = self._how = self._reason = ""
        self._sides = 0
        self._size = 0  # at the last look
        self._is_recognised = False
        self.is_ours = False  # a fault ended it
        self._linger_until = 0.0
        self._count = server.total
        self._is_quiet = False  # nothing came between the last two looks
        now = time()
        opened = server.opened(sock, peer)
        self.number = server.journal.begin(now, opened)
        if server.tape is not None:
            server.tape([(OPENED, self.number, now, opened, 0)])
        self.near = Side(self, True)
        self.far = Side(self, False)
        self.near.other, self.far.other = self.far, self.near
        met = server.met.pop(sock, None)
        if met is not None:
            server.journal.append((FAULT, self.number, now, (met[0], "to client", met[1]), 0))
        if server.plan is not None:
            for side, row in zip((self.near, self.far), server.plan.rows(self._count), strict=True):
                side.bend(row)

    async def run(self, sock: socket.socket) -> None:
        """Dial the target, then let the two talk."""
        server = self.server
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(server.dial_wait):
                await loop.create_connection(
                    lambda: self.far, server.target.host, server.target.port, **server.far_options()
                )
        except (OSError, ssl.SSLError, TimeoutError) as wrong:
            self._refuse(sock, _words(wrong, server.target, server.dial_wait))
            return
        self._sides = 2
        server.streams[self] = None
        self.far.pace()  # until the client's side is there
        options: dict[str, Any] = {}
        if server.tls is not None:
            options = {"ssl": server.tls, "ssl_handshake_timeout": server.limits.handshake}
        try:
            await loop.connect_accepted_socket(lambda: self.near, sock, **options)
        except (OSError, ssl.SSLError, TimeoutError) as wrong:
            sock.close()
            if self.near.transport is None:
                self.first_end(self.near, ERROR, f"TLS handshake failed: {wrong}{tls_hint(wrong)}")
                self.reset()
                self.left()

    def _refuse(self, sock: socket.socket, reason: str) -> None:
        """Say to the client what the target said to us, as far as that goes: RST before the first byte."""
        self.server.journal.append((NOTE, self.number, time(), ("refused", {"message": reason}), 0))
        self._who, self._how, self._reason = "target", ERROR, reason
        self.over = True
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        sock.close()
        self._record_end()

    def joined(self) -> None:
        """Both sides are there: begin."""
        if self.far.gone:
            self.near.reset() if self._how == RST else self.near.close()
            return
        self.near.attach()
        self.far.attach()
        self.far.pace()

    def first_end(self, side: Side, how: str, reason: str = "") -> None:
        """Remember who ended it and how; a reset says more than a FIN before it."""
        if not self.is_ours and (not self._how or (self._how == FIN and how != FIN)):
            self._who = "peer" if side.is_near else "target"
            self._how = how
            self._reason = reason

    def first_end_by_us(self) -> None:
        """Remember that the bench is shut down, where nobody was faster."""
        if self._how in ("", FIN):
            self._who, self._how, self._reason = "us", STOPPED, "shutting down"

    def part(self) -> None:
        """Both have said all they had: close both sides once it is delivered."""
        self.over = True
        self.near.close()
        self.far.close()

    def wind_up(self) -> None:
        """Close the connection though nobody asked for it: FIN to both, and read on for a while.

        Closing with unread input would make the system send RST and throw away what was said (RFC 9112, 9.6).
        """
        self.end_by_us(FIN, "cut by a fault")
        self._linger_until = time() + self.server.limits.linger
        for side in (self.near, self.far):
            side.write = _nowhere
            if not side.other.is_passed:  # no FIN went to this side yet
                side.other.is_passed = True
                side.finish()
            side.bend(Row(()))  # nothing that still comes is recorded as heard
            if side.pipe is not None:
                side.pipe.close()
            side.pace()

    def end_by_us(self, how: str, reason: str) -> None:
        """Remember that a fault ended it."""
        self._who, self._how, self._reason = "us", how, reason
        self.is_ours = True

    def bend(self, plan: Plan | None) -> bool:
        """Change the faults as far as that is possible in the middle; tell whether anything changed."""
        rows = (None, None) if plan is None else plan.rows(self._count, live=True)
        return any([side.bend(row) for side, row in zip((self.near, self.far), rows, strict=True)])

    def reset(self) -> None:
        """Reset what is left of both sides."""
        self.over = True
        self.near.reset()
        self.far.reset()

    def left(self) -> None:
        """One side less; the last one writes the end into the journal."""
        self._sides -= 1
        if self._sides == 0:
            for side in (self.near, self.far):
                if side.pipe is not None:
                    side.pipe.close()
            self.server.streams.pop(self, None)
            self._record_end()

    def _recognise(self) -> None:
        """Tell the journal once what is spoken here, where that can be seen."""
        near, far = self.near, self.far
        name = protocol_of(near.heard, far.heard)
        if name:
            self._is_recognised = True
            self.server.journal.append((NOTE, self.number, time(), (SPEAKS, {"protocol": name}), 0))

    @property
    def counts(self) -> Counts:
        near, far = self.near, self.far
        return Counts(near.size, near.chunks, far.size, far.chunks)

    def _record_end(self) -> None:
        if not self._is_recognised:
            self._recognise()
        counts = self.counts
        self.server.past.add(counts)
        ended = Ended(self._who, self._how or ERROR, self._reason, *counts)
        now = time()
        self.server.journal.append((ENDED, self.number, now, ended, 0))
        if self.server.tape is not None:
            self.server.tape([(ENDED, self.number, now, ended, 0)])
        self.sock = None
        self.server.gone(self.peer)

    # -- what the door asks of us

    def sweep(self, now: float) -> None:
        """Look for a reset that the loop does not see, since it does not read on that side."""
        if self._linger_until and (now >= self._linger_until or (self.near.ended and self.far.ended)):
            self.part()
            return
        for side in (self.near, self.far):
            if side.is_broken():
                self.first_end(side, RST)
                self.reset()
                return
        if not self._is_recognised and self.near.heard and self.far.heard:
            self._recognise()
        size = self.near.size + self.far.size
        self._is_quiet = size == self._size
        self._size = size

    def retire(self, now: float) -> None:
        """The bench shuts down: who says nothing is let go, what is under way may end by itself."""
        if self._is_quiet:
            self.first_end_by_us()
            self.part()

    def give_up(self) -> None:
        """The grace is over."""
        self.first_end_by_us()
        self.over = True
        for side in (self.near, self.far):
            if side.transport is not None and not side.gone:
                side.transport.abort()


def _words(wrong: Exception, target: Endpoint, wait: float) -> str:
    if isinstance(wrong, ConnectionRefusedError):
        return f"the target refused: nobody listens at {target.authority}"
    if isinstance(wrong, TimeoutError):
        return f"the target {target.authority} did not answer within {duration_text(wait)}"
    return f"the target {target.authority} cannot be reached: {wrong}"


class TapServer(StreamServer):
    """Listens at one endpoint, and relays every connection to `target`."""

    def __init__(
        self,
        endpoint: Endpoint,
        service: str,
        target: Endpoint,
        *,
        tape: Tape | None = None,
        target_tls: ssl.SSLContext | None = None,
        dial_wait: float = DIAL_WAIT,
        **options: Any,
    ) -> None:
        super().__init__(endpoint, service, Dialogue, **options)
        self.target = target
        self.target_tls = target_tls
        self.tape = tape
        self.dial_wait = dial_wait
        self.pending: list[tuple[Side, bytes]] = []  # read in this turn of the loop
        self.soon = self._loop.call_soon

    def flush(self) -> None:
        """Record and relay what was read in this turn of the loop."""
        if not self.pending:
            return
        pending = self.pending[:]
        self.pending.clear()
        append, tape = self.journal.append, self.tape
        now = time()
        if tape is not None:
            tape([(side.kind, side.number, now, data, len(data)) for side, data in pending])
        for side, data in pending:
            if side.pipe is not None:
                side.bent(data, now)
                continue
            size = len(data)
            side.size += size
            side.chunks += 1
            append((side.kind, side.number, now, data if size <= 1024 else side.kept(data), size))
            side.write(data)

    def far_options(self) -> dict[str, Any]:
        """Return what the loop must know to dial the target."""
        if self.target_tls is None:
            return {}
        name = self.target.options.get("sni") or self.target.host
        return {"ssl": self.target_tls, "server_hostname": name}

    def opened(self, sock: socket.socket, peer: Peer) -> Opened:
        about = super().opened(sock, peer)
        return Opened(about.proto, about.service, about.endpoint, about.local, about.peer, about.tls, "tap", about.seed)

    def begin(self, sock: socket.socket, peer: Peer) -> None:
        self.staff.spawn(Relay(self, sock, peer).run(sock))
