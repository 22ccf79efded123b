"""The client of `people`: says who one is, stays, and hears who comes and goes.

from sockwright import User, join
with join(User("Ann", 30), follow=True) as stay:
    print(stay.number, stay.connected)
    for event in stay.events():
        print(event)
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import msgspec

from sockwright import client
from sockwright.endpoint import Endpoint, parse
from sockwright.errors import PeerError, ServiceError
from sockwright.transport.connection import Connection
from sockwright.wire.framing import framing
from sockwright.wire.people import User, read_told, told

AT = "tcp://:7079"
# We say that we are still here so often (seconds), and give the server up after so many of them without a word.
BEAT = 2.0
MISSING = 4
# A list of ten thousand people is a long line.
LONGEST_LINE = 16 * 1024 * 1024

__all__ = ["Stay", "User", "join", "look"]


class Stay:
    """A connection to `people`: `number` and `connected` are what the server said (0 where one only looks)."""

    def __init__(self, connection: Connection, wait: float) -> None:
        self.number = 0
        self.connected = 0
        self.people: list[dict[str, Any]] = []
        self._connection = connection
        self._lines = framing("line", LONGEST_LINE)
        self._messages: deque[dict[str, Any]] = deque()
        self._wait = wait

    def __enter__(self) -> Stay:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Go, and let the server know."""
        self._connection.close()

    def wake(self) -> None:
        """Let `events` look up now. For other threads."""
        self._connection.wake()

    def _ask(self, message: bytes) -> dict[str, Any]:
        self._connection.post(message)
        self._connection.flush()
        said = self._next(time.monotonic() + self._wait)
        if said is None:
            raise TimeoutError(f"{self._connection.peer} did not answer within {self._wait:g} s")
        return said

    def _next(self, deadline: float) -> dict[str, Any] | None:
        """Return the next message, None where none came until `deadline` or we were woken.

        Raises: ServiceError for a refusal, ConnectionError, PeerError.
        """
        while not self._messages:
            left = deadline - time.monotonic()
            arrival = self._connection.read(max(left, 0.0))
            if arrival is None:
                return None
            if not arrival.data:
                raise ConnectionResetError(f"{self._connection.peer} hung up")
            for line in self._lines.feed(arrival.data):
                try:
                    self._messages.append(read_told(line))
                except ServiceError:
                    raise
                except (ValueError, msgspec.DecodeError):
                    raise PeerError(f"{self._connection.peer} is no `people`: it said {line[:60]!r}") from None
        return self._messages.popleft()

    def come(self, user: User, follow: bool, beats: bool) -> None:
        """Say who we are."""
        said = self._ask(told(name=user.name, age=user.age, follow=follow, beat=BEAT if beats else 0))
        if type(said.get("id")) is not int:
            raise PeerError(f"{self._connection.peer} is no `people`: it said {str(said)[:60]!r}")
        self.number, self.connected = said["id"], said.get("connected", 0)

    def follow(self) -> None:
        """Look at who is there, and hear of changes from now on, without being present."""
        self._take(self._ask(b"follow\n"))

    def look(self) -> None:
        """Look at who is there."""
        self._take(self._ask(b"who\n"))

    def _take(self, said: dict[str, Any]) -> None:
        people = said.get("people")
        if not isinstance(people, list):
            raise PeerError(f"{self._connection.peer} is no `people`: it said {str(said)[:60]!r}")
        self.people, self.connected = people, len(people)

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield what happens, for as long as the server is there: `event` is join or leave, or `dismissed` is ours.

        Raises: ConnectionError where the server goes, TimeoutError where it has vanished.
        """
        heard = time.monotonic()
        next_beat = heard + BEAT
        while True:
            said = self._next(next_beat)
            now = time.monotonic()
            if said is not None:
                heard = now
                if "people" in said:  # we were too slow for single events
                    self._take(said)
                    yield {"event": "people", **said}
                elif "event" in said:
                    self.connected = said.get("connected", self.connected)
                    yield said
                    if said["event"] == "dismissed":
                        return
            elif now >= heard + MISSING * BEAT:
                raise TimeoutError(f"{self._connection.peer} has not said a word for {MISSING * BEAT:g} s")
            if now >= next_beat:
                next_beat = now + BEAT
                self._connection.post(b"beat\n")
                self._connection.flush()


def join(user: User, at: str | Endpoint = AT, *, follow: bool = False, wait: float = 5.0, beats: bool = False) -> Stay:
    """Connect to `people` as `user`; with `follow`, `events` tells of others.

    With `beats` we promise to say now and then that we are still here, which `events` does: a process that hangs is
    then taken for gone. Without, TCP alone tells the server whether this machine is still there.

    Raises: ServiceError where the user is refused, OSError where there is nobody, PeerError where it is no `people`.
    """
    stay = _opened(at, wait)
    try:
        stay.come(user, follow, beats)
    except BaseException:
        stay.leave()
        raise
    return stay


def look(at: str | Endpoint = AT, *, follow: bool = False, wait: float = 5.0) -> Stay:
    """Connect to `people` without being present, and look who is there: `people` holds them. Raises: as `join`."""
    stay = _opened(at, wait)
    try:
        if follow:
            stay.follow()
        else:
            stay.look()
    except BaseException:
        stay.leave()
        raise
    return stay


def _opened(at: str | Endpoint, wait: float) -> Stay:
    endpoint = parse(at) if isinstance(at, str) else at
    return Stay(client.connect(endpoint, wait), wait)
