"""One address that sends us datagrams: its conversation, its faults, and what it may be answered."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
from collections.abc import Callable, Iterable
from time import time
from typing import TYPE_CHECKING, Any

from sockwright.binding import failure
from sockwright.conversation import Begin, Conversation, Send
from sockwright.endpoint import Peer
from sockwright.faults.plan import Plan
from sockwright.journal.records import (
    ENDED,
    EXCHANGED,
    FAULT,
    FIN,
    NOTE,
    RECEIVED,
    SENT,
    Ended,
    Opened,
)
from sockwright.transport.driver import Driver
from sockwright.transport.pipe import DatagramPipe
from sockwright.transport.tally import Counts

if TYPE_CHECKING:
    from sockwright.transport.datagrams import DatagramServer


class Flow(Driver):
    """One address that sends us datagrams."""

    __slots__ = (
        "_allowance",
        "_closed",
        "_count",
        "_inline",
        "_keep",
        "_lost",
        "_sock",
        "_timer",
        "address",
        "exchanges",
        "inbound",
        "outbound",
        "peer",
        "received",
        "received_chunks",
        "sent",
        "sent_chunks",
        "server",
        "trusted",
    )

    def __init__(self, server: DatagramServer, sock: socket.socket, address: Any, conversation: Conversation) -> None:
        self.server = server
        self.staff = server.staff
        self.journal = server.journal
        self.conversation = conversation
        self.address = address
        self.peer = Peer(*address[:2])
        self._sock = sock
        self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self.received = self.received_chunks = self.sent = self.sent_chunks = self.exchanges = 0
        self._keep = server.limits.body_kept
        self._lost = 0
        self._allowance = (0.0, 0)  # the second it counts, answers in it
        # A sender's address can be forged. On the loopback nobody gains by it; beyond, an answer must be worth
        # nothing to an attacker: not longer than the question, and not many.
        self.trusted = ipaddress.ip_address(self.peer.host.partition("%")[0]).is_loopback
        self._inline = conversation.inline if self.trusted else None
        self.last = now = time()
        local = str(Peer(*sock.getsockname()[:2]))
        seed = 0 if server.plan is None else server.plan.seed_of(server.total + 1)
        opened = Opened("udp", server.service, str(server.endpoint), local, str(self.peer), "", "server", seed)
        self.number = server.journal.begin(now, opened)
        self.inbound: DatagramPipe | None = None
        self.outbound: DatagramPipe | None = None
        self._count = server.total + 1
        if server.plan is not None:
            self.bend(server.plan)

    def bend(self, plan: Plan | None) -> bool:
        """Change the faults of this flow; tell whether anything changed."""
        up, down = (None, None) if plan is None else plan.rows(self._count)
        if (up, down, self.inbound, self.outbound) == (None,) * 4:
            return False
        # What is under way in an old pipe arrives when it would have.
        self.inbound = None if up is None else DatagramPipe(up, self._deliver, self._fired("to server"))
        self.outbound = None if down is None else DatagramPipe(down, self._emit, self._fired("to client"))
        is_free = self.inbound is None and self.outbound is None and self.trusted
        self._inline = self.conversation.inline if is_free else None
        return True

    def _fired(self, way: str) -> Callable[[str, str], None]:
        return lambda name, why: self.journal.append((FAULT, self.number, time(), (name, way, why), 0))

    def _deliver(self, data: bytes) -> None:
        if not self._closed:
            self.last = now = time()
            self.perform(self.conversation.feed(data, now))

    def arrived(self, data: bytes, now: float) -> None:
        """Take one datagram. Its answer, where it comes at once, waits in the server's `answers` for its turn."""
        inline = self._inline
        if inline is None:
            self._received(data, now)
            if self.inbound is not None:
                self.inbound.feed(data, now)
            else:
                self.perform(self.conversation.feed(data, now))
            return
        try:
            answer = inline(data)
        except Exception as failed:  # noqa: BLE001 - somebody else's code
            self._received(data, now)
            self.perform(self.conversation.answered(0, (failure(failed),), now))
            return
        if answer is None:
            self._received(data, now)
            self.perform(self.conversation.feed(data, now))
            return
        size = len(data)
        size_sent = len(answer)
        self.last = now
        self.received += size
        self.sent += size_sent
        self.exchanges += 1
        self.journal.append(
            (
                EXCHANGED,
                self.number,
                now,
                data if size <= 1024 else self._kept(data),
                size,
                None if answer is data else answer if size_sent <= 1024 else self._kept(answer),
                size_sent,
            )
        )
        self.server.answers.append((answer, self.address))

    def _received(self, data: bytes, now: float) -> None:
        self.last = now
        size = len(data)
        self.received += size
        self.received_chunks += 1
        self.journal.append((RECEIVED, self.number, now, data if size <= 1024 else self._kept(data), size))

    def _kept(self, data: bytes) -> bytes:
        size = len(data)
        if size <= self._keep:
            self._keep -= size
            return data
        return data[: self.server.limits.chunk_kept]

    @property
    def is_open(self) -> bool:
        return not self._closed

    def perform(self, actions: Iterable[Any]) -> None:
        """Do `actions`; unlike in a stream, each bytes object is a datagram of its own."""
        for action in actions:
            if type(action) is bytes:
                self.send(action)
            else:
                self._do(action)
        if self.conversation.deadline is not None and not self._closed:
            if self._timer is not None:
                self._timer.cancel()
            wait = max(0.0, self.conversation.deadline - time())
            self._timer = asyncio.get_running_loop().call_later(wait, self._wake)

    def _wake(self) -> None:
        """The conversation's deadline has come, or was put off."""
        self._timer = None
        deadline, now = self.conversation.deadline, time()
        if not self._closed and deadline is not None:
            self.perform(self.conversation.expired(now) if now >= deadline else ())

    def send(self, data: bytes) -> None:
        if not self.trusted and not self._may_answer(len(data)):
            return
        if self.outbound is not None:
            self.outbound.feed(data, self.last)
        else:
            self._emit(data)

    def _emit(self, data: bytes) -> None:
        """Put a datagram on the wire, its record first; behind the outbound faults where there are any."""
        if self._closed:
            return
        size = len(data)
        self.sent += size
        self.sent_chunks += 1
        self.journal.append((SENT, self.number, self.last, data if size <= 1024 else self._kept(data), size))
        try:
            self._sock.sendto(data, self.address)
        except OSError as trouble:
            self.server.unsent(self._sock, data, self.address, trouble)

    def _may_answer(self, size: int) -> bool:
        """Refuse to be an amplifier: no answer longer than all that came, none above the rate."""
        second, answers = self._allowance
        now = self.last
        if now - second >= 1.0:
            second, answers = now, 0
        self._allowance = (second, answers + 1)
        reason = ""
        if answers >= self.server.limits.answers_per_second:
            reason = f"more than {self.server.limits.answers_per_second} answers a second to one address"
        elif self.sent + size > self.received:
            reason = "the answer would be longer than the question, and the sender's address may be forged"
        if not reason:
            return True
        self._lost += 1
        if self._lost == 1:
            self.journal.append((NOTE, self.number, now, ("limit", {"message": f"not answered: {reason}"}), 0))
        return False

    def send_file(self, part: Send, head: bytes = b"") -> None:
        os.close(part.file)
        raise TypeError("a file does not go into a datagram")

    def begin(self, action: Begin) -> None:
        raise TypeError("UDP has no sessions")

    def tell(self, data: bytes) -> None:
        raise TypeError("UDP has no sessions")

    def start_tls(self) -> None:
        raise TypeError("UDP has no TLS")

    def finish(self, reason: str, reset: bool = False, how: str = FIN) -> None:
        """Forget this address. Over UDP there is nothing to say about that."""
        self.server.forget(self.address, "us", how, reason)

    @property
    def counts(self) -> Counts:
        both = self.exchanges
        return Counts(self.received, self.received_chunks + both, self.sent, self.sent_chunks + both)

    def record_end(self, who: str, how: str, reason: str) -> None:
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        counts = self.counts
        self.server.past.add(counts)
        self.journal.append((ENDED, self.number, time(), Ended(who, how, reason, *counts), 0))
