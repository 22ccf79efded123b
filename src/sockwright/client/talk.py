"""Talking over a connection: what is to be said goes out piece by piece, what comes is handed on at once.

When a talk is over:

    with a framing      as many frames came as were sent (one at least)                "done"
    without             the peer said all it had; we half-close when we have            "fin", "cut"
    always              nobody said anything for `wait` seconds                         "idle"
                        `timeout` seconds are over                                      "time-out"

TLS peers mostly take the end of our side for the end of the whole, and drop the answer they owe. So under TLS the
half-close waits until the answer came and has been over for a moment.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol

from sockwright.transport.connection import Arrival, Connection
from sockwright.wire.framing import Framing

WAIT = 5.0  # seconds of silence that end a talk
QUIET = 0.3  # seconds after an answer under TLS until we say that we are done
UNSENT = 256 * 1024  # bytes that may wait in us before we take more from whoever gives it
READ = 64 * 1024


class Sent(NamedTuple):
    """A piece that we sent, and when."""

    time: float
    data: bytes


class Frame(NamedTuple):
    """A frame that came, and when its last byte did."""

    time: float
    data: bytes


Event = Sent | Arrival | Frame


class Outgoing(Protocol):
    """What is to be said. `over` once there is no more; `asked` counts the messages given out whole."""

    over: bool
    asked: int

    def take(self) -> bytes | None:
        """Return the next piece, None where there is none now."""


class Prepared:
    """Messages that are known from the start; each in pieces of `split` bytes, or whole."""

    def __init__(self, messages: Iterable[bytes], split: int = 0) -> None:
        self.asked = 0
        self._pieces = _pieces(messages, split)
        self._next = next(self._pieces, None)
        self.over = self._next is None

    def take(self) -> bytes | None:
        if self._next is None:
            return None
        piece, is_last = self._next
        self.asked += is_last
        self._next = next(self._pieces, None)
        self.over = self._next is None
        return piece


def _pieces(messages: Iterable[bytes], split: int) -> Iterator[tuple[bytes, bool]]:
    """Yield the pieces of `messages`, and of each whether it is the last of its message."""
    for message in messages:
        step = split or max(len(message), 1)
        for at in range(0, max(len(message), 1), step):
            yield message[at : at + step], at + step >= len(message)


class Piped:
    """What comes from a descriptor (standard input), read by a thread of its own and shaped by `shape`.

    `shape` makes messages of what was read; it is told of the end by None. `wake` is called when there is something.
    """

    def __init__(self, descriptor: int, shape: Callable[[bytes | None], list[bytes]], split: int = 0) -> None:
        self.over = False
        self.asked = 0
        self.wake: Callable[[], None] = lambda: None
        self._shape = shape
        self._split = split
        self._queue: queue.Queue[bytes | None] = queue.Queue(maxsize=16)
        self._waiting = Prepared(())  # what the last read brought
        self._before = 0  # messages before that
        self._read_all = False
        # A daemon that reads the bare descriptor: at exit it may still wait there, and holds no lock of Python's.
        self._thread = threading.Thread(target=self._read, args=(descriptor,), name="sockwright-stdin", daemon=True)
        self._thread.start()

    def _read(self, descriptor: int) -> None:
        try:
            while data := os.read(descriptor, READ):
                self._queue.put(data)
                self.wake()
        except OSError:  # a terminal that went away: the end
            pass
        self._queue.put(None)
        self.wake()

    def take(self) -> bytes | None:
        while not self.over:
            piece = self._waiting.take()
            if piece is not None:
                self.asked = self._before + self._waiting.asked
                self.over = self._read_all and self._waiting.over
                return piece
            self._before = self.asked
            try:
                data = self._queue.get_nowait()
            except queue.Empty:
                return None
            self._read_all = data is None
            self._waiting = Prepared(self._shape(data), self._split)
            self.over = self._read_all and self._waiting.over
        return None


class Talk:
    """One talk. `events` makes it happen; afterwards `ended` says how it ended, see above."""

    def __init__(
        self,
        connection: Connection,
        outgoing: Outgoing,
        *,
        wait: float = WAIT,
        gap: float = 0.0,
        framing: Framing | None = None,
        half_close: bool = True,
        needs_end: bool = False,
        patient: bool = False,
        timeout: float | None = None,
    ) -> None:
        """`gap`: seconds between two pieces. `half_close` when all is said; `needs_end`: at once, even under TLS,
        since nothing else ends what we say. `patient`: silence ends nothing while there may be more to say.
        `timeout`: seconds for all of it.
        """
        self.ended = ""
        self.answered = 0  # frames
        self._connection = connection
        self._outgoing = outgoing
        self._wait = wait
        self._gap = gap
        self._framing = framing
        self._half_close = half_close
        self._needs_end = needs_end
        self._patient = patient
        self._deadline = time.monotonic() + timeout if timeout is not None else float("inf")
        self._said_all = False  # ours is over and, where that is wanted, half-closed

    def events(self) -> Iterator[Event]:
        """Talk, and yield what is sent and what comes.

        Raises: ConnectionError when the peer breaks off, PeerError where its frames make no sense.
        """
        connection, outgoing = self._connection, self._outgoing
        next_piece = active = time.monotonic()
        while not self.ended:
            while not outgoing.over and time.monotonic() >= next_piece and connection.unsent < UNSENT:
                piece = outgoing.take()
                if piece is None:
                    break
                connection.post(piece)
                connection.flush()
                active = time.monotonic()
                next_piece = active + self._gap
                yield Sent(connection.now(), piece)
            if outgoing.over and not self._said_all:
                self._consider_half_close(active)
            if self._framing is not None and outgoing.over and self.answered >= max(outgoing.asked, 1):
                self.ended = "done"
                return
            unsent = connection.unsent
            arrival = connection.read(self._until(active, next_piece))
            now = time.monotonic()
            if connection.unsent != unsent or arrival is not None:
                active = now
            if arrival is not None:
                if arrival.data:
                    yield arrival
                yield from self._frames(arrival)
                if not arrival.data:
                    self.ended = connection.ended
            if self.ended:
                return
            if now >= self._deadline:
                self.ended = "time-out"
            elif arrival is None and now >= active + self._wait and (outgoing.over or not self._patient):
                self.ended = "idle"

    def _until(self, active: float, next_piece: float) -> float | None:
        """Return for how long nothing is to be done but reading."""
        now = time.monotonic()
        times = [self._deadline]
        if self._outgoing.over or not self._patient:
            times.append(active + self._wait)
        if not self._outgoing.over and next_piece > now:
            times.append(next_piece)
        if self._outgoing.over and not self._said_all:
            times.append(self._half_close_time(active))
        left = max(min(times) - now, 0.0)
        return left if left != float("inf") else None

    def _half_close_time(self, active: float) -> float:
        if not self._connection.tls or self._needs_end:
            return active
        return active + (min(QUIET, self._wait / 2) if self._connection.received else self._wait / 2)

    def _consider_half_close(self, active: float) -> None:
        if not self._half_close:
            self._said_all = True
        elif time.monotonic() >= self._half_close_time(active):
            self._said_all = True
            self._connection.half_close()

    def _frames(self, arrival: Arrival) -> Iterator[Frame]:
        framing = self._framing
        if framing is None:
            return
        if arrival.data:
            frames = framing.feed(arrival.data)
        else:
            last = framing.finish()
            frames = [] if last is None else [last]
        for frame in frames:
            self.answered += 1
            yield Frame(arrival.time, frame)
        if framing.broken is not None:
            raise framing.broken
