"""Datagrams: UDP servers on a raw socket and `add_reader`, drained a bounded number at a time.

The loop's own datagram transport costs a future-like dance per datagram and, before Python 3.13, drops empty ones;
a plain socket does neither. An address that sends is a *flow*: a conversation of its own, for as long as it is not
silent for too long.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from time import time
from typing import Any

from sockwright.conversation import Opening
from sockwright.endpoint import Endpoint, Peer
from sockwright.faults.plan import Plan
from sockwright.journal.records import (
    LIMIT,
    STOPPED,
    TIMEOUT,
)
from sockwright.transport.datagram_flow import Flow
from sockwright.transport.driver import Journal, Staff
from sockwright.transport.limits import DATAGRAMS_PER_TURN, LARGEST_DATAGRAM, SWEEP, Limits
from sockwright.transport.tally import Counted, Tally

_FULL = {errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS}
# Datagrams that wait because the socket's buffer is full; beyond that they are lost, as UDP may.
_WAITING = 256


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

    def bend(self, plan: Plan | None) -> Sequence[int]:
        """Set the faults, for who comes and for who is here; return the numbers of the flows that it changed."""
        self.plan = plan
        return [flow.number for flow in list(self.flows.values()) if flow.bend(plan)]

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
            if now - flow.last > self.limits.flow_idle:
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
