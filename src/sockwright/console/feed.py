"""What happens in the bench, as numbered events for whoever looks: pages hold a stream of them open, or ask again.

A number is never given twice, not even by the next run: the first one of a run is its start in microseconds. So who
comes back says what it knows last, and gets what it missed; where that is gone, `reset` says "look anew".

Nobody looking costs nothing: the journal is followed only while somebody looks, and for a moment after that. Then the
writer's thread hands its batches over, and a thread of the feed's makes the rows.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

import msgspec

from sockwright.console.changes import TICK, Changes
from sockwright.console.desk import Desk
from sockwright.console.traffic import Traffic
from sockwright.journal.batch import Batch

# Events and bytes that are kept for who comes back; a page that was away for longer looks anew.
KEPT = 4_000
KEPT_BYTES = 8 << 20
# Events told at once, to a stream or a page that asks.
PAGE = 500
# For how long the journal is followed after the last look (seconds): a page that reloads misses nothing.
LINGER = 60.0
# Batches that wait for the feed's thread: 2 s of a writer in a hurry. Above it the oldest go, and pages look anew.
WAITING = 256


class Event(NamedTuple):
    """One thing that happened. `text` is the event as a stream says it."""

    id: int
    kind: str
    data: Any
    text: bytes


def sse(number: int, kind: str, data: Any) -> bytes:
    """Return an event in the form of server-sent events (HTML Living Standard, 9.2)."""
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (number, kind.encode(), msgspec.json.encode(data))


class Feed:
    """The events of one console; for every thread. `listeners` are called in the feed's when there are new ones."""

    def __init__(
        self,
        desk: Desk,
        trouble: Callable[[str], None] = lambda text: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.listeners: list[Callable[[], None]] = []
        self.viewers = 0  # streams that are open
        self._desk = desk
        self._trouble = trouble
        self._now = now
        self._traffic = Traffic(desk.journal, desk.live)
        self._turn = threading.Condition()
        self._events: list[Event] = []
        self._size = 0
        self._last = int(desk.journal.run.started * 1_000_000)
        self._floor = self._last  # who knows less than this has missed something
        self._looked = float("-inf")
        self._batches: deque[Batch] = deque(maxlen=WAITING)
        self._lost = False
        self._thread: threading.Thread | None = None
        self._closed = False
        self._people_changed = False
        self._books_changed: set[str] = set()
        self._mail_changed = False

    # -- for everybody

    @property
    def last(self) -> int:
        """The newest event's number. Whoever asks is about to look, so from here on nothing is missed."""
        self._look()
        return self._last

    @property
    def is_following(self) -> bool:
        """Tell whether somebody looks, or did a moment ago; else the first look takes some milliseconds."""
        return self._thread is not None

    @property
    def oldest(self) -> int:
        """Who knows this event, or a later one, misses nothing."""
        return self._floor

    def since(self, after: int) -> Sequence[Event] | None:
        """Return the events after `after`, PAGE at most; None where some of them are gone, or it is of another run."""
        with self._turn:
            if not self._floor <= after <= self._last:
                return None
            if after == self._last:
                return ()
            first = after - self._events[0].id + 1
            return self._events[first : first + PAGE]

    def after(self, after: int, limit: int) -> list[Event]:
        """The same for who asks instead of listening: what cannot be told is one event, `reset`."""
        self._look()
        found = self.since(after)
        if found is None:
            return [self.reset()]
        return list(found[:limit])

    def reset(self) -> Event:
        """Return the event that says "look anew": not kept, since it is for one viewer alone."""
        return Event(self._last, "reset", {}, sse(self._last, "reset", {}))

    def tell(self, kind: str, data: Any) -> None:
        """Add an event."""
        self._add([(kind, data)])

    def forget(self) -> None:
        """Let everybody look anew: more has changed than can be told."""
        self._forget()

    def mail_changed(self) -> None:
        """The mailbox was changed by ourselves, which it does not tell."""
        self._mail_changed = True

    def said(self, number: int) -> str | None:
        """Return the first line of what the client of a connection said, None where that is not remembered."""
        return self._traffic.said(number)

    def remember(self, number: int, said: str) -> None:
        """Remember a first line."""
        self._traffic.remember(number, said)

    def close(self) -> None:
        """Follow nothing any more."""
        with self._turn:
            self._closed = True
            self._turn.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(2.0)

    # -- looking

    def _look(self) -> None:
        """Somebody looks: follow the journal from now on."""
        self._looked = self._now()
        if self._thread is None:
            with self._turn:
                if self._thread is None and not self._closed:
                    self._begin()

    def _begin(self) -> None:
        self._last += 1  # a hole: nobody knows what happened until now
        self._floor = self._last
        self._events.clear()
        self._size = 0
        self._batches.clear()
        self._lost = False
        began = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(began,), name="console-feed", daemon=True)
        self._thread.start()
        began.wait(2.0)

    def _take(self, entries: Sequence[Any]) -> None:
        """Take a batch from the journal's writer, in its thread."""
        assert isinstance(entries, Batch)
        with self._turn:
            self._lost = self._lost or len(self._batches) == WAITING
            self._batches.append(entries)
            self._turn.notify_all()

    # -- the feed's thread

    def _work(self, began: threading.Event) -> None:
        desk = self._desk
        try:
            with ExitStack() as held:
                held.callback(desk.journal.follow(self._take))
                self._traffic.begin(self._now())
                if desk.people is not None:
                    held.callback(desk.people.watch(self._hear_people))
                if desk.books is not None:
                    held.callback(desk.books.watch(self._hear_books))
                changes = Changes(desk)
                began.set()
                while self._round(changes):
                    pass
        except Exception as failed:  # noqa: BLE001 - the bench goes on, and who looks again begins anew
            self._trouble(f"the console's events failed: {type(failed).__name__}: {failed}")
            self._forget()
        finally:
            began.set()
            with self._turn:
                self._thread = None

    def _hear_people(self) -> None:
        self._people_changed = True

    def _hear_books(self, name: str) -> None:
        self._books_changed.add(name)

    def _round(self, changes: Changes) -> bool:
        """Wait for something to tell, and tell it; tell whether to go on."""
        with self._turn:
            if not self._batches and not self._closed:
                self._turn.wait(TICK)
            batches = list(self._batches)
            self._batches.clear()
            lost, self._lost = self._lost, False
            if self._closed or (not self.viewers and self._now() - self._looked > LINGER):
                self._thread = None
                return False
        now = self._now()
        if lost:
            self._traffic.begin(now)
            self._forget()
            return True
        told: list[tuple[str, Any]] = []
        for batch in batches:
            told += [("connection", row) for row in self._traffic.take(batch, now)]
        told += [("connection", row) for row in self._traffic.due(now)]
        if self._people_changed:
            self._people_changed = False
            told += changes.people()
        while self._books_changed:
            told += changes.book(self._books_changed.pop())
        told += changes.tick(now, mail=self._mail_changed)
        self._mail_changed = False
        if changes.is_slow_tick and self._traffic.skipped:
            told.append(("skipped", {"count": self._traffic.skipped}))
            self._traffic.skipped = 0
        if told:
            self._add(told)
        return True

    def _forget(self) -> None:
        """Let everybody look anew."""
        with self._turn:
            self._last += 1
            self._floor = self._last
            self._events.clear()
            self._size = 0
        self._call_listeners()

    def _add(self, told: Sequence[tuple[str, Any]]) -> None:
        with self._turn:
            for kind, data in told:
                self._last += 1
                event = Event(self._last, kind, data, sse(self._last, kind, data))
                self._events.append(event)
                self._size += len(event.text)
            if len(self._events) > KEPT or self._size > KEPT_BYTES:
                self._trim()
        self._call_listeners()

    def _trim(self) -> None:
        """Let the older half go."""
        gone = len(self._events) // 2
        while gone < len(self._events) - 1 and sum(len(one.text) for one in self._events[gone:]) > KEPT_BYTES // 2:
            gone += (len(self._events) - gone) // 2
        self._floor = self._events[gone - 1].id
        del self._events[:gone]
        self._size = sum(len(one.text) for one in self._events)

    def _call_listeners(self) -> None:
        for listener in self.listeners:
            listener()
