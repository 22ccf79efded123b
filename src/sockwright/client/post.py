"""Posting over UDP: datagrams out, datagrams in, and nobody promises anything.

An answer is whatever the same peer sends; which datagram it answers UDP does not say, so answers are counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from sockwright.client.talk import Event, Outgoing, Sent
from sockwright.endpoint import Endpoint, Peer
from sockwright.transport.datagram_connection import DatagramConnection
from sockwright.transport.dial import dial_datagrams

IN_FLIGHT = 32  # datagrams sent ahead of their answers: more would only overrun somebody's buffer ...
LOST = 0.2  # ... and seconds until we no longer wait for one of them before the next is sent


class Post:
    """Datagrams to one peer and back. `events` makes it happen; then `ended` is "done" when each one was answered,
    "idle" when no answer came for `wait` seconds though one was owed, "time-out" when all of it took too long."""

    def __init__(
        self,
        endpoint: Endpoint,
        outgoing: Outgoing,
        *,
        wait: float,
        gap: float = 0.0,
        patient: bool = False,
        timeout: float | None = None,
        wakes: Callable[[Callable[[], None]], None] = lambda wake: None,
    ) -> None:
        """`gap`: seconds between two datagrams. `patient`: silence ends nothing while there may be more to say.
        `timeout`: seconds for all of it. `wakes` is told what to call when there is more to say.
        """
        self.ended = ""
        self.answered = 0
        self.posted = 0
        self.local = self.peer = Peer("", 0)
        self._endpoint = endpoint
        self._outgoing = outgoing
        self._wait = wait
        self._gap = gap
        self._patient = patient
        self._deadline = time.monotonic() + timeout if timeout is not None else float("inf")
        self._wakes = wakes
        self._sent: list[bytes] = []  # until the first answer: to be said again to the next address
        self._written_off = 0
        self._active = self._next_piece = 0.0

    def events(self) -> Iterator[Event]:
        """Send, and yield what is sent and what comes.

        Raises: ConnectionRefusedError when no address has the port, ValueError for a datagram too large.
        """
        connections = dial_datagrams(self._endpoint)
        try:
            while not self.ended:
                connection = connections[0]
                self.peer, self.local = connection.peer, connection.local
                self._wakes(connection.wake)
                try:
                    yield from self._over(connection)
                except ConnectionRefusedError:
                    if len(connections) == 1 or self.answered:
                        raise
                    connections.pop(0).close()
        finally:
            for connection in connections:
                connection.close()

    def _over(self, connection: DatagramConnection) -> Iterator[Event]:
        self._active = self._next_piece = time.monotonic()
        for piece in self._sent:
            connection.send(piece)
        while True:
            yield from self._send_what_is_due(connection)
            if self._outgoing.over and self.answered >= self.posted:
                self.ended = "done"
                return
            arrival = connection.read(self._until())
            if arrival is not None:
                self._active = time.monotonic()
                self.answered += 1
                self._sent.clear()
                yield arrival
            elif time.monotonic() >= self._active + self._wait and self._gives_up:
                self.ended = "idle"
            if not self.ended and time.monotonic() >= self._deadline:
                self.ended = "time-out"
            if self.ended:
                return

    def _send_what_is_due(self, connection: DatagramConnection) -> Iterator[Event]:
        outgoing = self._outgoing
        while not outgoing.over and (now := time.monotonic()) >= self._next_piece:
            if self._is_full:
                if now < self._active + LOST:
                    return
                self._written_off = self.posted - self.answered
            piece = outgoing.take()
            if piece is None:
                return
            if not self.answered and len(self._sent) < IN_FLIGHT:
                self._sent.append(piece)
            self.posted += 1  # also where that fails: it is said again to the next address
            connection.send(piece)
            self._active = time.monotonic()
            self._next_piece = self._active + self._gap
            yield Sent(connection.now(), piece)

    @property
    def _is_full(self) -> bool:
        return not self._patient and self.posted - self.answered - self._written_off >= IN_FLIGHT

    @property
    def _gives_up(self) -> bool:
        return self._outgoing.over or not self._patient

    def _until(self) -> float | None:
        """Return for how long nothing is to be done but reading."""
        now = time.monotonic()
        times = [self._deadline]
        if self._gives_up:
            times.append(self._active + self._wait)
        if not self._outgoing.over:
            if self._next_piece > now:
                times.append(self._next_piece)
            elif self._is_full:
                times.append(self._active + LOST)
        left = max(min(times) - now, 0.0)
        return left if left != float("inf") else None
