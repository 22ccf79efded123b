"""Streams: one `Stream` per TCP connection, with or without TLS. Who lets them in is `doors`.

How a connection ends, seen from us (`*` writes the record "ended"):

    open --Close--> our FIN sent --peer's FIN--> *            who: us
      |                 '------linger is over----> *
      '--peer's FIN--> conversation finishes --Close--> *      who: peer
    open --RST, network error--> *      open --time-out, limit--> as Close, with that reason
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Callable
from time import time
from typing import TYPE_CHECKING, Any

from sockwright.binding import Refusal
from sockwright.config import duration_text
from sockwright.conversation import NOTHING, Actions, Begin, Conversation, Note, Send
from sockwright.endpoint import Peer
from sockwright.faults.plan import Plan, Row
from sockwright.journal.records import (
    ENDED,
    ERROR,
    FAULT,
    FIN,
    NOTE,
    RECEIVED,
    RST,
    SENT,
    STOPPED,
    TIMEOUT,
    Ended,
)
from sockwright.transport.bending import Bending
from sockwright.transport.driver import Driver
from sockwright.transport.limits import RESET_ON_CLOSE
from sockwright.transport.pipe import Pipe
from sockwright.transport.sending import Sending, trouble_of
from sockwright.transport.sessions import StreamSession
from sockwright.transport.tally import Counts

if TYPE_CHECKING:
    from sockwright.transport.doors import StreamServer

_NEVER = float("inf")


def _dropped(data: bytes, now: float) -> Actions:
    """Take what came in clear behind a request for TLS: it counts for nothing."""
    return NOTHING


class Stream(Driver, asyncio.Protocol):
    """One connection, as the loop's protocol object. The hot path goes through `turns`."""

    __slots__ = (
        "_bending",
        "_count",
        "_heard_all",
        "_how",
        "_keep",
        "_linger_until",
        "_plan",
        "_reading",
        "_reason",
        "_sending",
        "_session",
        "_session_task",
        "_stalled",
        "_swallowed",
        "_transport",
        "_turn",
        "_watched",
        "_who",
        "_writable",
        "append",
        "choked",
        "closing",
        "exchanges",
        "feed",
        "hear",
        "inbound",
        "inline",
        "outbound",
        "peer",
        "peer_done",
        "received",
        "received_chunks",
        "secure",
        "sent",
        "sent_chunks",
        "server",
        "sock",
        "timely",
        "write",
    )

    def __init__(self, server: StreamServer, sock: socket.socket, peer: Peer, conversation: Conversation) -> None:
        self.server = server
        self.sock: socket.socket | None = sock
        self.peer = peer
        self.staff = server.staff
        self.journal = server.journal
        self.conversation = conversation
        self._turn = server.staff.turn
        self.feed = conversation.feed
        self.append = server.journal.append
        self._bending: Bending | None = None  # where a fault was ever set
        self.hear: Callable[[bytes], None] | None = None  # tells a fault that only listens what came
        self.inbound: Pipe | None = None
        self.outbound: Pipe | None = None
        self.inline = conversation.inline
        self.timely = conversation.timely
        conversation.peer = peer
        self.received = self.received_chunks = self.sent = self.sent_chunks = self.exchanges = 0
        self._keep = server.limits.body_kept
        self.closing = False  # our FIN is sent or on its way
        self._heard_all = False  # the peer's FIN came
        self.peer_done = False  # ... and is behind the faults as well
        self.choked = False  # the peer does not take what we send
        self._reading = True
        self._who = self._how = self._reason = ""
        self._linger_until = 0.0
        self._stalled = 0.0
        self._swallowed = 0
        self._watched = False
        self._sending: Sending | None = None  # where a file was ever sent
        self.secure = False
        self._session: StreamSession | None = None
        self._session_task: asyncio.Task[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None
        self.write: Callable[[bytes], None] | None = None
        self.last = now = time()
        self.number = server.journal.begin(now, server.opened(sock, peer))
        self._count = server.total
        self._plan = server.plan
        if self._plan is not None:
            self._bend(self._plan, sock)

    # -- what the loop tells us

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        made: Any = transport  # uvloop's are no subclass of asyncio.Transport
        self._transport = made
        self.write = made.write
        server = self.server
        made.set_write_buffer_limits(high=server.limits.write_buffer)
        server.streams[self] = None
        if server.tls is not None:
            self._note_tls(transport)
        if server.plan is not self._plan:  # it was changed while the loop, or TLS, got this connection ready
            self._stand((None, None) if server.plan is None else server.plan.rows(self._count))
        self.perform(self.conversation.opened(self.last))

    def data_received(self, data: bytes) -> None:
        inbound = self.inbound
        if inbound is not None:  # what `passes` does, without the call
            calm = inbound.calm - len(data)
            if calm >= 0:
                inbound.calm = calm
            elif inbound.glance is None or not inbound.glance(data):
                self._arrived_late(inbound, data)
                return
        arrived = self._turn.arrived
        if not arrived:
            self._turn.begin()
        arrived.append((self, data))

    def _arrived_late(self, inbound: Pipe, data: bytes) -> None:
        """Take `data` that a fault has a say in: its clock starts at the read, not at the turn's end."""
        now = time()
        if inbound.was_passed:
            self._turn.run()  # what went past the pipe came before
        self.count_received(data, now)
        inbound.feed(data, now)

    def arrived(self, data: bytes, now: float) -> None:
        """Record `data` and give it to the conversation."""
        if self.hear is not None:
            self.hear(data)
        self.count_received(data, now)
        self.deliver(data, now)

    def failed(self, data: bytes, now: float, refusal: Refusal) -> None:
        """Record `data` and let the conversation tell that the service failed over it."""
        self.count_received(data, now)
        self.perform(self.conversation.answered(0, (refusal,), now))

    def count_received(self, data: bytes, now: float) -> None:
        """Count `data` and write its record."""
        self.last = now
        size = len(data)
        self.received += size
        self.received_chunks += 1
        self.append((RECEIVED, self.number, now, data if size <= 1024 else self.kept(data), size))

    def deliver(self, data: bytes, now: float) -> None:
        """Give `data` to the conversation and do what it says; behind the inbound pipe where there is one."""
        if self.closing:
            self._swallow(len(data))
            return
        actions = self.feed(data, now)
        if len(actions) == 1 and type(actions[0]) is bytes:
            self.send(actions[0])
        elif actions:
            self.perform(actions)
        if self.conversation.congested:
            self.pace()
            if actions and not self.choked:
                asyncio.get_running_loop().call_soon(self._taken)

    def _taken(self) -> None:
        """Let a conversation go on that has held something back until the peer takes what was sent."""
        if self.conversation.congested and not self.choked and self.is_open:
            self.last = now = time()
            actions = self.conversation.taken(now)
            if actions:
                self.perform(actions)
                asyncio.get_running_loop().call_soon(self._taken)
            self.pace()

    def eof_received(self) -> bool:
        self._turn.run()
        now = time()
        self._heard_all = True
        self.append((RECEIVED, self.number, now, b"", 0))  # no bytes: the peer's FIN
        if not self._who:
            self._who, self._how = "peer", FIN
        if self._linger_until:
            self._hang_up()  # both have said all
        elif self.inbound is not None:
            self.inbound.end(now)
        else:
            self.deliver_end(now)
        # A stream stays open for our answer; TLS has no half-close.
        return self._transport is not None and self._transport.can_write_eof()

    def deliver_end(self, now: float) -> None:
        """Tell the conversation of the peer's FIN; behind the inbound pipe where there is one."""
        self.peer_done = True
        self.last = now
        if self._sending is not None and self._sending.busy and self.closing:
            return  # what is owed still goes out
        if not self.closing:
            self.perform(self.conversation.half_closed(now))
        elif self.outbound is None or self.outbound.is_empty:  # else `emit_end` hangs up behind what it holds
            self._hang_up()

    def connection_lost(self, exc: Exception | None) -> None:
        self._turn.run()
        server = self.server
        server.streams.pop(self, None)
        if exc is not None and self._how in ("", FIN):
            broken = isinstance(exc, ConnectionResetError | BrokenPipeError | ConnectionAbortedError)
            self._who, self._how = ("peer", RST) if broken else ("", ERROR)
            self._reason = "" if broken else str(exc)
        elif not self._how:  # under TLS the peer's end comes as this alone
            self._who, self._how = "peer", FIN
        self.closing = self.peer_done = True
        for pipe in (self.inbound, self.outbound):
            if pipe is not None:
                pipe.close()
        if self._session is not None:
            self._session.lost()
        if self._sending is not None:
            self.sent -= self._sending.close()
        self._release_writer()
        self.write = None
        self.record_end()
        self.sock = None
        server.gone(self.peer)

    def pause_writing(self) -> None:
        if self._sending is not None:
            self._sending.paused = True
        self.choked = True
        self._stalled = time()
        if self.outbound is not None:
            self.outbound.hold(True)
        self.pace()

    def resume_writing(self) -> None:
        outbound = self.outbound
        if outbound is not None:
            outbound.hold(False)
        if self._sending is not None:
            self._sending.resumed()
            if self._sending.busy:
                return
        if outbound is not None and outbound.full:
            self._stalled = _NEVER
            return
        self.choked = False
        self._release_writer()
        if self._sending is not None and self.is_open and not self.conversation.congested:
            self.perform(self.conversation.taken(time()))
        self.pace()
        self._taken()

    # -- faults

    def _bend(self, plan: Plan, sock: socket.socket) -> None:
        """Put the faults of a new connection in the way, and tell what it met at the door."""
        met = self.server.met.pop(sock, None)
        if met is not None:
            self.journal.append((FAULT, self.number, self.last, (met[0], "to client", met[1]), 0))
        self._stand(plan.rows(self._count))

    def bend(self, plan: Plan | None) -> bool:
        """Change the faults of an open connection as far as that is possible; tell whether anything changed."""
        if self.write is None:
            return False
        self._turn.run()  # what was read before the change
        return self._stand((None, None) if plan is None else plan.rows(self._count, live=True))

    def _stand(self, rows: tuple[Row | None, Row | None]) -> bool:
        if rows == (None, None) and self.inbound is None and self.outbound is None:
            return False  # nothing is in the way of who was not chosen
        if self._bending is None:
            self._bending = Bending(self)
        self._bending.stand(*rows)
        if self._sending is not None:
            self._sending.reconsider()
        self.choose_inline()
        return True

    def choose_inline(self) -> None:
        """Take the hot path, unless a pipe must be asked in the order of what is said and a file is on its way."""
        if self.closing or self.feed is _dropped:  # TLS is being agreed on
            return
        if self.outbound is not None and self._sending is not None and self._sending.busy:
            self.inline = self.timely = None
        else:
            self.inline, self.timely = self.conversation.inline, self.conversation.timely

    def ended_by(self, who: str, how: str, reason: str) -> None:
        """Remember who ended it."""
        self._who, self._how, self._reason = who, how, reason

    def choke(self) -> None:
        """Say and read nothing more for now: the outbound pipe is full."""
        self.choked = True
        self._stalled = _NEVER  # that is us, and no peer that takes nothing
        self.pace()
        self._taken()

    def unchoke(self) -> None:
        """Go on: the outbound pipe has room again."""
        if self._sending is not None and self._sending.busy:
            self._stalled = time()
            self._sending.go_on_soon()
            return
        self.choked = False
        self._release_writer()
        self.pace()
        self._taken()

    # -- what the driver asks of us

    @property
    def is_open(self) -> bool:
        return not self.closing and self.write is not None

    def send(self, data: bytes) -> None:
        sending, outbound, turn = self._sending, self.outbound, self._turn
        if sending is not None and sending.busy:
            if turn.running:
                turn.writes.append((sending.say, data))
            else:
                sending.say(data)
        elif outbound is None or outbound.passes(data):
            self.emit(data)
        else:
            outbound.feed(data, self.last)

    def emit(self, data: bytes) -> None:
        """Put `data` on the wire, its record first; behind the outbound pipe where there is one."""
        write = self.write
        if write is None or not data:
            return
        if self._sending is not None:
            write = self._sending.write_through
        self.record_sent(data, len(data))
        turn = self._turn
        if turn.running:
            turn.writes.append((write, data))
        else:
            write(data)

    def send_file(self, part: Send, head: bytes = b"") -> None:
        """Send `head` and a part of a file behind what was sent; their records come when it is their turn."""
        if self.closing or self.write is None or not part.count:
            os.close(part.file)
            if head:
                self.send(head)
            return
        sending = self._sending
        if sending is None:
            assert self._transport is not None
            self._sending = sending = Sending(self, self._transport)
        sending.busy = True
        self.write = sending.write
        if self.outbound is not None:
            self.choose_inline()
        if self._turn.running:
            self._turn.writes.append((sending.put, (head, part)))
        else:
            sending.put((head, part))

    def record_sent(self, data: bytes, size: int) -> None:
        """Count and record that `size` bytes, which begin with `data`, go out."""
        self.sent += size
        self.sent_chunks += 1
        self.append((SENT, self.number, self.last, data if len(data) <= 1024 else self.kept(data), size))

    def held_up(self) -> None:
        """A file is on its way: read nothing more until it is sent."""
        self.choked = True
        self._stalled = time()
        self.pace()

    def progressed(self, now: float) -> None:
        """The peer took some of a file."""
        self.last = self._stalled = now

    def relieved(self) -> None:
        """All that was behind a file is sent as well: go on, unless the loop still waits for the peer."""
        sending = self._sending
        if sending is not None and not sending.busy and self.write is not None:
            if self.outbound is not None:
                self.choose_inline()
            if not sending.paused:
                self.resume_writing()

    def broken(self, gone: OSError | None) -> None:
        """A file cannot be sent to its end: break off, since what came cannot be told from the whole otherwise."""
        words, how = trouble_of(gone)
        self._who, self._how, self._reason = "us", how, words
        if isinstance(gone, ConnectionError):
            self._who, self._how, self._reason = "peer", RST, ""
        self.closing = True
        if self._transport is not None:
            self._transport.abort()

    def finish(self, reason: str, reset: bool = False, how: str = FIN) -> None:
        """End the connection: after what was sent a FIN, and nothing that still comes is read by anybody."""
        if self.closing:
            return
        if not self._who or how != FIN:
            self._who, self._how = "us", how
        self._reason = self._reason or reason
        if reset:
            self.reset()
            return
        self.closing = True
        self.inline = self.timely = None
        self._turn.flush()
        if self._sending is not None and self._sending.busy:
            self._sending.end()
        else:
            self.end_now()

    def end_now(self) -> None:
        """End what we say, nothing of ours being on its way any more."""
        if self.outbound is not None:
            self.outbound.end(self.last)
        else:
            self.emit_end()

    def emit_end(self) -> None:
        """Send our FIN; behind the outbound pipe where there is one."""
        self._turn.flush()
        transport = self._transport
        if transport is None or self.write is None:
            return
        # A fault may have ended what the peer says, which it goes on saying.
        if (self.peer_done and self._heard_all) or not transport.can_write_eof():
            self._hang_up()
            return
        # Closing now, with input unread, would make the system send RST and throw our answer away
        # (RFC 9112, 9.6): so FIN first, then read on for a while.
        self._linger_until = time() + self.server.limits.linger
        try:
            transport.write_eof()
        except OSError:
            transport.abort()
            return
        self.pace()

    def reset(self) -> None:
        """Break the connection off (RST)."""
        self._turn.flush()
        self.closing = True
        self.inline = self.timely = None
        self._how = self._how if self._how not in ("", FIN) else RST
        self._who = self._who or "us"
        if self.sock is not None:
            with contextlib.suppress(OSError):
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        if self._transport is not None:
            self._transport.abort()

    def _hang_up(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def start_tls(self) -> None:
        """Begin TLS as the server. What came in clear behind the request for it is dropped unseen (RFC 3207, 4.2)."""
        self._turn.flush()
        self.inline = self.timely = None
        self.feed = _dropped
        if self._transport is not None:
            self._transport.pause_reading()  # its first bytes may come before our certificate is there
        if self.inbound is not None:
            self.inbound.forget()
        if self.outbound is None:
            self._begin_tls_soon()
        else:
            self.outbound.behind(self._begin_tls_soon)  # our consent may still be held up

    def _begin_tls_soon(self) -> None:
        self.staff.spawn(self._begin_tls())

    async def _begin_tls(self) -> None:
        server, transport = self.server, self._transport
        context = await server.starttls_context()
        if self.write is None or transport is None:
            return
        loop = asyncio.get_running_loop()
        limit = server.limits.handshake
        try:
            secured = await loop.start_tls(transport, self, context, server_side=True, ssl_handshake_timeout=limit)
        except (OSError, ssl.SSLError, TimeoutError) as trouble:
            words = f"TLS handshake failed: {trouble or 'nothing came'}"
            self.journal.append(
                (NOTE, self.number, time(), ("malformed", {"rule": "TLS handshake", "message": words}), 0)
            )
            if self.write is not None:
                self._who, self._how, self._reason = "us", ERROR, words
                self.closing = True
                transport.abort()
            return
        if self.write is None or secured is None:
            return
        self._transport = secured
        self.write = secured.write
        secured.set_write_buffer_limits(high=server.limits.write_buffer)
        self._note_tls(secured)
        self.feed = self.conversation.feed
        self.choose_inline()
        self.last = now = time()
        self.perform(self.conversation.opened(now))

    def _note_tls(self, transport: asyncio.BaseTransport) -> None:
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            self.secure = True
            cipher = tls.cipher()
            about = {"version": tls.version(), "cipher": cipher[0] if cipher else ""}
            self.journal.append((NOTE, self.number, time(), ("tls", about), 0))

    def begin(self, action: Begin) -> None:
        self._session = StreamSession(self, action.extra)
        self._session_task = self.staff.spawn(self._hold(self._session, action))

    async def _hold(self, session: StreamSession, action: Begin) -> None:
        refusal = await session.run(action.service)
        if refusal is not None and refusal.trace:
            about = {"message": refusal.message, "trace": refusal.trace}
            self.journal.append((NOTE, self.number, time(), ("failed", about), 0))
        self.end_session(session, refusal)

    def end_session(self, session: StreamSession, refusal: Refusal | None) -> None:
        """Tell the conversation that `session` is over, once: it returned, failed, or closed of itself."""
        if self._session is session:
            self._session = None
            if self.is_open:
                self.last = now = time()
                self.perform(self.conversation.session_ended(refusal, now))
                self.eased()

    def answer_session(self, session: StreamSession, answer: object) -> None:
        """Let `session` say its whole answer, and be over."""
        if self._session is not session or not self.is_open:
            raise ConnectionResetError(f"{self.peer} is gone")
        self._session = None
        self.last = now = time()
        self.perform(self.conversation.said(answer, now))
        self.eased()

    def tell(self, data: bytes) -> None:
        if self._session is not None:
            self._session.tell(data)
            if self._session.full:
                self.pace()

    def eased(self) -> None:
        if not self._reading:
            self.pace()

    async def writable(self) -> None:
        """Wait until the peer takes more.

        Raises: ConnectionError when it goes instead.
        """
        if self.choked and self.write is not None:
            if self._writable is None:
                self._writable = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._writable)
        if self.write is None:
            raise ConnectionResetError(f"{self.peer} is gone")

    def watch(self, seconds: float) -> None:
        """Let TCP ask after a silent peer, so that one that vanished is noticed within `seconds`; idle it may be."""
        self._watched = True
        if self.sock is None:
            return
        idle = max(int(seconds) // 2, 1)
        between = max((int(seconds) - idle) // 2, 1)
        # What a system does not have it does not notice so soon.
        settings = (("TCP_KEEPIDLE", idle), ("TCP_KEEPALIVE", idle), ("TCP_KEEPINTVL", between), ("TCP_KEEPCNT", 2))
        for name, value in (*settings, ("TCP_USER_TIMEOUT", int(seconds * 1000))):
            if hasattr(socket, name):
                with contextlib.suppress(OSError):
                    self.sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def _release_writer(self) -> None:
        if self._writable is not None:
            if not self._writable.done():
                self._writable.set_result(None)
            self._writable = None

    # -- backpressure, limits, the end

    def pace(self) -> None:
        """Read from the peer, or let it wait: while it takes nothing, or the conversation has enough."""
        transport = self._transport
        # Whoever reads on behind the end is told of the end once more.
        if transport is None or self._heard_all or transport.is_closing():
            return
        full = self._session is not None and self._session.full
        full = full or (self.inbound is not None and self.inbound.full)
        wanted = self.closing or not (self.choked or full or self.conversation.congested)
        if wanted is not self._reading:
            self._reading = wanted
            if wanted:
                transport.resume_reading()
            else:
                transport.pause_reading()

    def kept(self, data: bytes) -> bytes:
        """Return what the journal keeps of `data`: all of it while the connection's allowance lasts."""
        size = len(data)
        if size <= self._keep:
            self._keep -= size
            return data
        return data[: self.server.limits.chunk_kept]

    def _swallow(self, size: int) -> None:
        self._swallowed += size
        is_said = self.outbound is None or self.outbound.is_empty
        if is_said and self._swallowed > self.server.limits.linger_bytes:
            self._hang_up()

    def sweep(self, now: float) -> None:
        """Look at the clock: the conversation's deadline, idleness, a stalled write, a lingering peer."""
        limits = self.server.limits
        if self.closing:
            if self._linger_until and now >= self._linger_until:
                if self.choked and self._stalled + limits.write_stall > now:
                    return  # our answer is still on its way
                assert self._transport is not None
                self._transport.abort() if self.choked else self._hang_up()
            elif self._stuck(now):
                self.reset()
            return
        deadline = self.conversation.deadline
        if self._sending is not None and self._sending.busy:
            if self._stuck(now):
                self.reset()
        elif deadline is not None and now >= deadline:
            self.perform(self.conversation.expired(now))
        elif self.choked and now - self._stalled > limits.write_stall:
            self._who, self._how = "us", TIMEOUT
            self._reason = f"the peer took nothing for {duration_text(limits.write_stall)}"
            self.reset()
        elif now - self.last > limits.idle and not self._watched:
            self.finish(f"idle for {duration_text(limits.idle)}", how=TIMEOUT)

    def _stuck(self, now: float) -> bool:
        """Tell whether a file is on its way and the peer takes nothing of it."""
        if self._sending is None or not self._sending.busy or now - self._stalled <= self.server.limits.write_stall:
            return False
        self._who, self._how = "us", TIMEOUT
        self._reason = f"the peer took nothing for {duration_text(self.server.limits.write_stall)}"
        return True

    def retire(self, now: float) -> None:
        """The bench shuts down: let the conversation say goodbye, and a session end."""
        if self._session_task is not None and self._session is not None:
            self.perform(self.conversation.stopping(now))
            self._session_task.cancel()
            self._session = None
            self.finish("shutting down", how=STOPPED)
        elif not self.closing:
            self.perform(self.conversation.stopping(now))

    def give_up(self) -> None:
        """The grace is over."""
        if self._how in ("", FIN):
            self._who, self._how, self._reason = "us", STOPPED, "shutting down"
        self.closing = True
        if self._transport is not None:
            self._transport.abort()

    @property
    def counts(self) -> Counts:
        both = self.exchanges
        return Counts(self.received, self.received_chunks + both, self.sent, self.sent_chunks + both)

    def record_end(self) -> None:
        counts = self.counts
        self.server.past.add(counts)
        ended = Ended(self._who, self._how or ERROR, self._reason, *counts)
        self.journal.append((ENDED, self.number, time(), ended, 0))

    def never_began(self, trouble: Exception, hint: str) -> None:
        """TLS was never agreed on: say so in the journal."""
        self.perform((Note("malformed", {"rule": "TLS handshake", "message": f"{trouble}{hint}"}),))
        lost = isinstance(trouble, ConnectionError)
        self._who, self._how = ("peer", RST) if lost else ("us", ERROR)
        self._reason = f"TLS handshake failed: {trouble}"
        self.record_end()
