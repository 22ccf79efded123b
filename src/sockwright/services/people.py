"""People: a peer says who it is and stays; all may see who is connected. What is said is in `wire/people`.

    came --user--> present --end of stream, leave, dismissed, no beat--> gone
      '--no user within 30 s, too many that are none--> gone

Who is present is kept by the store, so that several nodes on one Redis show the same people. Each node tells those of
its own peers who follow, at most ten times a second each. A refusal leaves the connection open for another try.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from sockwright.binding import Service, service, service_of
from sockwright.errors import ServiceError
from sockwright.services import Context
from sockwright.services.presence import Registry, registry_of
from sockwright.session import Session
from sockwright.stores import settled
from sockwright.wire.people import Hello, Reader, User, Wish, read_message, told

# A peer that does not say who it is (seconds), and how often it may try.
FIRST = 30.0
TRIES = 20
# A peer that vanished without a word is noticed within so many seconds, by TCP itself.
VANISHED = 8.0
# Beats that may be missing until a peer that promised them is gone; no longer than VANISHED + 1 s in all.
BEATS = 3
LONGEST_BEAT = 3.0
# Between two messages to one follower (seconds), so that a crowd coming and going costs each of them ten messages.
PACE = 0.1
# Those who follow on one node: each change is told to all of them.
FOLLOWERS = 1_000


class Guest:
    """One connection."""

    __slots__ = (
        "_resting",
        "beat",
        "came",
        "cursor",
        "dismissed",
        "heard",
        "number",
        "registry",
        "session",
        "spoke",
        "user",
    )

    def __init__(self, registry: Registry, session: Session) -> None:
        self.registry = registry
        self.session = session
        self.number = 0
        self.user: User | None = None
        self.dismissed = False
        self.beat = 0.0
        self.came = self.heard = self.spoke = registry.now()
        self.cursor = -1  # events told; -1: does not follow
        self._resting = False  # waits for anything at all

    def rouse(self) -> None:
        """Something happened that a follower wants to know."""
        if self._resting:
            self._resting = False
            self.session.wake()

    def dismiss(self) -> None:
        """Somebody asks that this one goes."""
        self.dismissed = True
        self.session.wake()

    async def stay(self) -> None:
        """Talk until one of us has had enough."""
        reader = Reader()
        tries = TRIES
        self.session.watch(VANISHED)
        try:
            while True:
                data = await self._receive()
                if data is None:
                    if await self._over():
                        return
                    continue
                self.heard = self.registry.now()
                try:
                    messages = reader.feed(data) if data else reader.finish()
                except ServiceError as endless:
                    await self._refuse(endless)
                    return
                for message in messages:
                    try:
                        if not await self._understand(message):
                            return
                    except ServiceError as refused:
                        await self._refuse(refused)
                        tries -= self.user is None
                        if not tries:
                            return
                if not data:
                    return
        finally:
            self.registry.following.pop(self, None)
            if self.number:
                self.registry.guests.pop(self.number, None)
                self.registry.store.depart(self.number)

    async def _receive(self) -> bytes | None:
        """Wait for the peer, or until there is something else to do."""
        now = self.registry.now()
        waits: list[float] = []
        if self.user is None and self.cursor < 0:
            waits.append(self.came + FIRST - now)
        if self.beat:
            waits.append(self.heard + BEATS * self.beat - now)
        if 0 <= self.cursor < self.registry.count:
            waits.append(self.spoke + PACE - now)
        elif self.cursor >= 0:
            self._resting = True
            if self.cursor < self.registry.count:  # in between
                waits.append(0.0)
        data = await self.session.receive(max(min(waits), 0.0) if waits else None)
        self._resting = False
        return data

    async def _over(self) -> bool:
        """Do what is due without a word of the peer's; tell whether it must go."""
        now = self.registry.now()
        if self.dismissed:
            await self.session.send(told(event="dismissed", id=self.number))
            return True
        if self.beat and now >= self.heard + BEATS * self.beat:
            return True
        if 0 <= self.cursor < self.registry.count and now >= self.spoke + PACE:
            await self._tell_events()
        if self.user is None and self.cursor < 0 and now >= self.came + FIRST:
            await self._refuse(ServiceError(f"nobody said who they are within {FIRST:g} s"))
            return True
        return False

    async def _tell_events(self) -> None:
        registry = self.registry
        latest, self.cursor = registry.latest(self.cursor), registry.count
        if latest is None:
            latest = registry.list_told()
        self.spoke = registry.now()
        await self.session.send(latest)

    async def _refuse(self, refused: ServiceError) -> None:
        await self.session.send(b"error: " + str(refused).replace("\n", " ").encode("utf-8", "replace") + b"\n")

    async def _understand(self, message: bytes) -> bool:
        """Do what one message says; tell whether to go on.

        Raises: ServiceError.
        """
        registry = self.registry
        said = read_message(message)
        match said:
            case Hello():
                await self._come(said)
            case Wish(follow, beat):
                if self.user is None:
                    raise ServiceError("say who you are first", code=400)
                if beat is not None:
                    self.beat = min(beat, LONGEST_BEAT)
                if follow:
                    self._follow()
                elif follow is not None:
                    self._unfollow()
                await self.session.send(told(follow=self.cursor >= 0, beat=self.beat, connected=len(registry)))
            case "who":
                await self.session.send(registry.list_told())
            case "follow":
                self._follow()
                await self.session.send(registry.list_told())
            case "unfollow":
                self._unfollow()
            case "beat":
                await self.session.send(told(beat=True, connected=len(registry)))
            case _:
                return False
        return True

    def _follow(self) -> None:
        registry = self.registry
        registry.check()
        if self not in registry.following and len(registry.following) >= FOLLOWERS:
            raise ServiceError(f"{FOLLOWERS} follow already", code=503)
        registry.following[self] = None
        self.cursor = registry.count

    def _unfollow(self) -> None:
        self.cursor = -1
        self.registry.following.pop(self, None)

    async def _come(self, hello: Hello) -> None:
        registry, user = self.registry, hello.user
        if self.user is not None:
            raise ServiceError(f"you are {self.user.name} already, number {self.number}", code=400)
        registry.check()
        peer = self.session.peer
        about = {"name": user.name, "age": user.age, "peer": str(peer), "since": round(registry.now(), 3)}
        self.number = await settled(registry.store.arrive(msgspec.json.encode(about)))
        self.user = user
        registry.guests[self.number] = self
        self.beat = min(hello.beat, LONGEST_BEAT)
        if hello.follow:
            self._follow()
        await self.session.send(told(id=self.number, name=user.name, age=user.age, connected=len(registry)))


def offer(context: Context) -> Sequence[Service]:
    registry = registry_of(context)

    @service(name="people", frame="raw", only="line")
    async def stay(session: Session) -> None:
        """Let a peer say who it is and stay."""
        await Guest(registry, session).stay()

    @service(name="list", route="GET /people", blocking=False)
    def list_people() -> list[dict[str, Any]]:
        """Return who is connected: id, name, age, address and since when."""
        return registry.everybody()

    @service(route="DELETE /people/{id}")
    def dismiss(id: int) -> bool:
        """Let the one with this id go."""
        registry.check()
        if not registry.store.dismiss(id):
            raise ServiceError(f"nobody here has the id {id}", code=404)
        return True

    functions: tuple[Callable[..., Any], ...] = (stay, list_people, dismiss)
    return tuple(service_of(function, "people") for function in functions)
