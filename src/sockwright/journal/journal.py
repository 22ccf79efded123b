"""The journal of one run: who saw something happen appends a plain tuple, a thread does the rest.

    loop thread                      writer thread, every `tick`
      append(record) --> ring -->      number the records, keep them in memory, tell the followers, write the file

The ring is bounded and never makes anybody wait: when the writer stands still for too long the oldest records are
lost, and `trouble` says so. Who appends before the bytes go out has the record before their effect.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat, starmap
from pathlib import Path
from typing import overload

import msgspec

from sockwright.journal.limits import Limits
from sockwright.journal.records import ENDED, OPENED, RECEIVED, SENT, Ended, Entry, Opened, Record

Follower = Callable[[Sequence[Entry]], None]

_pack = msgspec.msgpack.Encoder(enc_hook=repr).encode


@dataclass(frozen=True, slots=True)
class Run:
    """Who keeps the journal: one process from its start to its end."""

    started: float  # seconds since the epoch
    pid: int
    seed: int
    command: str


class Batch(Sequence[Entry]):
    """What came since the last look, with sequence numbers that are made when somebody asks."""

    __slots__ = ("first", "records")

    def __init__(self, first: int, records: Sequence[Record]) -> None:
        self.first = first
        self.records = records

    def __len__(self) -> int:
        return len(self.records)

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Entry]: ...
    def __getitem__(self, index: int | slice) -> Entry | Sequence[Entry]:
        if isinstance(index, slice):
            return [(self.first + place, self.records[place]) for place in range(*index.indices(len(self.records)))]
        return (self.first + range(len(self.records))[index], self.records[index])

    def __iter__(self) -> Iterator[Entry]:
        return iter(zip(range(self.first, self.first + len(self.records)), self.records, strict=True))


class Journal:
    """Records of this run, in memory and, where there is a `path`, in a file that other processes read.

    `append` takes one record from the loop's thread and returns at once. `trouble` says in one line what keeps the
    journal from doing all it should, and is empty while nothing does.
    """

    append: Callable[[Record], None]

    def __init__(self, path: Path | None, *, command: str = "", seed: int = 0, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.run = Run(time.time(), os.getpid(), seed, command)
        self.path = path
        self.trouble = ""
        self._ring: deque[Record] = deque(maxlen=self.limits.ring)
        self.append = self._ring.append
        self._next_number = 1
        self._next_entry = 1
        self._followers: tuple[Follower, ...] = ()
        self._memory: deque[tuple[int, bytes]] = deque()
        self._lock = threading.Lock()
        self._turn = threading.Condition()
        self._wanted = self._done = 0
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()

    def begin(self, now: float, opened: Opened) -> int:
        """Return the number of a new connection, and record that it was opened. For the loop's thread alone."""
        number = self._next_number
        self._next_number = number + 1
        self.append((OPENED, number, now, opened, 0))
        return number

    def end(self, number: int, now: float, ended: Ended) -> None:
        """Record that connection `number` is over."""
        self.append((ENDED, number, now, ended, 0))

    def follow(self, follower: Callable[[Sequence[Entry]], None]) -> Callable[[], None]:
        """Call `follower` in the writer's thread with all that comes from now on; return how to stop it.

        It must not wait: what it does is done before anything is written.
        """
        self._followers = (*self._followers, follower)

        def stop() -> None:
            self._followers = tuple(other for other in self._followers if other is not follower)

        return stop

    def flush(self) -> None:
        """Wait until everything appended so far has reached memory, followers and file."""
        with self._turn:
            self._wanted += 1
            mine = self._wanted
            self._turn.notify_all()
            while self._done < mine and self._thread.is_alive():
                self._turn.wait(1.0)

    def close(self) -> None:
        """Write what is left, and stop."""
        with self._turn:
            self._closing = True
            self._turn.notify_all()
        self._thread.join()

    def records(self) -> list[Record]:
        """Return the records that are still in memory, oldest first."""
        with self._lock:
            blobs = [blob for _, blob in self._memory]
        return [record for blob in blobs for record in unpack(blob)]

    def _work(self) -> None:
        while True:
            with self._turn:
                if not self._closing and self._wanted == self._done:
                    self._turn.wait(self.limits.tick)
                wanted, closing = self._wanted, self._closing
            self._take()
            with self._turn:
                self._done = wanted
                self._turn.notify_all()
            if closing:
                return

    def _take(self) -> None:
        ring = self._ring
        count = len(ring)
        if not count:
            return
        records = list(starmap(ring.popleft, repeat((), count)))  # in C, and never more than were there
        first = self._next_entry
        self._next_entry += count
        with self._lock:
            self._memory.append((first, _pack(records)))
        batch = Batch(first, records)
        for follower in self._followers:
            follower(batch)


_unpack = msgspec.msgpack.Decoder(list[tuple[int, int, float, object, int]]).decode


def unpack(blob: bytes) -> list[Record]:
    """Return the records of one packed batch."""
    records: list[Record] = []
    for kind, number, when, payload, size in _unpack(blob):
        if kind == OPENED:
            payload = msgspec.convert(payload, Opened)
        elif kind == ENDED:
            payload = msgspec.convert(payload, Ended)
        elif kind not in (RECEIVED, SENT):
            payload = tuple(payload) if isinstance(payload, list) else payload
        records.append((kind, number, when, payload, size))
    return records
