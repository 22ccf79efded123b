"""The client of `people`: says who one is, stays, and hears who comes and goes.

from sockwright import User, join
with join(User("Ann", 30), follow=True) as stay:
    print(stay.number, stay.connected)
    for event in stay.events():
        print(event)
"""

from __future__ import annotations

import codecs
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
# Seconds for the rest of an answer that other people's servers may send in pieces, and need not end with a line.
REST = 0.5
# How servers begin that have nothing to do with people: HTTP, SSH, SMTP and FTP, IMAP, POP3, Redis.
OTHERS = (b"HTTP/", b"SSH-", b"220", b"* OK", b"+OK", b"-ERR")

__all__ = ["Stay", "User", "join", "look"]


class Stay:
    """A connection to `people`: `number` and `connected` are what the server said (0 where one only looks).

    `is_ours` is false where the server is another program that took our user: `said` is then what it answered.
    """

    def __init__(self, connection: Connection, wait: float) -> None:
        self.number = 0
        self.connected = 0
        self.people: list[dict[str, Any]] = []
        self.is_ours = True
        self.said = ""
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
        """Say who we are, and, once we know the server, what we want of it."""
        first = told(name=user.name, age=user.age)
        self._connection.post(first)
        self._connection.flush()
        answer = self._answer()
        said = self._user_taken(answer)
        if said is None:
            self.said = self._stranger(answer, first)
            self.is_ours = False
            return
        self.number, self.connected = said["id"], said.get("connected", 0)
        if follow or beats:
            self._ask(told(follow=follow, beat=BEAT if beats else 0))

    def _answer(self) -> bytes:
        """Return the first line that comes, or what came of it until the peer was silent for too long."""
        deadline = time.monotonic() + self._wait
        came = b""
        while not came.endswith(b"\n"):
            arrival = self._connection.read(max(deadline - time.monotonic(), 0.0))
            if arrival is None:
                break
            if not arrival.data:
                if not came:
                    raise ConnectionResetError(f"{self._connection.peer} hung up")
                break
            came += arrival.data
            deadline = min(deadline, time.monotonic() + REST)
            if len(came) > LONGEST_LINE:
                raise PeerError(f"{self._connection.peer} is no `people`: it said {came[:60]!r}")
            if _is_whole(came):
                break
        return came

    def _user_taken(self, answer: bytes) -> dict[str, Any] | None:
        """Return what our own `people` says to one who came; None where it is another server's answer.

        Raises: ServiceError for a refusal.
        """
        try:
            said = read_told(answer.strip())
        except (ValueError, msgspec.DecodeError):
            return None
        return said if type(said.get("id")) is int else None

    def _stranger(self, answer: bytes, asked: bytes) -> str:
        """Return the words of another program that took our user.

        Raises: PeerError where it is a server of quite another kind.
        """
        if answer.startswith(OTHERS) or (answer and asked.startswith(answer.rstrip())):
            raise PeerError(f"{self._connection.peer} is no `people`: it said {answer[:60]!r}")
        try:
            return answer.decode().strip()
        except UnicodeDecodeError:
            raise PeerError(f"{self._connection.peer} is no `people`: it said {answer[:60]!r}") from None

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

        Another program's words come as `said` with their `text`.

        Raises: ConnectionError where the server goes, TimeoutError where it has vanished.
        """
        if not self.is_ours:
            yield from self._words()
            return
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

    def _words(self) -> Iterator[dict[str, Any]]:
        """Yield what another program says; it knows nothing of beats, so its silence means nothing."""
        decode = codecs.getincrementaldecoder("utf-8")("backslashreplace").decode
        while True:
            arrival = self._connection.read(BEAT)
            if arrival is None:
                continue
            if not arrival.data:
                raise ConnectionResetError(f"{self._connection.peer} hung up")
            text = decode(arrival.data)
            if text.strip():
                yield {"event": "said", "text": text.strip()}


def _is_whole(answer: bytes) -> bool:
    """Tell whether `answer` is a JSON object, which needs no end of line."""
    if not answer.rstrip().endswith(b"}"):
        return False
    try:
        return isinstance(msgspec.json.decode(answer), dict)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False


def join(user: User, at: str | Endpoint = AT, *, follow: bool = False, wait: float = 5.0, beats: bool = False) -> Stay:
    """Connect to `people` as `user`; with `follow`, `events` tells of others.

    With `beats` we promise to say now and then that we are still here, which `events` does: a process that hangs is
    then taken for gone. Without, TCP alone tells the server whether this machine is still there.

    Another program's server is joined too, if it takes a user as JSON: whatever it answers within `wait` seconds, or
    nothing at all, is `said`.

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
