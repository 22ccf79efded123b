"""People: ten thousand are connected and stay, while two hundred a second come and go.

The load is a loop of our own in Python, since it is paced and not the limit: a few thousand system calls a second. The
table proves it: how much of its core the load used, and how late it was itself with whom it sent.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections import deque

from bench import ours
from bench.figures import Bound, Figures
from bench.machine import Server, Stage, memory_bytes, raise_file_limit
from bench.race import Contender, Load, LoadError, Race, WrongBytes

OURS = "sockwright people"
CROWD = 10_000  # who stay
FOLLOWING = 100  # who are told of all that, in the second load
RATE = 200  # who come in a second; as many go
SECONDS = 10.0
PATIENCE = 10.0  # seconds that an answer may take at all


class Guests:
    """Connections that said who they are, and how long each waited for its answer."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.there: deque[socket.socket] = deque()
        self.waits: list[float] = []
        self.wrong = 0
        self._asking: dict[socket.socket, float] = {}
        self._following: list[socket.socket] = []
        self.told = 0  # bytes of events
        self._selector = selectors.DefaultSelector()
        self._number = 0

    def come(self) -> None:
        """Dial, and say who one is."""
        self._number += 1
        began = time.perf_counter()
        sock = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        sock.sendall(b'{"name": "guest %d", "age": %d}' % (self._number, self._number % 100))
        sock.setblocking(False)
        self._selector.register(sock, selectors.EVENT_READ)
        self._asking[sock] = began

    def follow(self) -> None:
        """Dial, and hear from now on who comes and goes."""
        sock = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        sock.sendall(b"follow\n")
        sock.setblocking(False)
        self._selector.register(sock, selectors.EVENT_READ)
        self._following.append(sock)

    def listen(self, wait: float) -> None:
        """Take the answers that come within `wait` seconds."""
        for key, _ in self._selector.select(wait):
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            if sock not in self._asking:
                self.told += len(sock.recv(1 << 20))
                continue
            said = sock.recv(1000)
            self.waits.append(time.perf_counter() - self._asking.pop(sock))
            self.wrong += not said.startswith(b'{"id":')
            self._selector.unregister(sock)
            self.there.append(sock)

    @property
    def waiting(self) -> int:
        return len(self._asking)

    def close(self) -> None:
        for sock in (*self.there, *self._asking, *self._following):
            sock.close()
        self._selector.close()


def crowd(server: Server, count: int, following: int, seconds: float) -> dict[str, float]:
    """Let `count` people stay, then others come and go while `following` are told; return what it costs and how long
    each waits.

    Raises: LoadError.
    """
    guests = Guests(server.port)
    try:
        guests.come()
        give_up = time.monotonic() + PATIENCE
        while guests.waiting and time.monotonic() < give_up:
            guests.listen(0.1)
        before = memory_bytes(server.pid)
        for _ in range(count - 1):
            guests.come()
            while guests.waiting > 64:
                guests.listen(1.0)
        while guests.waiting and time.monotonic() < give_up + 60:
            guests.listen(1.0)
        after = memory_bytes(server.pid)
        if len(guests.there) < count or before is None or after is None:
            raise LoadError(f"{len(guests.there)} of {count} got an answer: {server.words()}")
        guests.waits.clear()
        for _ in range(following):
            guests.follow()
        late = 0.0
        busy = time.process_time()
        begin = time.perf_counter()
        for turn in range(int(seconds * RATE)):
            while (left := begin + turn / RATE - time.perf_counter()) > 0:
                guests.listen(left)
            late = max(late, -left)
            guests.come()
            guests.there.popleft().close()
            guests.listen(0)
        end = time.perf_counter()
        busy = time.process_time() - busy
        while guests.waiting and time.perf_counter() < end + PATIENCE:
            guests.listen(0.1)
        if guests.wrong or guests.waiting:
            raise WrongBytes(f"{guests.wrong} wrong answers, {guests.waiting} without one")
        if following and guests.told < following * seconds * RATE * 50:
            raise WrongBytes(f"{following} who follow were told {guests.told} bytes in all, which is too little")
        waits = sorted(guests.waits)
        return {
            "each_kib": (after - before) / (count - 1) / 1024,
            "p50_ms": waits[len(waits) // 2] * 1e3,
            "p99_ms": waits[int(len(waits) * 0.99)] * 1e3,
            "max_ms": waits[-1] * 1e3,
            "rate": len(waits) / (end - begin),
            "busy": busy / (end - begin),
            "late_ms": late * 1e3,
        }
    finally:
        guests.close()


def load(following: int) -> Load:
    """Return the load where so many follow."""

    def measure(contender: Contender, stage: Stage) -> Figures:
        """Measure once, with a server of its own."""
        count = min(CROWD, raise_file_limit() - 500)
        server = contender.start(stage)
        try:
            return crowd(server, count, following, SECONDS)
        finally:
            server.stop()

    return Load(f"{CROWD:,} people, {following or 'none'} of them told", measure)


PEOPLE = Race(
    "people",
    f"{CROWD:,} people are connected, {RATE} a second come and go",
    (ours.serve(OURS, "tcp", "people", "-q", "--max-connections", "20000"),),
    (load(0), load(FOLLOWING)),
    (Bound(OURS, 50.0, "p99_ms", "ms"), Bound(OURS, 12.0, "each_kib", "KiB")),
    OURS,
    figure="p99_ms",
    more_is_better=False,
    columns=(
        ("each_kib", "KiB each"),
        ("p50_ms", "p50 ms"),
        ("p99_ms", "p99 ms"),
        ("max_ms", "longest ms"),
        ("rate", "joins/s"),
        ("busy", "load busy"),
        ("late_ms", "load late ms"),
    ),
    rounds=1,
)
