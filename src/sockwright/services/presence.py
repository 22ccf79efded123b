"""Who is present, on all nodes, and who came and went: what the store tells, in the words that peers are told it.

Each person is kept as the JSON object that everybody is shown: a list of ten thousand is then one join, which a hundred
who begin to follow at once share.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, Protocol

import msgspec

from sockwright.services import Context
from sockwright.stores import Follower, Presence, Store, Unavailable

# Events kept for those who follow; one that fell behind further is shown all who are there instead.
EVENTS = 4_096

_read_people = msgspec.json.Decoder(list[dict[str, Any]]).decode


class Listener(Protocol):
    """One of ours: told in the store's thread or in the loop's, so it only notes what it is told."""

    def rouse(self) -> None:
        """Something happened."""

    def dismiss(self) -> None:
        """Somebody asks that you go."""


class Registry:
    """Who is present, and the latest events. Told by the store, in its thread or in the loop's."""

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        self.store = store
        self.now = now
        self.trouble = ""
        self.guests: dict[int, Listener] = {}  # ours, by number
        self.following: dict[Listener, None] = {}
        self.count = 0  # of all events
        self.watchers: list[Callable[[], None]] = []
        self._people: dict[int, bytes] = {}
        self._events: deque[bytes] = deque(maxlen=EVENTS)
        self._list: tuple[int, bytes] = (-1, b"")  # made when so many events had been
        store.follow(
            Follower(arrived=self._arrived, departed=self._departed, dismissed=self._dismissed, trouble=self._troubled)
        )
        try:
            self._arrived(store.present())
        except Unavailable as wrong:
            self._troubled(str(wrong).removeprefix("state unavailable: "))

    def __len__(self) -> int:
        return len(self._people)

    # -- what the store tells

    def _arrived(self, who: Sequence[Presence]) -> None:
        for one in who:
            if one.number not in self._people:
                person = b'{"id":%d,%b' % (one.number, one.about[1:])
                self._people[one.number] = person
                self._happened(b"join", person)

    def _departed(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            person = self._people.pop(number, None)
            if person is not None:
                self._happened(b"leave", person)

    def _happened(self, event: bytes, person: bytes) -> None:
        self._events.append(
            b'{"event":"%b",%b,"connected":%d}\n' % (event, person[1:-1], len(self._people)),
        )
        self.count += 1
        for listener in tuple(self.following):
            listener.rouse()
        for watcher in self.watchers:
            watcher()

    def _dismissed(self, number: int) -> None:
        listener = self.guests.get(number)
        if listener is not None:
            listener.dismiss()

    def _troubled(self, why: str) -> None:
        self.trouble = why
        for watcher in self.watchers:
            watcher()

    # -- what others ask

    def check(self) -> None:
        """Raises: ServiceError while nobody can know who is there."""
        if self.trouble:
            raise Unavailable(self.trouble)

    def list_told(self) -> bytes:
        """Return the message that tells who is present, by number.

        Raises: ServiceError while that is not known.
        """
        self.check()
        count, told = self._list
        if count != self.count:
            count = self.count  # first: what happens meanwhile makes the list old at once
            people = self._people.copy()
            inside = b",".join([people[number] for number in sorted(people)])
            told = b'{"people":[%b],"connected":%d}\n' % (inside, len(people))
            self._list = (count, told)
        return told

    def everybody(self) -> list[dict[str, Any]]:
        """Return who is present, by number.

        Raises: ServiceError while that is not known.
        """
        self.check()
        return self.newest(len(self._people))

    def newest(self, most: int) -> list[dict[str, Any]]:
        """Return those who came last, at most so many, by number; as far as is known."""
        people = self._people.copy()
        numbers = sorted(people)[max(len(people) - most, 0) :]
        return _read_people(b"[%b]" % b",".join([people[number] for number in numbers]))

    def latest(self, since: int) -> bytes | None:
        """Return the events after the first `since`; None where they are not kept any more."""
        missing = self.count - since
        if missing > len(self._events):
            return None
        return b"".join(islice(self._events.copy(), len(self._events) - missing, None))


def registry_of(context: Context) -> Registry:
    """Return the bench's registry of people; there is one."""
    found = context.extra.get("people")
    if not isinstance(found, Registry):
        found = context.extra["people"] = Registry(context.store, context.now)
    return found
