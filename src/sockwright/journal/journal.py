"""The journal of one run: who saw something happen appends a plain tuple, a thread does the rest.

    loop's thread                    writer's thread, every `tick`
      append(record) --> ring -->      number the records, tell the followers, keep them in memory, write the file

The ring is bounded and never makes anybody wait. Who appends before the bytes go out has the record before their
effect. Trouble with the file costs nobody anything but the file: it is said once, and the file is tried again.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import repeat, starmap
from operator import itemgetter
from pathlib import Path

import msgspec

from sockwright.journal.batch import Batch, pack, unpack
from sockwright.journal.connections import Connection
from sockwright.journal.file import File, ForeignFile, Packed, explained, is_busy
from sockwright.journal.limits import Limits
from sockwright.journal.records import ENDED, OMITTED, OPENED, RARE, Entry, Opened, Record
from sockwright.journal.runs import Run, born
from sockwright.journal.thinning import Allowance, cut, thin
from sockwright.journal.transcript import Transcript, transcript_of

Follower = Callable[[Sequence[Entry]], None]

# A run that opens connections fast reserves more numbers at once, up to this many.
MOST_NUMBERS = 64_000
# Numbers without an end, while there is no file to share.
_ENDLESS = 1 << 62
# How long the end of a run waits for the file (seconds).
FINISH_WAIT = 1.0
# Between two looks whether a reader waits (seconds).
ASK = 0.08
# Opening the file must not keep the bench from starting (seconds).
OPEN_WAIT = 0.5

_number_of = itemgetter(1)


def _with_omitted(records: Sequence[Record], omitted: Mapping[int, int]) -> Sequence[Record]:
    """Return `records` with what was left out before them told first."""
    return [(OMITTED, 0, records[0][2], dict(omitted), 0), *records] if omitted and records else records


class Journal:
    """Records of this run, in memory and, where there is a `path`, in a file that other processes read.

    `append` takes one record and returns at once; it and `begin` are for the loop's thread. `trouble` says in words
    what keeps the journal from doing all it should, and is "" otherwise; `complain` is told of every change of it, in
    the writer's thread.
    """

    append: Callable[[Record], None]

    def __init__(
        self,
        path: Path | None,
        *,
        command: str = "",
        seed: int = 0,
        limits: Limits | None = None,
        complain: Callable[[str], None] | None = None,
    ) -> None:
        self.limits = limits = limits or Limits()
        self.path = path
        self.run = Run(time.time(), os.getpid(), seed, command, born(os.getpid()))
        self.trouble = ""
        self.unlisted = 0  # connections that were too many to keep
        self._complain = complain
        self._ring: deque[Record] = deque(maxlen=limits.ring)
        self.append = self._ring.append
        self._number = 1  # the next connection's
        self._stop = self._alarm = _ENDLESS  # where our numbers end, and where `begin` asks for more
        self._reserved: range | None = None  # the block to go on with
        self._short = False  # more numbers are wanted
        self._block = limits.numbers
        self._sequence = 1
        self._followers: tuple[Follower, ...] = ()
        now = time.monotonic()
        self._records_left = Allowance(limits.burst_records, limits.records_per_second, now)
        self._bytes_left = Allowance(limits.burst_bytes, limits.bytes_per_second, now)
        self._connections_left = Allowance(limits.burst_connections, limits.connections_per_second, now)

        self._memory_lock = threading.Lock()  # guards the next four, which other threads read
        self._live: dict[int, Connection] = {}
        self._past: deque[Connection] = deque(maxlen=limits.connections)
        self._memory: deque[Packed] = deque()
        self._memory_size = 0

        self._file: File | None = None
        self._unwritten: deque[Packed] = deque()
        self._unwritten_size = 0
        self._changed: dict[int, Connection] = {}
        self._thinned: dict[int, Connection] = {}  # changed in nothing but what was left out: not worth a row each time
        self._thinned_at = 0.0
        self._asked_at = 0.0
        self._owed = 0  # a reader's request that is not answered yet
        self._retry_at = 0.0
        self._busy_since = 0.0
        self._troubles: dict[str, str] = {}
        self._turn = threading.Condition()
        self._wanted = self._done = 0
        self._closing = False
        if path is not None:
            self._open(path, OPEN_WAIT)
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()

    # -- for the loop's thread

    def begin(self, now: float, opened: Opened) -> int:
        """Return the number of a new connection, and record that it was opened."""
        number = self._number
        if number >= self._alarm:
            number = self._renew(number)
        self._number = number + 1
        self.append((OPENED, number, now, opened, 0))
        return number

    def _renew(self, number: int) -> int:
        """Have more numbers reserved before they run out, and return the number to go on with.

        Where they run out all the same, the run goes on counting: nobody waits for a file.
        """
        block = self._reserved
        if number >= self._stop and block is not None:
            self._reserved = None
            number = max(number, block.start)
            self._stop = max(number, block.stop)
            self._alarm = max(number + 1, self._stop - len(block) // 2)
            return number
        self._alarm = max(number + 1, self._stop)
        if not self._short and block is None:
            self._short = True
            self._wake()
        return number

    def _wake(self) -> None:
        with self._turn:
            self._turn.notify_all()

    # -- for everybody

    def follow(self, follower: Callable[[Sequence[Entry]], None]) -> Callable[[], None]:
        """Call `follower` in the writer's thread with all that comes from now on; return how to stop it.

        What comes is a `Batch`. A follower must not wait, since everything else does while it runs; one that raises
        is not called again.
        """
        with self._memory_lock:
            self._followers = (*self._followers, follower)

        def stop() -> None:
            with self._memory_lock:
                self._followers = tuple(other for other in self._followers if other is not follower)

        return stop

    def flush(self) -> None:
        """Wait until everything appended so far has reached followers, memory and, where that works, the file."""
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

    def connections(self) -> list[Connection]:
        """Return the connections in memory, newest first: all that are open, and the last that ended."""
        with self._memory_lock:
            found = [msgspec.structs.replace(one) for one in (*self._past, *self._live.values())]
        return sorted(found, key=lambda one: one.number, reverse=True)

    def connection(self, number: int) -> Connection | None:
        """Return connection `number`, None where memory does not hold it."""
        with self._memory_lock:
            found = self._live.get(number) or next((one for one in self._past if one.number == number), None)
            return None if found is None else msgspec.structs.replace(found)

    def transcript(self, connection: Connection) -> Transcript:
        """Return what memory holds of the bytes of `connection`."""
        with self._memory_lock:
            held = [batch.blob for batch in self._memory if batch.low <= connection.number <= batch.high]
        return transcript_of(connection, (record for blob in held for record in unpack(blob)))

    def records(self) -> list[Record]:
        """Return all records that memory holds, oldest first."""
        with self._memory_lock:
            held = [batch.blob for batch in self._memory]
        return [record for blob in held for record in unpack(blob)]

    # -- the writer's thread

    def _work(self) -> None:
        quiet = 0
        while True:
            with self._turn:
                if not self._closing and self._wanted == self._done:
                    self._turn.wait(self.limits.tick if quiet < 25 else self.limits.idle_tick)
                wanted, closing = self._wanted, self._closing
            try:
                # What a reader asked for before the ring is emptied is in the file when it is answered.
                self._asked()
                quiet = 0 if self._take() else quiet + 1
                self._store()
                if closing:
                    self._finish()
            except Exception as failed:  # noqa: BLE001 - the bench goes on, whatever is wrong in here
                self._say("journal", f"the journal failed: {type(failed).__name__}: {failed}")
            with self._turn:
                if closing or not self._is_owing():
                    self._done = wanted
                    self._turn.notify_all()
            if closing:
                return

    def _take(self) -> int:
        """Empty the ring; return how many records there were."""
        ring = self._ring
        count = len(ring)
        if not count:
            return 0
        if count == ring.maxlen:
            self._say("ring", "the journal's writer stood still for too long, and the oldest records were lost")
        records: Sequence[Record] = list(starmap(ring.popleft, repeat((), count)))  # a loop in C
        rare = [record for record in records if record[0] in RARE]
        batch = Batch(self._sequence, records, rare)
        self._sequence += count
        if rare:
            with self._memory_lock:
                for record in rare:
                    self._fold(record)
        for follower in self._followers:
            self._tell(follower, batch)
        self._keep(batch)
        return count

    def _fold(self, record: Record) -> None:
        kind, number, now, payload = record[:4]
        if kind == OPENED:
            if self._connections_left.at(time.monotonic()) < 1:
                self.unlisted += 1
                return
            self._connections_left.take(1)
            connection = self._live[number] = Connection(number, payload, now)
        else:
            found = self._live.get(number)
            if found is None:
                return
            connection = found
            connection.fold(record)
            if kind == ENDED:
                self._past.append(self._live.pop(number))
        self._changed[number] = connection

    def _tell(self, follower: Follower, batch: Batch) -> None:
        try:
            follower(batch)
        except Exception as failed:  # noqa: BLE001 - somebody else's code
            with self._memory_lock:
                self._followers = tuple(other for other in self._followers if other is not follower)
            self._say("follower", f"a follower failed and is told nothing more: {type(failed).__name__}: {failed}")

    def _keep(self, batch: Batch) -> None:
        """Pack what the allowance lets through, for memory and file."""
        now = time.monotonic()
        records, left_out = thin(batch.records, self._records_left.at(now))
        omitted = Counter(left_out)
        blob = pack(_with_omitted(records, omitted))
        allowed = self._bytes_left.at(now)
        if len(blob) > allowed:
            records = cut(records)
            blob = pack(_with_omitted(records, omitted))
        if len(blob) > allowed:
            records, left_out = thin(records, len(records) * allowed // len(blob))
            omitted.update(left_out)
            blob = pack(_with_omitted(records, omitted))
        if omitted:
            self._count_omitted(omitted)
        self._records_left.take(len(records))
        self._bytes_left.take(len(blob))
        numbers = {*map(_number_of, records), *omitted} - {0}
        packed = Packed(batch.first, batch.records[-1][2], min(numbers, default=0), max(numbers, default=0), blob)
        with self._memory_lock:
            self._memory.append(packed)
            self._memory_size += len(blob)
            while self._memory_size > self.limits.memory:
                self._memory_size -= len(self._memory.popleft().blob)
        if self.path is not None:
            self._unwritten.append(packed)
            self._unwritten_size += len(blob)
            while self._unwritten_size > self.limits.memory:
                self._skip(self._unwritten.popleft())

    def _count_omitted(self, omitted: Mapping[int, int]) -> None:
        with self._memory_lock:
            for number, count in omitted.items():
                connection = self._live.get(number) or self._changed.get(number)
                if connection is not None:
                    connection.omitted += count
                    self._thinned[number] = connection

    def _skip(self, batch: Packed) -> None:
        """Count the records of a batch that waited too long for the file."""
        self._unwritten_size -= len(batch.blob)
        self._count_omitted(Counter(record[1] for record in unpack(batch.blob) if record[0] not in RARE))

    # -- the file

    def _open(self, path: Path, wait: float) -> None:
        """Open the file, or say why that cannot be."""
        file = None
        try:
            file = File(path, self.run, self.limits, wait)
            reserved = None
            if file.join() < self._stop - 1:  # it is new to us: our numbers mean nothing there
                reserved = file.reserve(self._number - 1, self._block)
        except (sqlite3.Error, OSError, ForeignFile) as trouble:
            if file is not None:
                file.abandon()
            self._in_memory_only(trouble)
            return
        self._file = file
        if reserved is not None:
            self._reserved = reserved
            self._short = False
            self._stop = self._alarm = 0
        for connection in self._live.values():  # they began while there was no file, or another one
            connection.first_batch = 0
            self._changed[connection.number] = connection
        self._busy_since = 0.0
        self._say("file", "")

    def _in_memory_only(self, trouble: BaseException) -> None:
        self._file = None
        self._retry_at = time.monotonic() + self.limits.retry
        assert self.path is not None
        what, cure = explained(trouble, self.path)
        self._say("file", f"{what}; records stay in memory ({cure})")

    def _asked(self) -> None:
        """Look whether a reader waits for what is not written yet."""
        now = time.monotonic()
        if self._file is not None and now >= self._asked_at + ASK:
            self._asked_at = now
            with suppress(sqlite3.Error):  # `_store` will meet it too
                self._owed = max(self._owed, self._file.asked())

    def _store(self) -> None:
        """Write what is not written, look after the file, or try to get it back."""
        now = time.monotonic()
        if self.path is None:
            self._changed.clear()
            self._thinned.clear()
            return
        if self._file is None:
            if now >= self._retry_at:
                self._open(self.path, 0.1)
        elif self._file.is_gone(now):
            self._file.abandon()
            self._open(self.path, 0.1)
        file = self._file
        if file is None:
            for waiting in (self._changed, self._thinned):
                while len(waiting) > self.limits.burst_connections:  # it can last for days
                    del waiting[next(iter(waiting))]
            return
        try:
            if self._short:
                self._block = min(self._block * 4, MOST_NUMBERS)
                self._reserved = file.reserve(self._stop - 1, self._block)
                self._short = False
            if self._thinned and now >= self._thinned_at + 1.0:
                self._changed.update(self._thinned)
                self._thinned.clear()
                self._thinned_at = now
            if self._unwritten or self._changed or self._owed:
                file.write(self._unwritten, self._changed.values(), self._owed, self.unlisted)
                self._unwritten.clear()
                self._unwritten_size = self._owed = 0
                self._changed.clear()
            file.tidy(time.time())
        except (sqlite3.Error, OSError) as trouble:
            if not is_busy(trouble):
                file.abandon()
                self._in_memory_only(trouble)
                return
            self._busy_since = self._busy_since or now
            if now - self._busy_since > self.limits.busy:
                what, cure = explained(trouble, self.path)
                self._say("file", f"{what}; records wait in memory ({cure})")
        else:
            self._busy_since = 0.0
            self._say("file", "")

    def _is_owing(self) -> bool:
        """Tell whether a flush should wait for the file a little longer."""
        return bool(self._unwritten) and self._file is not None and not self._troubles.get("file")

    def _finish(self) -> None:
        """Write what can still be written, and leave the file."""
        deadline = time.monotonic() + FINISH_WAIT
        self._thinned_at = 0.0
        while (self._is_owing() or self._thinned) and self._file is not None and time.monotonic() < deadline:
            self._store()
        if self._file is not None:
            with suppress(sqlite3.Error, OSError):
                self._file.close(time.time())
            self._file = None

    def _say(self, about: str, text: str) -> None:
        if self._troubles.get(about, "") == text:
            return
        self._troubles[about] = text
        self.trouble = "; ".join(filter(None, self._troubles.values()))
        if self._complain is not None:
            with suppress(Exception):  # somebody else's code
                self._complain(self.trouble)
