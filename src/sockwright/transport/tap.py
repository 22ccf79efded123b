"""A tap: a relay that records, between any client and any server over TCP, and bends nothing.

What is read on one side is written to the other, in the same pieces and at the same moment; a FIN becomes a FIN of
that direction alone, an RST becomes an RST, a side that does not read keeps the other from sending.

    client ---> near: read -> journal "received" -> far's write  ---> target
    client <--- near's write <- journal "sent" <- far: read      <--- target

The target is dialled before anything is read from the client; where that fails, the client is reset, which is as near
as a relay can come to the refusal that it stands for. Under TLS there is no half-close (asyncio has none): the end that
a TLS side says is the end of the whole connection once everything is delivered, and an end that cannot be said to a TLS
side is kept until that side has ended too, or was silent for a while: it may still owe an answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from time import time
from typing import Any

from sockwright.config import duration_text
from sockwright.conversation import Dialogue
from sockwright.endpoint import Endpoint, Peer
from sockwright.faults.plan import Plan, Row
from sockwright.journal.connections import SPEAKS
from sockwright.journal.recognise import protocol_of
from sockwright.journal.records import (
    ENDED,
    ERROR,
    FAULT,
    FIN,
    NOTE,
    OPENED,
    RST,
    STOPPED,
    Ended,
    Opened,
    Tape,
)
from sockwright.transport.doors import StreamServer, tls_hint
from sockwright.transport.limits import RESET_ON_CLOSE
from sockwright.transport.tally import Counts
from sockwright.transport.tap_side import Side, nowhere

# The target must answer within so many seconds; a person waits no longer without a word.
DIAL_WAIT = 5.0

# A side under TLS cannot be told that the other one has said all; it may answer until it was silent for so long.
LAST_WORDS = 5.0


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
        self._last_words = 0.0  # when what is still said must have begun; 0: nobody waits for it
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
        self._plan = server.plan
        if self._plan is not None:
            self._stand(self._plan.rows(self._count))

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
        if server.plan is not self._plan:  # it was changed while we dialled
            self._stand((None, None) if server.plan is None else server.plan.rows(self._count))
        self.far.pace()  # until the client's side is there
        try:
            await server.shake_hands(self.near, sock)
        except (OSError, ssl.SSLError, TimeoutError) as wrong:
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

    def await_last_words(self) -> None:
        """Close once the side under TLS, which cannot be told of an end, says nothing more."""
        self._last_words = time() + LAST_WORDS

    def wind_up(self) -> None:
        """Close the connection though nobody asked for it: FIN to both, and read on for a while.

        Closing with unread input would make the system send RST and throw away what was said (RFC 9112, 9.6).
        """
        self.end_by_us(FIN, "cut by a fault")
        self._linger_until = time() + self.server.limits.linger
        for side in (self.near, self.far):
            side.write = nowhere
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
        return self._stand((None, None) if plan is None else plan.rows(self._count, live=True))

    def _stand(self, rows: tuple[Row | None, Row | None]) -> bool:
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
        if self._last_words:
            if not self._is_quiet:
                self._last_words = now + LAST_WORDS
            elif now >= self._last_words:
                self.part()

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
            if side.pipe is not None and not side.pipe.passes(data):
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
