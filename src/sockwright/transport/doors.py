"""Doors: where TCP connections come in. An accept loop of our own, since asyncio's turns "out of descriptors" into a
storm: a whole core spent on failing, megabytes of log. Here accepting pauses, says so once, and goes on by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import ssl
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from time import time
from typing import Protocol

from sockwright.conversation import Opening
from sockwright.endpoint import Endpoint, Peer
from sockwright.faults.ending import at_the_door
from sockwright.faults.plan import Plan
from sockwright.journal.records import ENDED, FAULT, RST, Ended, Opened
from sockwright.transport.driver import Journal, Staff
from sockwright.transport.limits import ACCEPT_REST, ACCEPTS_PER_TURN, BACKLOG, RESET_ON_CLOSE, SWEEP, Limits
from sockwright.transport.streams import Stream
from sockwright.transport.tally import Counted, Tally
from sockwright.transport.wrong_door import answer_to, send_away

_OUT_OF_DESCRIPTORS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class Connected(Counted, Protocol):
    """What a door asks of each connection that came through it."""

    def sweep(self, now: float) -> None: ...

    def retire(self, now: float) -> None: ...

    def give_up(self) -> None: ...

    number: int

    def bend(self, plan: Plan | None) -> bool: ...


class StreamServer:
    """Listens at one endpoint, and holds its connections."""

    def __init__(
        self,
        endpoint: Endpoint,
        service: str,
        opening: Opening,
        *,
        staff: Staff,
        journal: Journal,
        limits: Limits,
        most: int,
        tls: ssl.SSLContext | None = None,
        starttls: Callable[[], ssl.SSLContext] | None = None,
        trouble: Callable[[str], None] = lambda text: None,
        shared_port: bool = False,
    ) -> None:
        self.endpoint = endpoint
        self._place = str(endpoint)
        self._locals: dict[tuple[str, int], str] = {}
        self.service = service
        self.staff = staff
        self.journal = journal
        self.limits = limits
        self.most = most
        self.tls = tls
        self._starttls = starttls
        self._starttls_context: ssl.SSLContext | None = None
        self.streams: dict[Connected, None] = {}
        self.total = 0
        self.past = Tally()
        self.plan: Plan | None = None  # faults, for connections to come; `bend` sets it
        self.met: dict[socket.socket, tuple[str, str]] = {}  # what those who come in met at the door
        self._waiting: dict[socket.socket, asyncio.TimerHandle] = {}  # at the door
        self._opening = opening
        self._trouble = trouble
        self._shared_port = shared_port
        self._listeners: list[socket.socket] = []
        self._accepting = False
        self._sources: Counter[str] = Counter()
        self._present = 0  # accepted and not yet gone, handshakes included
        self._empty: asyncio.Event | None = None  # set when the last one is gone, while somebody waits for that
        self._told = 0.0  # when trouble was last told
        self._resting: asyncio.TimerHandle | None = None
        self._sweeping: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def listen(self, hosts: list[str], port: int) -> int:
        """Bind and listen at `port` of every host (0: one the system chooses, the same for all); return the port.

        Raises: OSError where the first host's address cannot be had; the others are tried and left out quietly.
        """
        for host in hosts:
            try:
                sock = self._bind(host, port)
            except OSError:
                if not self._listeners:
                    raise
                continue
            port = sock.getsockname()[1]
            self._listeners.append(sock)
        self.endpoint = self.endpoint.at(self.endpoint.host, port)
        self._place = str(self.endpoint)
        self._resume()
        self._sweeping = self._loop.call_later(SWEEP, self._sweep)
        return port

    def _bind(self, host: str, port: int) -> socket.socket:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            if os.name == "posix":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if self._shared_port:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            # Those who are accepted have them from here, on all systems: two calls less for each.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            sock.bind((host, port))
            sock.listen(BACKLOG)
            sock.setblocking(False)
        except BaseException:
            sock.close()
            raise
        return sock

    @property
    def addresses(self) -> list[Peer]:
        """Where we listen."""
        return [Peer(*sock.getsockname()[:2]) for sock in self._listeners]

    @property
    def connections(self) -> Sequence[Counted]:
        """The connections that are open. For any thread."""
        return list(self.streams)

    async def starttls_context(self) -> ssl.SSLContext:
        """Return the context for who asks for TLS later. Made when the first one does: it takes 100 ms."""
        if self._starttls_context is None:
            assert self._starttls is not None, "a conversation offered STARTTLS, and nobody can give it"
            self._starttls_context = await asyncio.to_thread(self._starttls)
        return self._starttls_context

    def opened(self, sock: socket.socket, peer: Peer) -> Opened:
        try:
            address = sock.getsockname()[:2]
        except OSError:
            address = ("", 0)
        # The same few texts for all connections: 10,000 of them are kept in the journal's memory.
        local = self._locals.setdefault(address, str(Peer(*address)) if address[0] else "")
        tls = "TLS" if self.tls is not None else ""
        seed = 0 if self.plan is None else self.plan.seed_of(self.total)
        return Opened(self.endpoint.protocol, self.service, self._place, local, str(peer), tls, "server", seed)

    def bend(self, plan: Plan | None) -> Sequence[int]:
        """Set the faults, for who comes and for who is here; return the numbers of those that it changed at once."""
        self.plan = plan
        return [stream.number for stream in list(self.streams) if stream.bend(plan)]

    # -- accepting

    def _resume(self) -> None:
        self._resting = None
        if not self._accepting:
            self._accepting = True
            for sock in self._listeners:
                self._loop.add_reader(sock, self._accept, sock)

    def _rest(self, why: str) -> None:
        """Stop accepting for a moment. Who comes meanwhile waits in the backlog."""
        if self._accepting:
            self._accepting = False
            for sock in self._listeners:
                self._loop.remove_reader(sock)
        if self._resting is None:
            self._resting = self._loop.call_later(ACCEPT_REST, self._resume)
        now = time()
        if now - self._told > 10:
            self._told = now
            self._trouble(f"{self.endpoint}: {why}; accepting pauses, clients wait in the queue")

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(ACCEPTS_PER_TURN):
            if self._present >= self.most:
                self._rest(f"{self._present} connections are open, the limit")
                return
            try:
                sock, address = listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionError:
                continue  # gone before we looked
            except OSError as trouble:
                if trouble.errno not in _OUT_OF_DESCRIPTORS:
                    raise
                self._rest(f"the system is out of room for sockets ({trouble.strerror})")
                return
            self._welcome(sock, Peer(sys.intern(address[0]), address[1]))

    def _welcome(self, sock: socket.socket, peer: Peer) -> None:
        sock.setblocking(False)
        loopback = peer.host.startswith("127.") or peer.host == "::1"
        if not loopback and self._sources[peer.host] >= self.limits.connections_per_source:
            self.past.refused += 1
            sock.close()
            return
        self._present += 1
        self._sources[peer.host] += 1
        self.total += 1
        if self.plan is not None:
            self._at_the_door(self.plan, sock, peer)
        else:
            self.begin(sock, peer)

    def _at_the_door(self, plan: Plan, sock: socket.socket, peer: Peer) -> None:
        """Let the faults at the door happen, then begin where one may come in."""
        number = self.total
        wait = 0.0
        for name, door in plan.door(number):
            why = at_the_door(door)
            if door.refuse:
                self._turn_away(sock, peer, name, why)
                return
            self.met[sock] = (name, why)
            wait += door.wait
        if not wait:
            self.begin(sock, peer)
            return
        self._waiting[sock] = self._loop.call_later(wait, self._come_in, sock, peer)

    def _come_in(self, sock: socket.socket, peer: Peer) -> None:
        del self._waiting[sock]
        self.begin(sock, peer)

    def _turn_away(self, sock: socket.socket, peer: Peer, name: str, why: str) -> None:
        now = time()
        self.past.refused += 1
        number = self.journal.begin(now, self.opened(sock, peer))
        self.journal.append((FAULT, number, now, (name, "to client", why), 0))
        self.journal.append((ENDED, number, now, Ended("us", RST, f"fault {name}", 0, 0, 0, 0), 0))
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        sock.close()
        self.gone(peer)

    def begin(self, sock: socket.socket, peer: Peer) -> None:
        """Make a connection of what was accepted. A tap has its own idea of that."""
        stream = Stream(self, sock, peer, self._opening())
        self.staff.spawn(self._connect(stream, sock))

    async def _connect(self, stream: Stream, sock: socket.socket) -> None:
        try:
            await self.shake_hands(stream, sock)
        except (OSError, ssl.SSLError, TimeoutError) as trouble:
            if stream not in self.streams and stream.sock is not None:
                stream.never_began(trouble, tls_hint(trouble))
                self.gone(stream.peer)

    async def shake_hands(self, protocol: asyncio.BaseProtocol, sock: socket.socket) -> None:
        """Make a connection of `sock`, with TLS where this endpoint has it. Who speaks in clear there is told so.

        Raises: OSError, ssl.SSLError, TimeoutError; the socket is closed then.
        """
        if self.tls is None:
            try:
                await self._loop.connect_accepted_socket(lambda: protocol, sock)
            except OSError:
                sock.close()
                raise
            return
        limit = self.limits.handshake
        with contextlib.ExitStack() as held:
            second = held.enter_context(sock.dup())
            try:
                await self._loop.connect_accepted_socket(
                    lambda: protocol, sock, ssl=self.tls, ssl_handshake_timeout=limit
                )
            except (OSError, ssl.SSLError, TimeoutError) as trouble:
                sock.close()
                if said := answer_to(trouble):
                    held.pop_all()
                    self.staff.spawn(send_away(second, said))
                raise

    def gone(self, peer: Peer) -> None:
        """One connection less."""
        self._present -= 1
        if not self._present and self._empty is not None:
            self._empty.set()
        self._sources[peer.host] -= 1
        if not self._sources[peer.host]:
            del self._sources[peer.host]

    # -- the clock, the end

    def _sweep(self) -> None:
        now = time()
        for stream in list(self.streams):
            stream.sweep(now)
        self._sweeping = self._loop.call_later(SWEEP, self._sweep)

    def close_door(self) -> None:
        """Accept nobody any more; who is here stays."""
        for sock in self._listeners:
            if self._accepting:
                self._loop.remove_reader(sock)
            sock.close()
        self._accepting = False
        self._listeners = []
        if self._resting is not None:
            self._resting.cancel()
        for sock, timer in self._waiting.items():
            timer.cancel()
            sock.close()
            self._present -= 1
        self._waiting.clear()

    async def stop(self, grace: float) -> None:
        """Say goodbye to everybody, wait at most `grace` seconds, then close what is left."""
        self.close_door()
        now = time()
        for stream in list(self.streams):
            stream.retire(now)
        if self._present and not await self._all_gone(grace):
            for stream in list(self.streams):
                stream.give_up()
            await self._all_gone(1.0)
        if self._sweeping is not None:
            self._sweeping.cancel()

    async def _all_gone(self, wait: float) -> bool:
        self._empty = asyncio.Event()
        try:
            async with asyncio.timeout(wait):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True


def tls_hint(trouble: Exception) -> str:
    """Return what a failed handshake looks like to somebody who has seen many, "" where nothing comes to mind."""
    words = str(trouble)
    if "HTTP_REQUEST" in words:
        return " (this looks like plain HTTP: the client must say https)"
    if "WRONG_VERSION_NUMBER" in words or "UNKNOWN_PROTOCOL" in words:
        return " (this looks like plain text: the client does not speak TLS)"
    if "ALERT_UNKNOWN_CA" in words or "CERTIFICATE_UNKNOWN" in words or "BAD_CERTIFICATE" in words:
        return " (the client does not trust our certificate: give it the file that `sockwright config ca` prints)"
    return ""
