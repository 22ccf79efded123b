"""Assembles a running bench: services on endpoints, one journal, one loop. The only module that knows all rooms."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from sockwright import protocols, services
from sockwright.binding import Service
from sockwright.endpoint import LOOPBACK, Endpoint, Peer, parse
from sockwright.errors import ConfigError
from sockwright.hosts.programs import Bounds, Programs
from sockwright.journal.journal import Journal
from sockwright.journal.records import Tape
from sockwright.protocols.routes import Route
from sockwright.stores import Store
from sockwright.stores.memory import MemoryStore
from sockwright.transport import tls
from sockwright.transport.breaking import Breaking
from sockwright.transport.datagrams import DatagramServer
from sockwright.transport.dial import client_context
from sockwright.transport.doors import StreamServer
from sockwright.transport.driver import Staff
from sockwright.transport.limits import RESERVED_DESCRIPTORS, Limits, most_connections, raise_descriptor_limit
from sockwright.transport.loop import LoopThread, come_first, spare_the_collector
from sockwright.transport.tap import TapServer
from sockwright.transport.tap_datagrams import DatagramTap

T = TypeVar("T")

# How long what nobody watches may go on after SIGTERM (seconds): a page that looks on has nothing to finish.
UNWATCHED_GRACE = 0.2

# How far away the next free port is looked for when one is taken, and how often.
NEXT_PORT = 100
TRIES = 10


@dataclass(frozen=True, slots=True)
class Posting:
    """Services at one endpoint, as they were asked for; the first is the one spoken where there are no names.

    `extra` and `limits` go to the protocol; `label` is the name in the journal and on the screen, the first
    service's where it is empty.
    """

    endpoint: Endpoint
    services: Sequence[str]
    frame: str | None = None
    limits: Mapping[str, object] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""
    target: Endpoint | None = None  # a tap's: where what comes is relayed to
    tape: Tape | None = None  # told of every record of a tap, with all its bytes
    # What is said to a service beside its name: {"files:DIR": {"spa": True}}.
    settings: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    # Neither recorded nor broken by faults: what shows and mends a bench must not stand in its own way.
    unwatched: bool = False

    @property
    def name(self) -> str:
        return self.label or (self.services[0] if self.services else "tap")


@dataclass(frozen=True, slots=True)
class Listening:
    """One posting, as it came to be: `endpoint` has the real address, `moved_from` the port that was taken."""

    posting: Posting
    endpoint: Endpoint
    server: StreamServer | DatagramServer | DatagramTap
    moved_from: int = 0

    @property
    def name(self) -> str:
        return self.posting.name


class _Unrecorded:
    """The journal of what is not recorded."""

    def append(self, record: object, /) -> None:
        """Forget it."""

    def begin(self, now: float, opened: object) -> int:
        """There are no numbers for it."""
        return 0


class PortTaken(Exception):
    """Somebody else listens where we should. `port` and `scheme` say where."""

    def __init__(self, endpoint: Endpoint, trouble: OSError) -> None:
        super().__init__(f"{endpoint}: {trouble.strerror}")
        self.endpoint = endpoint
        self.trouble = trouble


class Workbench:
    """Services on endpoints, running. Made by `open_bench`; used from the loop's thread."""

    def __init__(
        self,
        journal: Journal,
        limits: Limits,
        staff: Staff,
        trouble: Callable[[str], None],
        store: Store | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self.journal = journal
        self.limits = limits
        self.listening: list[Listening] = []
        self.breaking = Breaking(journal.run.seed)
        self._staff = staff
        self._trouble = trouble
        self._stopping = asyncio.Event()
        self.context = services.Context(
            now=time.time, sleep=self._sleep, store=store or MemoryStore(), extra=dict(extra or {})
        )
        self._offered: dict[str, Sequence[Service]] = {}
        bounds = Bounds(threads=limits.workers, streams=limits.session_threads, answer=limits.answer)
        self.programs = Programs(bounds)
        self._most = most_connections(limits.connections, raise_descriptor_limit())
        self._own_ports: set[int] = set()

    def offered(self, name: str, settings: Mapping[str, object] | None = None) -> Sequence[Service]:
        """Return what the service `name` offers; made once, so that all endpoints share its state.

        Raises: ConfigError where there is no such service.
        """
        key = f"{name} {sorted(settings.items())}" if settings else name
        if key not in self._offered:
            context = replace(self.context, settings=settings) if settings else self.context
            self._offered[key] = services.offered(name, context)
        return self._offered[key]

    async def prepare(self, posting: Posting) -> None:
        """Let programs of others start up, where there are such among the posting's services.

        Raises: ConfigError where one cannot be loaded or says that it cannot start.
        """
        for name in self._hosted(posting):
            await self.programs.start(name)

    def _hosted(self, posting: Posting) -> list[str]:
        """Return the names of the posting's WSGI and ASGI applications. Raises: ConfigError."""
        hosted = [name for name in posting.services if services.is_users(name) and self.programs.find(name)]
        endpoint = posting.endpoint
        if hosted and endpoint.protocol != "http":
            words = f"{hosted[0]} is an application for the web, and {endpoint.scheme} is not HTTP"
            raise ConfigError(words, cure=f"write http://{endpoint.authority}")
        return hosted

    def _routes_of(self, posting: Posting, hosted: Sequence[str]) -> list[Route]:
        """Return the routes that the posting asks for, those of its applications included."""
        routes = list(posting.extra.get("routes", ()))
        prefix = posting.endpoint.path.partition("?")[0].rstrip("/")
        body = posting.limits.get("body")
        for name in hosted:
            routes += self.programs.routes(name, prefix, body if isinstance(body, int) else None)
        return routes

    def listen(self, posting: Posting, *, lan: bool = False, move: bool = False) -> Listening:
        """Listen at the posting's endpoint; with `move`, at the next free port where that one is taken.

        Raises: PortTaken; ConfigError where service, endpoint and protocol do not go together.
        """
        endpoint = posting.endpoint
        hosted = self._hosted(posting)
        named = [name for name in posting.services if name not in hosted]
        offered = [service for name in named for service in self.offered(name, posting.settings.get(name))]
        frame = posting.frame or endpoint.options.get("frame")
        opening: Any = None
        if posting.target is None:
            # Under which names a browser may call us: who is let in by --lan knows this machine by these.
            names = (*own_names(), *lan_addresses()) if lan else ()
            extra = {"secure": endpoint.tls, "names": names, **_mail_terms(endpoint), **posting.extra}
            if hosted:
                extra["routes"] = self._routes_of(posting, hosted)
            opening = protocols.open_with(endpoint.protocol, protocols.Terms(offered, frame, posting.limits, extra))
        hosts = listening_hosts(endpoint.host, lan)
        port = endpoint.port
        for attempt in range(TRIES):
            server = self._server(endpoint, posting, opening)
            try:
                real = server.listen(hosts, port)
            except OSError as trouble:
                if not move or port == 0 or attempt == TRIES - 1:
                    raise PortTaken(endpoint.at(endpoint.host, port), trouble) from None
                port += NEXT_PORT
                continue
            at = endpoint.at(hosts[0] if lan else endpoint.host, real)
            server.endpoint = at
            moved = endpoint.port if endpoint.port and real != endpoint.port else 0
            listening = Listening(posting, at, server, moved)
            self.listening.append(listening)
            if not posting.unwatched:
                self.breaking.add(posting.name, server)
            return listening
        raise AssertionError("unreachable")

    def _server(
        self, endpoint: Endpoint, posting: Posting, opening: Any
    ) -> StreamServer | DatagramServer | DatagramTap:
        name = posting.name
        if endpoint.protocol in protocols.DATAGRAM:
            if endpoint.tls:
                raise ConfigError("UDP with TLS (DTLS) is not spoken here", cure=f"write udp://{endpoint.authority}")
            if posting.target is not None:
                return self._datagram_tap(endpoint, posting, posting.target)
            return DatagramServer(
                endpoint,
                name,
                opening,
                staff=self._staff,
                journal=self.journal,
                limits=self.limits,
                own_ports=self._own_ports,
                trouble=self._trouble,
            )
        files = (endpoint.options.get("cert"), endpoint.options.get("key"))
        context = tls.server_context(*files, own_names()) if endpoint.tls else None
        if posting.target is not None:
            if posting.target.protocol in protocols.DATAGRAM:
                raise ConfigError(
                    f"{endpoint} and {posting.target} do not go together", cure="relay to a stream, or listen at udp://"
                )
            return TapServer(
                endpoint,
                name,
                posting.target,
                tape=posting.tape,
                target_tls=client_context(posting.target) if posting.target.tls else None,
                staff=self._staff,
                journal=self.journal,
                limits=self.limits,
                most=self._most // 2,  # each takes two descriptors
                tls=context,
                trouble=self._trouble,
            )
        return StreamServer(
            endpoint,
            name,
            opening,
            staff=self._staff,
            journal=_Unrecorded() if posting.unwatched else self.journal,
            limits=self.limits,
            most=self._most,
            tls=context,
            starttls=lambda: tls.server_context(*files, own_names()),
            trouble=self._trouble,
        )

    def _datagram_tap(self, endpoint: Endpoint, posting: Posting, target: Endpoint) -> DatagramTap:
        if target.protocol != "udp" or target.tls:
            raise ConfigError(
                f"{endpoint} and {target} do not go together", cure=f"relay to udp://{target.authority}, datagrams both"
            )
        return DatagramTap(
            endpoint,
            posting.name,
            target,
            journal=self.journal,
            limits=self.limits,
            tape=posting.tape,
            trouble=self._trouble,
        )

    async def _sleep(self, seconds: float) -> None:
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)

    async def stop(self, grace: float) -> None:
        """Close every door, let conversations end within `grace` seconds, then end them."""
        self.breaking.close()
        self._stopping.set()
        for listening in self.listening:
            listening.server.close_door()
        await asyncio.gather(
            *(
                one.server.stop(min(grace, UNWATCHED_GRACE) if one.posting.unwatched else grace)
                for one in self.listening
            )
        )
        self.listening = []
        await self.programs.stop()


@contextlib.asynccontextmanager
async def open_bench(
    journal: Journal,
    limits: Limits | None = None,
    *,
    trouble: Callable[[str], None] = lambda text: None,
    store: Store | None = None,
    extra: Mapping[str, Any] | None = None,
    grace: float | None = None,
) -> AsyncIterator[Workbench]:
    """Hold a bench: yields a `Workbench`, and drains it at the end."""
    limits = limits or Limits()
    # Kept open for nothing, so that there is always room for a file when sockets have taken all descriptors.
    reserve = [os.open(os.devnull, os.O_RDONLY) for _ in range(RESERVED_DESCRIPTORS)]
    try:
        async with asyncio.TaskGroup() as tasks:
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda _, about: _tell_bug(trouble, about.get("exception"), about["message"]))
            staff = Staff(limits, tasks, lambda wrong: _tell_bug(trouble, wrong, str(wrong)))
            bench = Workbench(journal, limits, staff, trouble, store, extra)
            for descriptor in reserve:
                os.close(descriptor)
            reserve = []
            try:
                spare_the_collector()
                come_first()
                yield bench
            finally:
                await bench.stop(limits.grace if grace is None else grace)
                staff.close()
    finally:
        for descriptor in reserve:
            os.close(descriptor)


def _tell_bug(trouble: Callable[[str], None], wrong: BaseException | None, message: str) -> None:
    """Say that something of ours failed; the bench goes on. SOCKWRIGHT_DEBUG=1 shows where."""
    words = f"{type(wrong).__name__}: {wrong}" if wrong is not None else message
    if wrong is not None and os.environ.get("SOCKWRIGHT_DEBUG"):
        words += "\n" + "".join(traceback.format_exception(wrong))
    trouble(f"a mistake in sockwright itself, on one connection: {words} (SOCKWRIGHT_DEBUG=1 shows where)")


class BenchThread:
    """A bench in a thread of its own, for tests and for plain code: a context manager.

    with BenchThread() as bench:
        host, port = bench.serve("tcp://:0", "echo")
    """

    def __init__(
        self,
        journal: Journal | None = None,
        limits: Limits | None = None,
        grace: float = 1.0,
        store: Store | None = None,
        **extra: Any,
    ) -> None:
        self._store = store
        self._extra = extra
        self.journal = journal or Journal(None)
        self.troubles: list[str] = []
        self._limits = limits or Limits()
        self._grace = grace
        self._loop = LoopThread()
        self._bench: Workbench | None = None
        self._done: Future[None] | None = None
        self._stop: asyncio.Event | None = None

    def __enter__(self) -> BenchThread:
        ready: Future[None] = Future()
        self._done = self._loop.start(self._hold(ready))
        wait([ready, self._done], return_when="FIRST_COMPLETED")
        if self._done.done():
            self._done.result()
        return self

    async def _hold(self, ready: Future[None]) -> None:
        self._stop = asyncio.Event()
        async with open_bench(
            self.journal,
            self._limits,
            trouble=self.troubles.append,
            store=self._store,
            grace=self._grace,
            extra=self._extra,
        ) as bench:
            self._bench = bench
            ready.set_result(None)
            await self._stop.wait()

    def listen(self, posting: Posting, **options: Any) -> Listening:
        """See `Workbench.listen`."""

        async def listen() -> Listening:
            assert self._bench is not None
            await self._bench.prepare(posting)
            return self._bench.listen(posting, **options)

        return self._loop.call(listen())

    def serve(self, endpoint: str, *names: str, frame: str | None = None, **extra: Any) -> Peer:
        """Serve the services `names` at `endpoint`; return the address to dial."""
        listening = self.listen(Posting(parse(endpoint), names, frame, extra=extra))
        return listening.server.addresses[0]

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` in the bench's loop."""
        return self._loop.call(work)

    @property
    def workbench(self) -> Workbench:
        assert self._bench is not None
        return self._bench

    def __exit__(self, *exc: object) -> None:
        async def stop() -> None:
            assert self._stop is not None
            self._stop.set()

        assert self._done is not None
        try:
            self._loop.call(stop())
            self._done.result()
        finally:
            self._loop.close()
            self.journal.close()


def _mail_terms(endpoint: Endpoint) -> Mapping[str, Any]:
    """Return what SMTP must know beside its services: whether TLS may begin later, and who may log in."""
    if endpoint.protocol != "smtp":
        return {}
    offered = "if-offered" if endpoint.options.get("cert") or tls.can_make() else "no"
    users = {"users": {endpoint.user: endpoint.password}} if endpoint.user else {}
    return {"starttls": endpoint.options.get("starttls", offered), **users}


async def until_told_to_stop(stopped: asyncio.Event | None = None) -> int:
    """Wait for SIGINT or SIGTERM; return its number. The second one ends the process at once."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[int] = loop.create_future()

    def hear(number: int) -> None:
        if told.done():
            os._exit(128 + number)
        told.set_result(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, hear, number)
        except (NotImplementedError, RuntimeError, ValueError):  # Windows, or not the main thread
            signal.signal(number, lambda which, _: loop.call_soon_threadsafe(hear, which))
    return await told


def listening_hosts(host: str, lan: bool) -> list[str]:
    """Return the addresses to bind for `host`: the loopback is both IPv4 and IPv6, since `localhost` is both."""
    if lan and host in (LOOPBACK, "localhost"):
        return ["0.0.0.0", "::"]
    if host in (LOOPBACK, "localhost"):
        return [LOOPBACK, "::1"]
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except socket.gaierror as unknown:
        raise ConfigError(f"{host!r} is no address of this machine: {unknown.strerror}") from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def own_names() -> list[str]:
    """Return the names a certificate of ours should hold beside the loopback's."""
    return [name for name in {socket.gethostname()} if name]


def lan_addresses() -> list[str]:
    """Return the addresses under which others may reach this machine. Nothing is sent."""
    found: list[str] = []
    for family, far in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, 9))  # UDP: only chooses a route
            found.append(probe.getsockname()[0])
    return found
