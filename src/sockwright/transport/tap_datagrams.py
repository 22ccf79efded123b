"""A tap for datagrams: a session per client address, each with a socket of its own towards the target.

The target tells the sessions apart by their ports, as it would the clients. Whoever says nothing for a while is
forgotten; when it speaks again, it is a new session with a new port.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence
from time import time
from typing import Any

from sockwright.config import duration_text
from sockwright.endpoint import Endpoint, Peer
from sockwright.faults.plan import Plan
from sockwright.journal.records import (
    ENDED,
    ERROR,
    FAULT,
    LIMIT,
    NOTE,
    OPENED,
    RECEIVED,
    SENT,
    STOPPED,
    TIMEOUT,
    Ended,
    Opened,
    Tape,
)
from sockwright.transport.driver import Journal
from sockwright.transport.limits import DATAGRAMS_PER_TURN, LARGEST_DATAGRAM, SWEEP, Limits
from sockwright.transport.pipe import DatagramPipe
from sockwright.transport.tally import Counted, Counts, Tally

_SOON_GONE = (BlockingIOError, InterruptedError)


class Session:
    """One client address and its socket towards the target."""

    def __init__(self, server: DatagramTap, sock: socket.socket, address: Any, far: socket.socket) -> None:
        self.server = server
        self.address = address
        self._sock = sock
        self.far = far
        self.received = self.received_count = self.sent = self.sent_count = 0
        self._keep = server.limits.body_kept
        self._refused = False
        self.over = False
        self.last = now = time()
        self._count = server.total
        seed = 0 if server.plan is None else server.plan.seed_of(self._count)
        local, peer = str(Peer(*sock.getsockname()[:2])), str(Peer(*address[:2]))
        opened = Opened("udp", server.service, str(server.endpoint), local, peer, "", "tap", seed)
        self.number = server.journal.begin(now, opened)
        if server.tape is not None:
            server.tape([(OPENED, self.number, now, opened, 0)])
        self._inbound: DatagramPipe | None = None
        self._outbound: DatagramPipe | None = None
        if server.plan is not None:
            self.bend(server.plan)

    def bend(self, plan: Plan | None) -> bool:
        """Change the faults of this session; tell whether anything changed."""
        up, down = (None, None) if plan is None else plan.rows(self._count)
        if (up, down, self._inbound, self._outbound) == (None,) * 4:
            return False
        self._inbound = None if up is None else DatagramPipe(up, self._to_target, self._fired("to server"))
        self._outbound = None if down is None else DatagramPipe(down, self._to_client, self._fired("to client"))
        return True

    def _fired(self, way: str) -> Callable[[str, str], None]:
        journal = self.server.journal
        return lambda name, why: journal.append((FAULT, self.number, time(), (name, way, why), 0))

    def from_client(self, data: bytes) -> None:
        """Take a datagram of the client."""
        self.last = now = time()
        self.received += len(data)
        self.received_count += 1
        self._record(RECEIVED, data, now)
        self._tape(RECEIVED, data, now)
        if self._inbound is not None:
            self._inbound.feed(data, now)
        else:
            self._to_target(data)

    def _to_target(self, data: bytes) -> None:
        if self.over:
            return
        try:
            self.far.send(data)
        except _SOON_GONE:
            pass  # its buffer is full: lost, as UDP may
        except OSError as wrong:
            self._trouble(wrong)

    def from_target(self) -> None:
        """Take what the target said."""
        for _ in range(DATAGRAMS_PER_TURN):
            try:
                data = self.far.recv(LARGEST_DATAGRAM)
            except _SOON_GONE:
                return
            except OSError as wrong:
                self._trouble(wrong)
                return
            self.last = now = time()
            self._tape(SENT, data, now)
            if self._outbound is not None:
                self._outbound.feed(data, now)
            else:
                self._to_client(data)

    def _to_client(self, data: bytes) -> None:
        if self.over:
            return
        self.sent += len(data)
        self.sent_count += 1
        self._record(SENT, data, time())
        with contextlib.suppress(OSError):  # full, or the client is gone: lost, as UDP may
            self._sock.sendto(data, self.address)

    def _trouble(self, wrong: OSError) -> None:
        """The target's machine says that nobody is there (ICMP). UDP has no way to tell the client."""
        if not self._refused:
            self._refused = True
            words = f"the target {self.server.target.authority}: {wrong.strerror}"
            self.server.journal.append((NOTE, self.number, time(), ("refused", {"message": words}), 0))

    def _record(self, kind: int, data: bytes, now: float) -> None:
        size = len(data)
        if size <= self._keep:
            self._keep -= size
            kept = data
        else:
            kept = data[: self.server.limits.chunk_kept]
        self.server.journal.append((kind, self.number, now, kept, size))

    def _tape(self, kind: int, data: bytes, now: float) -> None:
        if self.server.tape is not None:
            self.server.tape([(kind, self.number, now, data, len(data))])

    @property
    def counts(self) -> Counts:
        return Counts(self.received, self.received_count, self.sent, self.sent_count)

    def end(self, who: str, how: str, reason: str) -> None:
        """Close the socket and write the end into the journal."""
        self.over = True
        now = time()
        counts = self.counts
        self.server.past.add(counts)
        ended = Ended(who, ERROR if self._refused else how, reason, *counts)
        self.server.journal.append((ENDED, self.number, now, ended, 0))
        if self.server.tape is not None:
            self.server.tape([(ENDED, self.number, now, ended, 0)])
        self.far.close()


class DatagramTap:
    """Listens at one endpoint over UDP, and relays every client's datagrams to `target`."""

    def __init__(
        self,
        endpoint: Endpoint,
        service: str,
        target: Endpoint,
        *,
        journal: Journal,
        limits: Limits,
        tape: Tape | None = None,
        trouble: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.endpoint = endpoint
        self.service = service
        self.target = target
        self.journal = journal
        self.limits = limits
        self.tape = tape
        self.total = 0
        self.past = Tally()
        self.plan: Plan | None = None
        self.sessions: dict[Any, Session] = {}
        self._trouble = trouble
        self._told = 0.0
        self._sockets: list[socket.socket] = []
        self._sweeping: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def listen(self, hosts: list[str], port: int) -> int:
        """Bind `port` of every host (0: one the system chooses, the same for all); return the port.

        Raises: OSError where the first host's address cannot be had; the others are tried and left out quietly.
        """
        for host in hosts:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            sock = socket.socket(family, socket.SOCK_DGRAM)
            try:
                if family == socket.AF_INET6:
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                sock.setblocking(False)
                sock.bind((host, port))
            except OSError:
                sock.close()
                if not self._sockets:
                    raise
                continue
            port = sock.getsockname()[1]
            self._sockets.append(sock)
        for sock in self._sockets:
            self._loop.add_reader(sock, self._drain, sock)
        self._sweeping = self._loop.call_later(SWEEP, self._sweep)
        return port

    @property
    def addresses(self) -> list[Peer]:
        """Where we listen."""
        return [Peer(*sock.getsockname()[:2]) for sock in self._sockets]

    @property
    def connections(self) -> Sequence[Counted]:
        """The sessions that there are. For any thread."""
        return list(self.sessions.values())

    def bend(self, plan: Plan | None) -> Sequence[int]:
        """Set the faults, for who comes and for who is here; return the numbers of the sessions that it changed."""
        self.plan = plan
        return [session.number for session in list(self.sessions.values()) if session.bend(plan)]

    def _drain(self, sock: socket.socket) -> None:
        for _ in range(DATAGRAMS_PER_TURN):
            try:
                data, address = sock.recvfrom(LARGEST_DATAGRAM)
            except _SOON_GONE:
                return
            except OSError:  # an ICMP error for a client that went away
                continue
            session = self.sessions.get(address) or self._meet(sock, address)
            if session is not None:
                session.from_client(data)

    def _meet(self, sock: socket.socket, address: Any) -> Session | None:
        if len(self.sessions) >= self.limits.flows:
            oldest = min(self.sessions.values(), key=lambda one: one.last)
            self._forget(oldest, "us", LIMIT, f"more than {self.limits.flows} addresses")
        try:
            entries = socket.getaddrinfo(self.target.host, self.target.port, type=socket.SOCK_DGRAM)
            family, _, _, _, place = entries[0]
            far = socket.socket(family, socket.SOCK_DGRAM)
            try:
                far.setblocking(False)
                far.connect(place)
            except BaseException:
                far.close()
                raise
        except OSError as wrong:
            now = time()
            if now - self._told > 10:
                self._told = now
                self._trouble(f"the target {self.target.authority} cannot be reached: {wrong}")
            return None
        self.total += 1
        session = self.sessions[address] = Session(self, sock, address, far)
        self._loop.add_reader(far, session.from_target)
        return session

    def _forget(self, session: Session, who: str, how: str, reason: str) -> None:
        del self.sessions[session.address]
        self._loop.remove_reader(session.far)
        session.end(who, how, reason)

    def _sweep(self) -> None:
        now = time()
        idle = self.limits.flow_idle
        for session in list(self.sessions.values()):
            if now - session.last > idle:
                self._forget(session, "peer", TIMEOUT, f"silent for {duration_text(idle)}")
        self._sweeping = self._loop.call_later(SWEEP, self._sweep)

    def close_door(self) -> None:
        """Take no datagram any more."""
        for sock in self._sockets:
            self._loop.remove_reader(sock)
            sock.close()
        self._sockets = []

    async def stop(self, grace: float) -> None:
        """End every session."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        self.close_door()
        for session in list(self.sessions.values()):
            self._forget(session, "us", STOPPED, "shutting down")
