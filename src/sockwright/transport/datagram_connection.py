"""A UDP socket tied to one peer, as its caller holds it: blocking calls with deadlines, datagrams with their times."""

from __future__ import annotations

import errno
import selectors
import socket
import time

from sockwright.endpoint import Peer
from sockwright.transport.connection import Arrival, Bell


class DatagramConnection:
    """A UDP socket tied to one peer: the system hands over nobody else's datagrams."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.peer = Peer(*sock.getpeername()[:2])
        self.local = Peer(*sock.getsockname()[:2])
        self._sock = sock
        self._base = time.time() - time.monotonic()
        self._bell = Bell()
        self._selector = selectors.DefaultSelector()
        self._selector.register(sock, selectors.EVENT_READ)
        self._selector.register(self._bell.heard, selectors.EVENT_READ)

    def __enter__(self) -> DatagramConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def now(self) -> float:
        """Return the time on this connection's clock, which arrivals carry too."""
        return self._base + time.monotonic()

    def send(self, data: bytes) -> None:
        """Send one datagram, which may be empty.

        Raises: ValueError above what a datagram holds, ConnectionRefusedError when an earlier one was refused.
        """
        try:
            self._sock.send(data)
        except OSError as wrong:
            raise self._told(wrong, len(data)) from None

    def read(self, wait: float | None = None) -> Arrival | None:
        """Return the next datagram (b"" is an empty one), None when none came for `wait` seconds, or on `wake`.

        Raises: ConnectionRefusedError when the peer's machine says that nobody has this port.
        """
        for key, _ in self._selector.select(wait):
            if key.fileobj is self._bell.heard:
                self._bell.hush()
                continue
            try:
                data = self._sock.recv(65_536)
            except BlockingIOError:  # a datagram whose checksum was wrong
                continue
            except OSError as wrong:
                raise self._told(wrong) from None
            return Arrival(self.now(), data)
        return None

    def wake(self) -> None:
        """Let a waiting `read` return None now. For other threads."""
        self._bell.ring()

    def close(self) -> None:
        self._selector.close()
        self._bell.close()
        self._sock.close()

    def _told(self, wrong: OSError, size: int = 0) -> Exception:
        if wrong.errno == errno.EMSGSIZE:
            return ValueError(f"a datagram holds at most 65507 bytes, and these are {size}")
        if isinstance(wrong, ConnectionRefusedError):
            return ConnectionRefusedError(wrong.errno, f"nobody has UDP port {self.peer.port} at {self.peer.host}")
        return OSError(wrong.errno, f"cannot send to {self.peer}: {wrong.strerror}")
