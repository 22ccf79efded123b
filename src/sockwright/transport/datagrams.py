"""Datagrams: UDP servers on a raw socket and `add_reader`, drained a bounded number at a time.

The loop's own datagram transport costs a future-like dance per datagram and, before Python 3.13, drops empty ones;
a plain socket does neither. An address that sends is a *flow*: a conversation of its own, for as long as it is not
silent for too long.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import socket
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from time import time
from typing import Any

from sockwright.binding import failure
from sockwright.conversation import Begin, Conversation, Opening, Send
from sockwright.endpoint import Endpoint, Peer
from sockwright.faults.plan import Plan
from sockwright.journal.records import (
    ENDED,
    EXCHANGED,
    FAULT,
    FIN,
    LIMIT,
    NOTE,
    RECEIVED,
    SENT,
    STOPPED,
    TIMEOUT,
    Ended,
    Opened,
)
from sockwright.transport.driver import Driver, Journal, Staff
from sockwright.transport.limits import DATAGRAMS_PER_TURN, LARGEST_DATAGRAM, SWEEP, Limits
from sockwright.transport.pipe import DatagramPipe
from sockwright.transport.tally import Counted, Counts, Tally

_FULL = {errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS}
# Datagrams that wait because the socket's buffer is full; beyond that they are lost, as UDP may.
_WAITING = 256


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
        counts = self.counts
        self.server.past.add(counts)
        self.journal.append((ENDED, self.number, time(), Ended(who, how, reason, *counts), 0))


class DatagramServer:
    """Listens at one endpoint over UDP, and holds its flows."""

    def __init__(
        self,
        endpoint: Endpoint,
        service: str,
        opening: Opening,
        *,
        staff: Staff,
        journal: Journal,
        limits: Limits,
        own_ports: set[int],
        trouble: Callable[[str], None] = lambda text: None,
        shared_port: bool = False,
    ) -> None:
        self.endpoint = endpoint
        self.service = service
        self.staff = staff
        self.journal = journal
        self.limits = limits
        self.flows: OrderedDict[Any, Flow] = OrderedDict()
        self.plan: Plan | None = None
        self.answers: list[tuple[bytes, Any]] = []  # of the present turn
        self.total = 0
        self.past = Tally()
        self._own_ports = own_ports
        self._opening = opening
        self._trouble = trouble
        self._shared_port = shared_port
        self._sockets: list[socket.socket] = []
        self._waiting: dict[socket.socket, deque[tuple[bytes, Any]]] = {}
        self._sweeping: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def listen(self, hosts: list[str], port: int) -> int:
        """Bind `port` of every host (0: one the system chooses, the same for all); return the port.

        Raises: OSError where the first host's address cannot be had; the others are tried and left out quietly.
        """
        for host in hosts:
            try:
                sock = self._bind(host, port)
            except OSError:
                if not self._sockets:
                    raise
                continue
            port = sock.getsockname()[1]
            self._sockets.append(sock)
        for sock in self._sockets:
            self._loop.add_reader(sock, self._drain, sock)
        self._own_ports.add(port)
        self._sweeping = self._loop.call_later(SWEEP, self._sweep)
        return port

    def _bind(self, host: str, port: int) -> socket.socket:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            if self._shared_port:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                try:
                    sock.setsockopt(socket.SOL_SOCKET, option, 1024 * 1024)
                except OSError:  # the system gives less; then less it is
                    pass
            sock.setblocking(False)
            sock.bind((host, port))
        except BaseException:
            sock.close()
            raise
        return sock

    @property
    def connections(self) -> Sequence[Counted]:
        """The flows that there are. For any thread."""
        return list(self.flows.values())

    def bend(self, plan: Plan | None) -> int:
        """Set the faults, for who comes and for who is here; return how many flows that changed at once."""
        self.plan = plan
        return sum(flow.bend(plan) for flow in list(self.flows.values()))

    @property
    def addresses(self) -> list[Peer]:
        """Where we listen."""
        return [Peer(*sock.getsockname()[:2]) for sock in self._sockets]

    def _drain(self, sock: socket.socket) -> None:
        """Read what is there, answer and record it, then send: see `turns` for why in this order."""
        recvfrom = sock.recvfrom
        arrived: list[tuple[bytes, Any]] = []
        for _ in range(DATAGRAMS_PER_TURN):
            try:
                arrived.append(recvfrom(LARGEST_DATAGRAM))
            except (BlockingIOError, InterruptedError):
                break
            except OSError:  # an ICMP error for somebody who went away: it is not about this socket
                continue
        now = time()
        flows = self.flows
        for data, address in arrived:
            flow = flows.get(address) or self._meet(sock, address)
            if flow is not None:
                flow.arrived(data, now)
        answers = self.answers
        sendto = sock.sendto
        for data, address in answers:
            try:
                sendto(data, address)
            except OSError as trouble:
                self.unsent(sock, data, address, trouble)
        del answers[:]

    def _meet(self, sock: socket.socket, address: Any) -> Flow | None:
        """Begin a flow; None for a port that must not be answered: two echo services would talk for ever."""
        if address[1] < 1024 or address[1] in self._own_ports:
            return None
        if len(self.flows) >= self.limits.flows:
            oldest = next(iter(self.flows))
            self.forget(oldest, "us", LIMIT, f"more than {self.limits.flows} addresses")
        flow = self.flows[address] = Flow(self, sock, address, self._opening())
        self.total += 1
        return flow

    def unsent(self, sock: socket.socket, data: bytes, address: Any, trouble: OSError) -> None:
        """Keep a datagram that the system did not take, for a moment; what it refuses for good is lost."""
        if trouble.errno not in _FULL:
            return
        queue = self._waiting.get(sock)
        if queue is None:
            queue = self._waiting[sock] = deque(maxlen=_WAITING)
            self._loop.add_writer(sock, self._send_waiting, sock)
        queue.append((data, address))

    def _send_waiting(self, sock: socket.socket) -> None:
        queue = self._waiting[sock]
        while queue:
            data, address = queue[0]
            try:
                sock.sendto(data, address)
            except OSError as trouble:
                if trouble.errno in _FULL:
                    return
            queue.popleft()
        self._loop.remove_writer(sock)
        del self._waiting[sock]

    def forget(self, address: Any, who: str, how: str, reason: str) -> None:
        flow = self.flows.pop(address, None)
        if flow is not None:
            flow.record_end(who, how, reason)

    def _sweep(self) -> None:
        now = time()
        for address, flow in list(self.flows.items()):
            deadline = flow.conversation.deadline
            if deadline is not None and now >= deadline:
                flow.perform(flow.conversation.expired(now))
            elif now - flow.last > self.limits.flow_idle:
                self.forget(address, "peer", TIMEOUT, "")
        self._sweeping = self._loop.call_later(SWEEP, self._sweep)

    def close_door(self) -> None:
        """Take no datagram any more."""
        for sock in self._sockets:
            self._loop.remove_reader(sock)
            if sock in self._waiting:
                self._loop.remove_writer(sock)
            sock.close()
        self._sockets = []
        self._waiting = {}

    async def stop(self, grace: float) -> None:
        """End every flow; there is nobody to say goodbye to."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        self.close_door()
        for address in list(self.flows):
            self.forget(address, "us", STOPPED, "shutting down")
