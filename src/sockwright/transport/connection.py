"""One connection as its caller holds it: reads with their times, half-close, reset, TLS.

Plain blocking calls over a non-blocking socket, no event loop: a caller waits for one peer, and asyncio has no
half-close under TLS. While one thing is waited for the others go on: what is to be sent goes out during `read`, and
what comes in during `send` is kept, so two sides that both talk never wait for each other. One thread holds a
connection; `wake` alone may be called from others.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import struct
import time
from collections import deque
from typing import NamedTuple

from sockwright import config
from sockwright.endpoint import Peer
from sockwright.errors import PeerError

READ = 64 * 1024  # bytes asked for at once
INBOX = 16 * 1024 * 1024  # bytes kept while we send; above it the peer must wait
FIRST = 64  # bytes kept of what came first, to tell what the peer speaks
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: close() sends RST


class Arrival(NamedTuple):
    """What one read returned, and when (seconds since the epoch, never running backwards). b"": the end."""

    time: float
    data: bytes


class Bell:
    """Wakes a selector from another thread."""

    def __init__(self) -> None:
        self._rope, self.heard = socket.socketpair()
        self._rope.setblocking(False)
        self.heard.setblocking(False)

    def ring(self) -> None:
        with contextlib.suppress(OSError):  # full: it rings already; closed: nobody waits
            self._rope.send(b"!")

    def hush(self) -> None:
        self.heard.recv(READ)

    def close(self) -> None:
        self._rope.close()
        self.heard.close()


class Connection:
    """A TCP connection, as `dial` returns it.

    `ended` says how the peer ended it: "" not yet, "fin", "rst", "error", or "cut" for an end under TLS that was not
    announced, behind which an attacker may hide. `first` is what came first over the wire, before TLS made sense of
    it. `lost` is the error that sending ended with: what was still to be sent is gone.
    """

    def __init__(self, sock: socket.socket, context: ssl.SSLContext | None = None, name: str = "") -> None:
        sock.setblocking(False)
        self.peer = Peer(*sock.getpeername()[:2])
        self.local = Peer(*sock.getsockname()[:2])
        self.ended = ""
        self.first = b""
        self.lost: OSError | None = None
        self.received = 0  # bytes for the caller, not the wire's
        self.sent = 0
        self._sock = sock
        self._base = time.time() - time.monotonic()
        self._out = bytearray()
        self._inbox: deque[Arrival] = deque()
        self._kept = 0  # bytes in the inbox
        self._trouble: OSError | None = None
        self._finishing = self._finished = False
        self._tls: ssl.SSLObject | None = None
        self._bell = Bell()
        self._selector = selectors.DefaultSelector()
        self._selector.register(sock, selectors.EVENT_READ)
        self._selector.register(self._bell.heard, selectors.EVENT_READ)
        self._watched = selectors.EVENT_READ
        if context is not None:
            self._in_bio, self._out_bio = ssl.MemoryBIO(), ssl.MemoryBIO()
            self._tls = context.wrap_bio(self._in_bio, self._out_bio, server_hostname=name)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def tls(self) -> str:
        """The TLS version, "" without."""
        return (self._tls.version() or "") if self._tls is not None else ""

    @property
    def certificate(self) -> dict[str, object]:
        """The peer's certificate as `ssl` reads it; empty without TLS or unverified."""
        return dict(self._tls.getpeercert() or {}) if self._tls is not None else {}

    @property
    def unsent(self) -> int:
        """Bytes that still wait here."""
        return len(self._out)

    def now(self) -> float:
        """Return the time on this connection's clock, which arrivals carry too."""
        return self._base + time.monotonic()

    # -- TLS comes first

    def start_tls(self, context: ssl.SSLContext, name: str, wait: float) -> None:
        """Begin TLS on a connection that was in clear (STARTTLS).

        Raises: PeerError where something in clear waits to be read: nobody may believe it came under TLS. Else as
        `shake_hands`.
        """
        if self._inbox or self._tls is not None:
            raise PeerError("something came in clear behind the consent to TLS", section="RFC 3207, 4.2")
        self._in_bio, self._out_bio = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in_bio, self._out_bio, server_hostname=name)
        self.shake_hands(wait)

    def shake_hands(self, wait: float) -> None:
        """Bring TLS up; nothing to do without.

        Raises: ssl.SSLError, TimeoutError, ConnectionError.
        """
        tls = self._tls
        if tls is None:
            return
        deadline = time.monotonic() + wait
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                self._out += self._out_bio.read()
            except ssl.SSLError:
                self._out += self._out_bio.read()  # the alert that tells the peer
                self.flush()
                raise
            else:
                self._out += self._out_bio.read()
                return
            self.flush()
            self._watch()
            left = deadline - time.monotonic()
            if left <= 0 or not self._selector.select(left):
                raise TimeoutError(f"no TLS handshake from {self.peer} within {config.duration_text(wait)}")
            self.flush()
            try:
                data = self._sock.recv(READ)
            except BlockingIOError:
                continue
            if not data:
                self.ended = "fin"
                raise ConnectionResetError(f"{self.peer} hung up during the TLS handshake")
            self._note_first(data)
            self._in_bio.write(data)

    # -- to the peer

    def post(self, data: bytes) -> None:
        """Put `data` behind what is to be sent; it goes out during the next `read` or `send`.

        Raises: ValueError after `half_close`.
        """
        if self._finishing:
            raise ValueError("nothing can be sent after a half-close")
        if not data or self.lost is not None:
            return
        self.sent += len(data)
        if self._tls is not None:
            while data:
                data = data[self._tls.write(data) :]
            self._out += self._out_bio.read()
        else:
            self._out += data

    def send(self, data: bytes, wait: float | None = None) -> None:
        """Send `data`, and return when the system has taken all of it.

        Raises: TimeoutError when the peer takes nothing for `wait` seconds, ConnectionError when it is gone.
        """
        self.post(data)
        self.flush()
        stalled = time.monotonic()
        while self._out:
            before = len(self._out)
            self._turn(None if wait is None else max(stalled + wait - time.monotonic(), 0.0))
            if len(self._out) < before:
                stalled = time.monotonic()
            elif wait is not None and time.monotonic() - stalled >= wait:
                raise TimeoutError(f"{self.peer} took nothing for {config.duration_text(wait)}")
        if self.lost is not None:
            raise ConnectionResetError(f"{self.peer} takes nothing any more: {self.lost.strerror}")

    def half_close(self) -> None:
        """Say that nothing more will come (FIN; under TLS close_notify), after what is to be sent. Reading goes on."""
        self._finishing = True
        self.flush()

    # -- from the peer

    def read(self, wait: float | None = None) -> Arrival | None:
        """Return what comes next, with b"" after the end; None when nothing came for `wait` seconds, or on `wake`.

        Raises: ConnectionResetError when the peer broke off, OSError when the network did; what came before that is
        returned first.
        """
        deadline = None if wait is None else time.monotonic() + wait
        while not self._inbox:
            if self._trouble is not None:
                raise self._trouble
            if self.ended:
                return Arrival(self.now(), b"")
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                left = 0.0
            if not self._turn(left) and not self._inbox:
                return None
        arrival = self._inbox.popleft()
        self._kept -= len(arrival.data)
        return arrival

    def wake(self) -> None:
        """Let a waiting `read` return None now. For other threads."""
        self._bell.ring()

    def reset(self) -> None:
        """Break off (RST), and throw away what is unsent."""
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._tls = None
        self.close()

    def close(self) -> None:
        """Hang up."""
        if self._tls is not None and not self._finished and not self.ended:
            self._finishing = True
            with contextlib.suppress(OSError):
                self.flush()
        self._selector.close()
        self._bell.close()
        self._sock.close()

    # -- one turn

    def _watch(self) -> None:
        wanted = 0
        if not self.ended and self._trouble is None and self._kept < INBOX:
            wanted |= selectors.EVENT_READ
        if self._out and self.lost is None:
            wanted |= selectors.EVENT_WRITE
        if wanted != self._watched:
            if not self._watched:
                self._selector.register(self._sock, wanted)
            elif not wanted:
                self._selector.unregister(self._sock)
            else:
                self._selector.modify(self._sock, wanted)
            self._watched = wanted

    def _turn(self, timeout: float | None) -> bool:
        """Wait until something can be done and do it; return False on a time-out or a `wake`."""
        self._watch()
        events = self._selector.select(timeout)
        woken = False
        for key, mask in events:
            if key.fileobj is self._bell.heard:
                self._bell.hush()
                woken = True
                continue
            if mask & selectors.EVENT_WRITE:
                self.flush()
            if mask & selectors.EVENT_READ:
                self._receive()
        return bool(events) and not woken

    def flush(self) -> None:
        """Let go what the system takes now."""
        try:
            while self._out:
                del self._out[: self._sock.send(self._out)]
            if self._finishing and not self._finished:
                self._finish()
        except BlockingIOError:
            pass
        except OSError as gone:
            # The peer may have said something before it went: that is still there to be read.
            self.lost = gone
            self._out.clear()

    def _finish(self) -> None:
        self._finished = True
        if self._tls is None:
            self._sock.shutdown(socket.SHUT_WR)
            return
        with contextlib.suppress(ssl.SSLError):  # "want read" is how it says that the peer has not answered yet
            self._tls.unwrap()
        self._out += self._out_bio.read()
        while self._out:
            del self._out[: self._sock.send(self._out)]

    def _receive(self) -> None:
        try:
            data = self._sock.recv(READ)
        except BlockingIOError:
            return
        except OSError as trouble:
            self._broken(trouble)
            return
        self._note_first(data)
        if self._tls is not None:
            self._decrypt(data)
        elif data:
            self._keep(data)
        else:
            self.ended = "fin"

    def _decrypt(self, data: bytes) -> None:
        tls = self._tls
        assert tls is not None
        if data:
            self._in_bio.write(data)
        else:
            self._in_bio.write_eof()
        try:
            while True:
                plain = tls.read(READ)
                if not plain:
                    self.ended = "fin"
                    return
                self._keep(plain)
        except ssl.SSLWantReadError:
            self._out += self._out_bio.read()  # TLS has things of its own to say now and then
        except ssl.SSLZeroReturnError:
            self.ended = "fin"
        except ssl.SSLError as wrong:
            if not data:
                self.ended = "cut"
            else:
                self._broken(ConnectionAbortedError(f"{self.peer} ended TLS: {wrong.reason or wrong}"))

    def _keep(self, data: bytes) -> None:
        self.received += len(data)
        self._kept += len(data)
        self._inbox.append(Arrival(self.now(), data))

    def _note_first(self, data: bytes) -> None:
        if len(self.first) < FIRST:
            self.first = (self.first + data)[:FIRST]

    def _broken(self, trouble: OSError) -> None:
        if isinstance(trouble, ConnectionResetError):
            self.ended = "rst"
            came = f"after {self.received} bytes" if self.received else "before it said anything"
            trouble = ConnectionResetError(trouble.errno, f"{self.peer} reset the connection {came}")
        else:
            self.ended = "error"
        self._trouble = self.lost = trouble
        self._out.clear()
