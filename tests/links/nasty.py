"""A server for tests that speaks bytes, not HTTP: each path is a function that does to the connection as it likes."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass
class Request:
    """What one request said."""

    method: str
    target: str
    fields: dict[str, str]
    at: float

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


class Peer:
    """One connection of a client, for the functions behind the paths."""

    def __init__(self, connection: socket.socket, server: Nasty) -> None:
        self.connection = connection
        self.server = server
        self.open = True

    def send(self, data: bytes | str) -> None:
        self.connection.sendall(data.encode() if isinstance(data, str) else data)

    def reply(self, status: str | int = 200, body: bytes | str = b"", kind: str = "text/html", **fields: str) -> None:
        """Send a whole, well-formed response."""
        content = body.encode() if isinstance(body, str) else body
        line = f"{status} X" if isinstance(status, int) else status
        named = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
        self.send(
            f"HTTP/1.1 {line}\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n{named}\r\n".encode()
            + content
        )

    def redirect(self, location: str, status: int = 302, **fields: str) -> None:
        self.reply(f"{status} Go", b"", Location=location, **fields)

    def reset(self) -> None:
        """End with RST."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        self.open = False
        self.connection.close()

    def wait(self, seconds: float = 30.0) -> bool:
        """Stay silent until the client goes, the server stops, or `seconds` are over; tell whether to go on."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.server.stopping.is_set():
            ready, _, _ = select.select([self.connection], [], [], min(0.05, max(0.0, end - time.monotonic())))
            if ready:
                try:
                    if not self.connection.recv(65536):
                        return False
                except OSError:
                    return False
        return not self.server.stopping.is_set()


Behaviour = Callable[[Peer, Request], None]


@dataclass
class Nasty:
    """Listens on a port of its own; `paths` say what it does, `seen` what it was asked."""

    paths: dict[str, Behaviour] = field(default_factory=dict)
    fallback: Behaviour | None = None
    tls: ssl.SSLContext | None = None
    address: str = "127.0.0.1"
    seen: list[Request] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    def __post_init__(self) -> None:
        self.stopping = threading.Event()
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((self.address, 0))
        self._listener.listen(512)
        self._listener.settimeout(0.05)
        self.port = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"http{'s' if self.tls else ''}://{host}:{self.port}"

    def count(self, path: str) -> int:
        """How often `path` was asked."""
        return sum(1 for request in self.seen if request.path == path)

    def page(self, path: str, body: str, **fields: str) -> None:
        """Serve an HTML page at `path`."""
        self.paths[path] = lambda peer, _: peer.reply(200, body, **fields)

    def on(self, path: str) -> Callable[[Behaviour], Behaviour]:
        """Make the function below what happens at `path`."""

        def keep(behaviour: Behaviour) -> Behaviour:
            self.paths[path] = behaviour
            return behaviour

        return keep

    @contextlib.contextmanager
    def running(self) -> Iterator[Nasty]:
        self._start(self._accept)
        try:
            yield self
        finally:
            self.stopping.set()
            self._listener.close()
            for thread in self._threads:
                thread.join(5)

    def _start(self, target: Callable[..., None], *given: object) -> None:
        thread = threading.Thread(target=target, args=given, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            self.connections += 1
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        with contextlib.suppress(OSError, ValueError):
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
            peer = Peer(connection, self)
            while peer.open and not self.stopping.is_set():
                request = self._read(connection)
                if request is None:
                    break
                self.seen.append(request)
                behaviour = self.paths.get(request.path) or self.fallback or _missing
                behaviour(peer, request)
        connection.close()

    def _read(self, connection: socket.socket) -> Request | None:
        head = b""
        while b"\r\n\r\n" not in head:
            ready, _, _ = select.select([connection], [], [], 0.05)
            if not ready and not (self.tls is not None and connection.pending()):  # type: ignore[attr-defined]
                if self.stopping.is_set():
                    return None
                continue
            data = connection.recv(65536)
            if not data:
                return None
            head += data
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:]) if name}
        return Request(method, target, fields, time.monotonic())


def _missing(peer: Peer, _request: Request) -> None:
    peer.reply("404 Not Found", b"no such page")
