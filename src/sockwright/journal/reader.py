"""The journal's file as its readers see it: other processes, while runs go on writing."""

from __future__ import annotations

import os
import sqlite3
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import msgspec

from sockwright import config
from sockwright.errors import ConfigError
from sockwright.journal.batch import unpack
from sockwright.journal.connections import Connection
from sockwright.journal.records import OMITTED, Ended, Opened, Record
from sockwright.journal.runs import is_alive
from sockwright.journal.schema import (
    CHANGING,
    FIXED,
    ForeignFile,
    check_kind,
    explained,
    keep_used,
    pragma,
    shrink,
)
from sockwright.journal.transcript import Transcript, transcript_of

# How long a reader waits for a writer's transaction (seconds).
BUSY = 5.0
# How long `catch_up` waits for the living runs, and between two looks (seconds).
CATCH_UP = 2.0
LOOK = 0.005
# For how long a run is thought to live on before its process is looked for again (seconds).
LIVING = 0.2
# Connections fetched at once: a read that stays open would keep the writers from emptying their log.
PAGE = 500
# Unpacked batches that are kept: transcripts are asked for in the order of their numbers.
BATCHES = 64

_SELECT = f"SELECT {FIXED}, {CHANGING} FROM connection"


def default_path() -> Path:
    """Return where the journal of this user is."""
    return config.home().data / "journal.db"


def is_there(path: Path) -> bool:
    """Tell whether there is a journal at `path`: neither nothing, nor one that somebody makes just now."""
    try:
        if not path.stat().st_size:
            return False
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY)) as db:
            return bool(db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    except FileNotFoundError:
        return False
    except (OSError, sqlite3.Error):
        return True  # whoever opens it will say what is wrong with it


class Written(NamedTuple):
    """One batch in the file."""

    id: int
    run: int
    records: list[Record]


class Reader:
    """Reads one journal file; a context manager. May be used in the thread that made it.

    Raises: ConfigError where there is no journal, or the file cannot be read; FileNotFoundError is `missing`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            raise ConfigError(f"there is no journal yet at {path}", cure="`sockwright up` or `serve` begins one")
        try:
            self._db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=BUSY
            )
            check_kind(self._db, path)
            if not self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                raise ForeignFile(f"{path} is empty")
        except (sqlite3.Error, ForeignFile) as trouble:
            what, cure = explained(trouble, path)
            raise ConfigError(what, cure=cure) from None
        self._inode = os.stat(path).st_ino
        self._unpacked: OrderedDict[int, dict[int, list[Record]]] = OrderedDict()
        self._version = -1
        self._alive: set[int] = set()
        self._living_at = float("-inf")

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()

    # -- connections

    def connections(self, below: int | None = None) -> Iterator[Connection]:
        """Yield the connections in the file, those with the highest numbers first."""
        alive = self._living()
        last = below if below is not None else 1 << 62
        while True:
            rows = self._db.execute(f"{_SELECT} WHERE number < ? ORDER BY number DESC LIMIT ?", (last, PAGE)).fetchall()
            for row in rows:
                yield _connection(row, alive)
            if len(rows) < PAGE:
                return
            last = rows[-1][0]

    def connection(self, number: int) -> Connection | None:
        """Return connection `number`, None where the file does not hold it."""
        row = self._db.execute(f"{_SELECT} WHERE number = ?", (number,)).fetchone()
        return None if row is None else _connection(row, self._living())

    def ended_since(self, batch: int, up_to: int) -> list[Connection]:
        """Return what ended (or was lost) in the batches after `batch` up to `up_to`, in the order of their end."""
        rows = self._db.execute(
            f"{_SELECT} WHERE last_batch > ? AND last_batch <= ? ORDER BY last_batch, until, number", (batch, up_to)
        ).fetchall()
        return [_connection(row, set()) for row in rows]

    def open_connections(self, batch: int = 0) -> list[Connection]:
        """Return what opened after `batch` and is open now."""
        rows = self._db.execute(
            f"{_SELECT} WHERE last_batch = 0 AND first_batch > ? ORDER BY number", (batch,)
        ).fetchall()
        alive = self._living() if rows else set()
        return [one for one in (_connection(row, alive) for row in rows) if not one.lost]

    # -- bytes

    def transcript(self, connection: Connection, batches: int = -1) -> Transcript:
        """Return what the file holds of the bytes of `connection`; with `batches` only what its first ones hold."""
        return transcript_of(connection, self._records(connection, batches))

    def _records(self, connection: Connection, batches: int) -> Iterator[Record]:
        number = connection.number
        last = connection.last_batch or 1 << 62
        rows = self._db.execute(
            "SELECT id FROM batch WHERE id BETWEEN ? AND ? AND run = ? AND low <= ? AND high >= ? ORDER BY id LIMIT ?",
            (connection.first_batch, last, connection.run, number, number, batches),
        ).fetchall()
        for (batch,) in rows:
            yield from self._unpack(batch).get(number, ())

    def _unpack(self, batch: int) -> dict[int, list[Record]]:
        """Return a batch's records by connection; those that concern several stand with each."""
        held = self._unpacked.get(batch)
        if held is not None:
            self._unpacked.move_to_end(batch)
            return held
        row = self._db.execute("SELECT records FROM batch WHERE id = ?", (batch,)).fetchone()
        by_number: dict[int, list[Record]] = {}
        for record in _records_of(row[0]) if row else ():
            if record[0] == OMITTED:
                for number in record[3]:
                    by_number.setdefault(number, []).append(record)
            else:
                by_number.setdefault(record[1], []).append(record)
        self._unpacked[batch] = by_number
        if len(self._unpacked) > BATCHES:
            self._unpacked.popitem(last=False)
        return by_number

    def batches(self, after: int) -> Iterator[Written]:
        """Yield the batches written after batch `after`."""
        while True:
            rows = self._db.execute(
                "SELECT id, run, records FROM batch WHERE id > ? ORDER BY id LIMIT 5", (after,)
            ).fetchall()
            for batch, run, blob in rows:
                yield Written(batch, run, _records_of(blob))
                after = batch
            if len(rows) < 5:
                return

    def last_batch(self) -> int:
        """Return the newest batch's id, 0 where there is none."""
        newest: int = self._db.execute("SELECT coalesce(max(id), 0) FROM batch").fetchone()[0]
        return newest

    # -- waiting

    def has_changed(self) -> bool:
        """Tell whether anybody wrote since the last call; costs a few microseconds."""
        version = pragma(self._db, "data_version")
        changed = version != self._version
        self._version = version
        return changed

    def is_gone(self) -> bool:
        """Tell whether the file was removed or replaced."""
        try:
            return os.stat(self.path).st_ino != self._inode
        except OSError:
            return True

    def catch_up(self, wait: float = CATCH_UP) -> bool:
        """Have the living runs write what they hold; tell whether all did within `wait` seconds.

        So whoever has seen an effect finds its record, though the runs write in batches.
        """
        if not self._find_living():
            return True
        try:
            self._db.execute("UPDATE meta SET value = value + 1 WHERE name = 'asked'")
        except sqlite3.Error:  # we may only read: then a run's own rhythm must do
            time.sleep(min(wait, 0.25))
            return False
        asked = self._db.execute("SELECT value FROM meta WHERE name = 'asked'").fetchone()[0]
        deadline = time.monotonic() + wait
        while True:
            owing = self._db.execute("SELECT id, pid, born FROM run WHERE ended IS NULL AND answered < ?", (asked,))
            if not any(is_alive(pid, born) for _, pid, born in owing.fetchall()):
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK)

    def _living(self) -> set[int]:
        """Return the runs that go on, as of a moment ago."""
        now = time.monotonic()
        if now - self._living_at > LIVING:
            self._living_at = now
            self._alive = self._find_living()
        return self._alive

    def _find_living(self) -> set[int]:
        rows = self._db.execute("SELECT id, pid, born FROM run WHERE ended IS NULL").fetchall()
        return {run for run, pid, born in rows if is_alive(pid, born)}

    # -- forgetting

    def clear(self) -> tuple[int, int]:
        """Forget all that has ended; return how many connections and bytes that was.

        What is open in a living run keeps its row, without what was said so far.
        """
        db = self._db
        before = pragma(db, "page_count") * pragma(db, "page_size")
        living = self._find_living()
        db.execute("BEGIN IMMEDIATE")
        try:
            keep_used(db)
            db.execute("DELETE FROM batch")
            marks = ", ".join("?" * len(living))
            gone = db.execute(
                f"DELETE FROM connection WHERE last_batch > 0 OR run NOT IN ({marks})", tuple(living)
            ).rowcount
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        shrink(db, pragma(db, "freelist_count"))
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return gone, max(0, before - pragma(db, "page_count") * pragma(db, "page_size"))


def _records_of(blob: bytes) -> list[Record]:
    try:
        return unpack(blob)
    except (msgspec.DecodeError, msgspec.ValidationError, TypeError, ValueError):
        return []  # a batch that cannot be read is as if it had not been kept


def _connection(row: tuple[Any, ...], alive: set[int]) -> Connection:
    number, run, *rest = row
    opened = Opened(*rest[:8])
    since, first, until = rest[8:11]
    ended = None if rest[12] is None else Ended(*rest[11:18])
    notes, faults, omitted, remark, last, lost = rest[18:]
    lost = bool(lost) or (ended is None and run not in alive)
    return Connection(number, opened, since, until, ended, notes, faults, omitted, remark, run, first, last, lost)
