"""What a run remembers without its file: the newest batches, the open connections and the last that ended.

The writer's thread fills it, everybody may look.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping

from msgspec import structs

from sockwright.journal.batch import Packed, unpack
from sockwright.journal.connections import Connection
from sockwright.journal.records import ENDED, OPENED, Record
from sockwright.journal.transcript import Transcript, transcript_of


class Memory:
    """Bounded: `size` bytes of batches, `ended` connections that are over."""

    def __init__(self, size: int, ended: int) -> None:
        self._lock = threading.Lock()
        self._live: dict[int, Connection] = {}
        self._past: deque[Connection] = deque(maxlen=ended)
        self._batches: deque[Packed] = deque()
        self._size = 0
        self._most = size

    # -- the writer's thread

    def fold(self, records: Iterable[Record], room: int) -> tuple[dict[int, Connection], int]:
        """Take in records that say something of connections as a whole; at most `room` new ones.

        Returns the connections that changed by that, and how many new ones found no room.
        """
        changed: dict[int, Connection] = {}
        refused = 0
        with self._lock:
            for record in records:
                kind, number = record[:2]
                if kind == OPENED:
                    if not room:
                        refused += 1
                        continue
                    room -= 1
                    changed[number] = self._live[number] = Connection(number, record[3], record[2])
                    continue
                connection = self._live.get(number)
                if connection is not None:
                    connection.fold(record)
                    changed[number] = connection
                    if kind == ENDED:
                        self._past.append(self._live.pop(number))
        return changed, refused

    def keep(self, batch: Packed) -> None:
        with self._lock:
            self._batches.append(batch)
            self._size += len(batch.blob)
            while self._size > self._most:
                self._size -= len(self._batches.popleft().blob)

    def count_omitted(self, omitted: Mapping[int, int], fresh: Mapping[int, Connection]) -> list[Connection]:
        """Note how many records were left out of which connection, and return the connections.

        `fresh` are those that changed just now: they may have ended since.
        """
        counted: list[Connection] = []
        with self._lock:
            for number, count in omitted.items():
                connection = self._live.get(number) or fresh.get(number)
                if connection is not None:
                    connection.omitted += count
                    counted.append(connection)
        return counted

    def live(self) -> list[Connection]:
        """Return the open connections themselves."""
        return list(self._live.values())

    # -- everybody

    def forget(self) -> int:
        """Forget what has ended, and all bytes; return how many connections that was."""
        with self._lock:
            gone = len(self._past)
            self._past.clear()
            self._batches.clear()
            self._size = 0
        return gone

    def connections(self) -> list[Connection]:
        """Return copies of the connections, newest first."""
        with self._lock:
            found = [structs.replace(one) for one in (*self._past, *self._live.values())]
        return sorted(found, key=lambda one: one.number, reverse=True)

    def connection(self, number: int) -> Connection | None:
        """Return a copy of connection `number`, None where it is not here."""
        with self._lock:
            found = self._live.get(number) or next((one for one in self._past if one.number == number), None)
            return None if found is None else structs.replace(found)

    def transcript(self, connection: Connection, batches: int = -1) -> Transcript:
        with self._lock:
            held = [batch.blob for batch in self._batches if batch.low <= connection.number <= batch.high]
        if batches >= 0:
            held = held[:batches]
        return transcript_of(connection, (record for blob in held for record in unpack(blob)))

    def records(self) -> list[Record]:
        """Return all records of the batches here, oldest first."""
        with self._lock:
            held = [batch.blob for batch in self._batches]
        return [record for blob in held for record in unpack(blob)]
