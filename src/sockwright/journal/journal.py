"""The journal of one run: who saw something happen appends a plain tuple, a thread does the rest.

    loop's thread                    writer's thread, every `tick`
      append(record) --> ring -->      number the records, tell the followers, keep them in memory, write the file

The ring is bounded and never makes anybody wait. Who appends before the bytes go out has the record before their
effect. Trouble with the file costs nobody anything but the file: it is said once, and the file is tried again.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import repeat, starmap
from operator import itemgetter
from pathlib import Path

from sockwright.backstage import PIECE, REST, stand_back
from sockwright.journal.batch import Batch, Packed, pack
from sockwright.journal.connections import Connection
from sockwright.journal.limits import Limits
from sockwright.journal.memory import Memory
from sockwright.journal.numbers import Numbers
from sockwright.journal.records import OMITTED, OPENED, RARE, Entry, Opened, Record
from sockwright.journal.runs import Run, born
from sockwright.journal.thinning import CUT, Allowance, cut, thin
from sockwright.journal.transcript import Transcript
from sockwright.journal.writer import Writer

Follower = Callable[[Sequence[Entry]], None]

# Looks at an empty ring after which the writer looks less often.
QUIET = 25
# One record in so many is weighed to learn what all weigh ...
SAMPLE = 16
# ... and so much more than is allowed is taken all the same: what comes later pays for it.
SLACK = 1.25

_number_of = itemgetter(1)


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
        self._troubles: dict[str, str] = {}
        self._complain = complain
        self._turn = threading.Condition()  # guards the next three, and wakes the writer
        self._wanted = self._done = 0  # flushes
        self._closing = False

        self._ring: deque[Record] = deque(maxlen=limits.ring)
        self.append = self._ring.append
        self._numbers = Numbers(limits.numbers, self._wake)
        self._sequence = 1
        self._followers: tuple[Follower, ...] = ()

        now = time.monotonic()
        self._records_left = Allowance(limits.burst_records, limits.records_per_second, now)
        self._bytes_left = Allowance(limits.burst_bytes, limits.bytes_per_second, now)
        self._connections_left = Allowance(limits.burst_connections, limits.connections_per_second, now)
        self._unlisted = 0
        self._memory = Memory(limits.memory, limits.connections)
        self._writer: Writer | None = None
        if path is not None:
            self._writer = Writer(path, self.run, limits, self._numbers, lambda text: self._say("file", text))
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()

    # -- for the loop's thread

    def begin(self, now: float, opened: Opened) -> int:
        """Return the number of a new connection, and record that it was opened."""
        number = self._numbers.take()
        self.append((OPENED, number, now, opened, 0))
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
        with self._turn:
            self._followers = (*self._followers, follower)
        return lambda: self._unfollow(follower)

    def _unfollow(self, follower: Follower) -> None:
        with self._turn:
            self._followers = tuple(other for other in self._followers if other is not follower)

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

    @property
    def unlisted(self) -> int:
        """Connections that were too many to keep."""
        return self._unlisted + (self._writer.unlisted if self._writer is not None else 0)

    def connections(self) -> list[Connection]:
        """Return the connections in memory, newest first: all that are open, and the last that ended."""
        return self._memory.connections()

    def connection(self, number: int) -> Connection | None:
        """Return connection `number`, None where memory does not hold it."""
        return self._memory.connection(number)

    def transcript(self, connection: Connection, batches: int = -1) -> Transcript:
        """Return what memory holds of the bytes of `connection`; with `batches` only what its first ones hold."""
        return self._memory.transcript(connection, batches)

    def forget(self) -> int:
        """Forget in memory what has ended, and all bytes; return how many connections that was. Not in the file."""
        return self._memory.forget()

    def records(self) -> list[Record]:
        """Return all records that memory holds, oldest first."""
        return self._memory.records()

    # -- the writer's thread

    def _work(self) -> None:
        stand_back()
        quiet = 0
        while True:
            with self._turn:
                if not self._closing and self._wanted == self._done:
                    self._turn.wait(self.limits.tick if quiet < QUIET else self.limits.idle_tick)
                wanted, closing = self._wanted, self._closing
            try:
                quiet = 0 if self._turn_round(closing) else quiet + 1
            except Exception as failed:  # noqa: BLE001 - the bench goes on, whatever is wrong in here
                self._say("journal", f"the journal failed: {type(failed).__name__}: {failed}")
            with self._turn:
                if closing or self._writer is None or not self._writer.is_owing:
                    self._done = wanted
                    self._turn.notify_all()
            if closing:
                return

    def _turn_round(self, closing: bool) -> int:
        """Empty the ring and write the file; return how many records there were."""
        writer = self._writer
        if writer is None:
            return self._take()
        writer.look()
        count = self._take()
        if closing:
            writer.finish(self._memory.live, self._unlisted)
        else:
            writer.store(self._memory.live, self._unlisted)
        return count

    def _take(self) -> int:
        """Empty the ring of what it holds now; return how many records that was."""
        count = left = len(self._ring)
        if count == self._ring.maxlen:
            self._say("ring", "the journal's writer stood still for too long, and the oldest records were lost")
        while left:
            self._take_in(min(left, PIECE))
            left -= min(left, PIECE)
            if left:
                time.sleep(REST if len(self._ring) < self.limits.ring // 2 else 0)
        return count

    def _take_in(self, count: int) -> None:
        records: Sequence[Record] = list(starmap(self._ring.popleft, repeat((), count)))  # a loop in C
        rare = [record for record in records if record[0] in RARE]
        batch = Batch(self._sequence, records, rare)
        self._sequence += count
        changed = self._fold(rare) if rare else {}
        for follower in self._followers:
            self._tell(follower, batch)
        self._keep(records, batch.first, changed, all_bulk=not rare)

    def _fold(self, rare: Sequence[Record]) -> dict[int, Connection]:
        room = self._connections_left.at(time.monotonic())
        changed, refused = self._memory.fold(rare, room)
        self._connections_left.take(sum(record[0] == OPENED for record in rare) - refused)
        self._unlisted += refused
        return changed

    def _tell(self, follower: Follower, batch: Batch) -> None:
        try:
            follower(batch)
        except Exception as failed:  # noqa: BLE001 - somebody else's code
            self._unfollow(follower)
            self._say("follower", f"a follower failed and is told nothing more: {type(failed).__name__}: {failed}")

    def _keep(self, records: Sequence[Record], first: int, changed: dict[int, Connection], *, all_bulk: bool) -> None:
        """Pack what the allowance lets through, for memory and file."""
        now, last = time.monotonic(), records[-1][2]
        most, allowed = self._records_left.at(now), self._bytes_left.at(now)
        if allowed < len(records) * CUT and len(records) > SAMPLE:
            # To pack what does not fit, just to see that, would cost more than all else here.
            sample = records[::SAMPLE]
            each = len(pack(sample)) // len(sample)
            if each < CUT:
                most = min(most, allowed // each)
        records, left_out = thin(records, most, all_bulk)
        omitted = Counter(left_out)
        blob = pack(_with_omitted(records, omitted))
        if len(blob) > allowed * SLACK:
            records = cut(records)
            blob = pack(_with_omitted(records, omitted))
        if len(blob) > allowed * SLACK:
            records, left_out = thin(records, len(records) * allowed // len(blob))
            omitted.update(left_out)
            blob = pack(_with_omitted(records, omitted))
        self._records_left.take(len(records))
        self._bytes_left.take(len(blob))
        numbers = {*map(_number_of, records), *omitted} - {0}
        packed = Packed(first, last, min(numbers, default=0), max(numbers, default=0), blob)
        self._memory.keep(packed)
        if self._writer is not None:
            omitted.update(self._writer.add(packed, changed))
        if omitted:
            counted = self._memory.count_omitted(omitted, changed)
            if self._writer is not None:
                self._writer.count(counted)

    def _say(self, about: str, text: str) -> None:
        if self._troubles.get(about, "") == text:
            return
        self._troubles[about] = text
        self.trouble = "; ".join(filter(None, self._troubles.values()))
        if self._complain is not None:
            with suppress(Exception):  # somebody else's code
                self._complain(self.trouble)


def _with_omitted(records: Sequence[Record], omitted: Mapping[int, int]) -> Sequence[Record]:
    """Return `records` with what was left out before them told first."""
    return [(OMITTED, 0, records[0][2], dict(omitted), 0), *records] if omitted and records else records
