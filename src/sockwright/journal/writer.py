"""Keeps the file up to date, as far as the file lets it: everything here runs in the writer's thread.

Trouble leaves this module as words alone: a full disk, a foreign or broken file, one that is locked or removed. What
could not be written waits, within bounds, and the file is tried again.
"""

from __future__ import annotations

import sqlite3
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from sockwright.journal.batch import Packed, unpack
from sockwright.journal.connections import Connection
from sockwright.journal.file import File
from sockwright.journal.limits import Limits
from sockwright.journal.numbers import Numbers
from sockwright.journal.records import RARE
from sockwright.journal.runs import Run
from sockwright.journal.schema import ForeignFile, explained, is_busy

# Opening the file must not keep the bench from starting, nor the writer from emptying the ring (seconds).
OPEN_WAIT = 0.5
REOPEN_WAIT = 0.1
# How long the end of a run waits for the file (seconds).
FINISH_WAIT = 1.0
# Between two looks whether a reader waits, and between two rows for what changed in nothing but what was left out
# (seconds).
ASK = 0.08
COUNT = 1.0


class Writer:
    """Writes batches and connections. `say` is told what is wrong, and "" when nothing is any more."""

    def __init__(self, path: Path, run: Run, limits: Limits, numbers: Numbers, say: Callable[[str], None]) -> None:
        self.path = path
        self.run = run
        self.limits = limits
        self.unlisted = 0  # connections whose numbers turned out to be somebody else's
        self._numbers = numbers
        self._say = say
        self._file: File | None = None
        self._batches: deque[Packed] = deque()  # not written yet
        self._size = 0
        self._changed: dict[int, Connection] = {}
        self._thinned: dict[int, Connection] = {}
        self._thinned_at = 0.0
        self._asked_at = 0.0
        self._owed = 0  # a reader's request that is not answered yet
        self._retry_at = 0.0
        self._busy_since = 0.0
        self._is_in_trouble = False
        self._open(OPEN_WAIT, ())

    # -- what there is to write

    def add(self, batch: Packed, changed: Mapping[int, Connection]) -> Counter[int]:
        """Take a batch and the connections that changed by it.

        Returns how many records of which connection have waited too long, and are let go for it.
        """
        self._changed.update(changed)
        self._batches.append(batch)
        self._size += len(batch.blob)
        gone: Counter[int] = Counter()
        while self._size > self.limits.memory:
            old = self._batches.popleft()
            self._size -= len(old.blob)
            gone.update(record[1] for record in unpack(old.blob) if record[0] not in RARE)
        return gone

    def count(self, thinned: Iterable[Connection]) -> None:
        """Take connections that changed in nothing but what was left out: they are not worth a row each time."""
        for connection in thinned:
            self._thinned[connection.number] = connection

    # -- writing

    def look(self) -> None:
        """See whether a reader waits for what is not written yet. To be called before the ring is emptied."""
        now = time.monotonic()
        if self._file is not None and now >= self._asked_at + ASK:
            self._asked_at = now
            with suppress(sqlite3.Error):  # `store` will meet it too
                self._owed = max(self._owed, self._file.asked())

    def store(self, live: Callable[[], Iterable[Connection]], unlisted: int) -> None:
        """Write what is not written, look after the file, or try to get it back; `live` are the open connections."""
        now = time.monotonic()
        if self._file is None:
            if now >= self._retry_at:
                self._open(REOPEN_WAIT, live())
        elif self._file.is_gone(now):
            self._file.abandon()
            self._open(REOPEN_WAIT, live())
        file = self._file
        if file is None:
            self._forget()
            return
        try:
            if self._numbers.is_short:
                self._numbers.extend(file)
            if self._thinned and now >= self._thinned_at + COUNT:
                self._changed.update(self._thinned)
                self._thinned.clear()
                self._thinned_at = now
            if self._batches or self._changed or self._owed:
                self._write(file, unlisted)
            file.tidy(time.time())
        except (sqlite3.Error, OSError) as trouble:
            self._meet(trouble, now)
        else:
            self._busy_since = 0.0
            self._tell("")

    def _write(self, file: File, unlisted: int) -> None:
        ours = [one for number, one in self._changed.items() if self._numbers.owns(number)]
        strangers = len(self._changed) - len(ours)
        file.write(self._batches, ours, self._owed, unlisted + self.unlisted)
        if strangers:
            self.unlisted += sum(
                one.ended is not None and not self._numbers.owns(number) for number, one in self._changed.items()
            )
        self._batches.clear()
        self._changed.clear()
        self._size = self._owed = 0

    @property
    def is_owing(self) -> bool:
        """Tell whether somebody who waits for the file should wait a little longer."""
        return bool(self._batches) and self._file is not None and not self._is_in_trouble

    def finish(self, live: Callable[[], Iterable[Connection]], unlisted: int) -> None:
        """Write what can still be written, and leave the file."""
        deadline = time.monotonic() + FINISH_WAIT
        self._thinned_at = 0.0
        self.store(live, unlisted)
        while self.is_owing and time.monotonic() < deadline:
            self.store(live, unlisted)
        if self._file is not None:
            with suppress(sqlite3.Error, OSError):
                self._file.close(time.time())
            self._file = None

    # -- trouble

    def _open(self, wait: float, live: Iterable[Connection]) -> None:
        """Open the file, or say why that cannot be."""
        self._file = file = None
        try:
            file = File(self.path, self.run, self.limits, wait)
            self._numbers.register(file)
        except (sqlite3.Error, OSError, ForeignFile) as trouble:
            if file is not None:
                file.abandon()
            self._lose(trouble)
            return
        self._file = file
        for connection in (*live, *self._changed.values()):  # they began without a file, or with another one
            connection.first_batch = 0
            self._changed[connection.number] = connection
        self._busy_since = 0.0  # that the trouble is over is said when something was written

    def _meet(self, trouble: sqlite3.Error | OSError, now: float) -> None:
        if not is_busy(trouble):
            if self._file is not None:
                self._file.abandon()
            self._lose(trouble)
            return
        self._busy_since = self._busy_since or now
        if now - self._busy_since > self.limits.busy:
            what, cure = explained(trouble, self.path)
            self._tell(f"{what}; records wait in memory ({cure})")

    def _lose(self, trouble: BaseException) -> None:
        self._file = None
        self._retry_at = time.monotonic() + self.limits.retry
        what, cure = explained(trouble, self.path)
        self._tell(f"{what}; records stay in memory ({cure})")

    def _tell(self, text: str) -> None:
        self._is_in_trouble = bool(text)
        self._say(text)

    def _forget(self) -> None:
        """Bound what waits for a file that does not come back: that can last for days."""
        for waiting in (self._changed, self._thinned):
            while len(waiting) > self.limits.burst_connections:
                del waiting[next(iter(waiting))]
