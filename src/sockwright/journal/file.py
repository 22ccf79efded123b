"""The journal's file as its writers see it: SQLite, shared by every run of one user at the same time.

Readers are in `reader`. A batch is one row with one packed blob; a connection is one row, written when it opens and
when it ends. Several runs write by turns (WAL, one transaction per look into the ring).

Numbers that people see are unique in the file and ascending in each run: a run reserves a block above all that is used
or reserved by a living run, and what it did not use is free again when it ends, or is dead.
"""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from msgspec import structs

from sockwright.journal.batch import Packed
from sockwright.journal.connections import Connection
from sockwright.journal.limits import Limits
from sockwright.journal.runs import Run, is_alive
from sockwright.journal.schema import (
    APPLICATION,
    CHANGING,
    FIXED,
    SCHEMA,
    VERSION,
    check_kind,
    is_busy,
    keep_used,
    pragma,
    shrink,
)

# Fewer and larger pages halve the price of a batch, which is mostly one large blob (4 KiB: 0.31 us a record,
# 16 KiB: 0.22).
PAGE = 16384
# Bytes of old batches that go in one transaction: others wait no longer than that takes.
TRIM = 4 << 20
# Old connections that go in one transaction.
TRIM_CONNECTIONS = 2_000
# Runs that are remembered after their end.
RUNS = 1_000
# Two writes within this time may get the same stamp from the file system (nanoseconds).
STAMP = 20_000_000
# Between two looks at sizes and ages (seconds).
TIDY = 1.0

_UPSERT = (
    f"INSERT INTO connection ({FIXED}, {CHANGING}) VALUES ({', '.join('?' * 26)}) ON CONFLICT (number) DO UPDATE SET "
    + re.sub(r"(\w+)", r"\1 = excluded.\1", "proto, " + CHANGING)  # a tap recognises the protocol later
    + " WHERE run = excluded.run"  # never somebody else's, should a number ever be used twice
)


class File:
    """The file, open for one run. Everything may raise `sqlite3.Error`; `ForeignFile` only when opened."""

    def __init__(self, path: Path, run: Run, limits: Limits, wait: float) -> None:
        """Open or make the file, waiting at most `wait` seconds for others."""
        self.path = path
        self.limits = limits
        self.run = run
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # What went over the wire is nobody else's business. Only a file that is not there is opened by hand: closing
        # a descriptor drops every lock that SQLite holds on that file elsewhere in this process.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        self._inode = os.stat(path).st_ino
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=wait)
        try:
            self._prepare(time.monotonic() + wait)
            self._tidy_at = self._look_at = 0.0
            self._log = f"{path}-wal"
            self._log_seen = (-1, 0)
            self._answered = 0
            self.run_id = 0
        except BaseException:
            self._db.close()
            raise

    def _prepare(self, deadline: float) -> None:
        while True:
            try:
                self._make()
                break
            except sqlite3.OperationalError as trouble:
                # Switching to WAL does not wait for others by itself.
                if not is_busy(trouble) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute(f"PRAGMA wal_autocheckpoint = {1000 * 4096 // PAGE}")
        self._db.execute(f"PRAGMA journal_size_limit = {self.limits.wal}")
        self._db.execute("PRAGMA busy_timeout = 200")  # a batch can wait in memory

    def _make(self) -> None:
        db = self._db
        check_kind(db, self.path)
        db.execute(f"PRAGMA page_size = {PAGE}")
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL")
        with self._transaction():
            if pragma(db, "user_version") == 0:
                for statement in SCHEMA.split(";\n"):
                    db.execute(statement)
                db.execute(f"PRAGMA application_id = {APPLICATION}")
                db.execute(f"PRAGMA user_version = {VERSION}")

    def join(self) -> int:
        """Make the run known, and return the highest number that it has reserved here before (0: none).

        Runs that died are closed on the way.
        """
        db, run = self._db, self.run
        with self._transaction():
            known = db.execute(
                "SELECT id, reserved FROM run WHERE pid = ? AND born = ? AND started = ? AND ended IS NULL",
                (run.pid, run.born, run.started),
            ).fetchone()
            if known:
                self.run_id = known[0]
                reserved: int = known[1]
                return reserved
            self._bury()
            asked = db.execute("SELECT value FROM meta WHERE name = 'asked'").fetchone()[0]
            cursor = db.execute(
                "INSERT INTO run (pid, born, started, command, seed, reserved, answered, unlisted) "
                "VALUES (?, ?, ?, ?, ?, 0, ?, 0)",
                (run.pid, run.born, run.started, run.command, run.seed, asked),
            )
            self.run_id = cursor.lastrowid or 0
            db.execute("DELETE FROM run WHERE ended IS NOT NULL AND id < ?", (self.run_id - RUNS,))
        return 0

    def reserve(self, last: int, count: int) -> tuple[range, range]:
        """Reserve `count` numbers for this run, above `last` and above what anybody used or holds.

        Returns them, and all numbers that are this run's by that: what it may have used up to `last` without asking
        belongs to them where nobody else did.
        """
        db = self._db
        with self._transaction():
            used = db.execute(
                "SELECT max((SELECT coalesce(max(number), 0) FROM connection), (SELECT value FROM meta WHERE name = "
                "'used'), (SELECT coalesce(max(reserved), 0) FROM run WHERE ended IS NULL AND id <> ?))",
                (self.run_id,),
            ).fetchone()[0]
            start = max(used, last) + 1
            numbers = range(start, start + count)
            db.execute("UPDATE run SET reserved = ? WHERE id = ?", (numbers[-1], self.run_id))
        return numbers, range(used + 1, numbers.stop)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    def _bury(self) -> None:
        """Close the runs whose processes are gone, and mark what they left open as lost."""
        db = self._db
        for run, pid, born, started in db.execute(
            "SELECT id, pid, born, started FROM run WHERE ended IS NULL"
        ).fetchall():
            if run != self.run_id and not is_alive(pid, born):
                # When it died nobody wrote down; its last batch is near enough, where that is among the newest.
                last = db.execute(
                    "SELECT max(time) FROM batch WHERE run = ? AND id > (SELECT max(id) FROM batch) - 1000", (run,)
                ).fetchone()[0]
                self._finish(run, last or started)

    def _finish(self, run: int, ended: float) -> None:
        last = self._db.execute("SELECT coalesce(max(id), 1) FROM batch").fetchone()[0]
        self._db.execute("UPDATE connection SET last_batch = ?, lost = 1 WHERE last_batch = 0 AND run = ?", (last, run))
        self._db.execute("UPDATE run SET ended = ? WHERE id = ?", (ended, run))

    def asked(self) -> int:
        """Return the number of the last request of a reader to write what there is, 0 where there is no new one.

        A request is written to the log, whose state is asked for at every look: a stat is a tenth of what
        `PRAGMA data_version` costs a thread that has slept.
        """
        log = self._log_state()
        if log == self._log_seen:
            return 0
        value: int = self._db.execute("SELECT value FROM meta WHERE name = 'asked'").fetchone()[0]
        if time.time_ns() - log[0] > STAMP:
            self._log_seen = log
        return value if value > self._answered else 0

    def _log_state(self) -> tuple[int, int]:
        try:
            state = os.stat(self._log)
        except OSError:
            return (0, 0)
        return (state.st_mtime_ns, state.st_size)

    def write(self, batches: Sequence[Packed], changed: Iterable[Connection], answered: int, unlisted: int) -> None:
        """Write `batches` and what changed of connections, in one transaction; answer a reader's request."""
        db = self._db
        with self._transaction():
            first = last = 0
            for batch in batches:
                cursor = db.execute(
                    "INSERT INTO batch (run, time, first, low, high, records) VALUES (?, ?, ?, ?, ?, ?)",
                    (self.run_id, batch.time, batch.first, batch.low, batch.high, batch.blob),
                )
                last = cursor.lastrowid or 0
                first = first or last
            if not last:
                first = last = db.execute("SELECT coalesce(max(id), 1) FROM batch").fetchone()[0]
            db.executemany(_UPSERT, [self._row(connection, first, last) for connection in changed])
            if answered or unlisted:
                db.execute(
                    "UPDATE run SET answered = max(answered, ?), unlisted = ? WHERE id = ?",
                    (answered, unlisted, self.run_id),
                )
        self._answered = max(self._answered, answered)

    def _row(self, connection: Connection, first: int, last: int) -> tuple[Any, ...]:
        opened, ended = connection.opened, connection.ended
        connection.first_batch = connection.first_batch or first
        connection.last_batch = last if ended is not None else 0
        return (
            connection.number,
            self.run_id,
            *structs.astuple(opened),
            connection.since,
            connection.first_batch,
            connection.until,
            *((None,) * 7 if ended is None else structs.astuple(ended)),
            connection.notes,
            connection.faults,
            connection.omitted,
            connection.remark,
            connection.last_batch,
            0,
        )

    def is_gone(self, now: float) -> bool:
        """Tell whether somebody removed or replaced the file under us; looks once a second (of any clock)."""
        if now < self._look_at:
            return False
        self._look_at = now + TIDY
        try:
            return os.stat(self.path).st_ino != self._inode
        except OSError:
            return True

    def tidy(self, now: float) -> None:
        """Once a second look at sizes and ages; take away a little of what is too old or too much."""
        if now < self._tidy_at:
            return
        self._tidy_at = now + TIDY
        if self._trim(now):
            self._tidy_at = now  # and go on at the next look
        try:
            wal = os.stat(self._log).st_size
        except OSError:
            wal = 0
        if wal > self.limits.wal:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _trim(self, now: float) -> bool:
        """Take away the oldest batches, up to TRIM bytes, and tell whether there is more to do."""
        db = self._db
        page, count, free = (pragma(db, name) for name in ("page_size", "page_count", "freelist_count"))
        excess = (count - free) * page - self.limits.file
        oldest = db.execute("SELECT id, time, length(records) FROM batch ORDER BY id LIMIT 100").fetchall()
        gone = freed = 0
        for batch, when, size in oldest:
            if freed >= excess and now - when <= self.limits.age:
                break
            gone, freed = batch, freed + size + 100
            if freed >= TRIM:
                break
        if gone:
            with self._transaction():
                db.execute("DELETE FROM batch WHERE id <= ?", (gone,))
                self._forget(gone)
        if count * page > self.limits.file * 1.25:  # the limit was lowered, or much went at once
            shrink(db, TRIM // page)
            db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        return gone > 0

    def _forget(self, batch: int) -> None:
        """Remove connections that ended no later than in `batch`."""
        db = self._db
        keep_used(db)
        db.execute(
            "DELETE FROM connection WHERE number IN "
            "(SELECT number FROM connection WHERE last_batch BETWEEN 1 AND ? LIMIT ?)",
            (batch, TRIM_CONNECTIONS),
        )

    def close(self, now: float) -> None:
        """Say that the run is over, and close the file."""
        try:
            with self._transaction():
                self._finish(self.run_id, now)
        finally:
            self._db.close()

    def abandon(self) -> None:
        """Close the file without a word, after trouble."""
        try:
            self._db.close()
        except sqlite3.Error:
            pass
