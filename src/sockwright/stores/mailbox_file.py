"""The mailbox in a file (SQLite, WAL, `synchronous = FULL`): every process of one user shares it.

One thread writes. What comes while it waits for the disk goes into the next transaction together, so a hundred
sessions share one wait (`mailbox_intake`). What is kept and how it is found again stands in `mailbox_lines`.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter

from sockwright.backstage import stand_back
from sockwright.binding import Refusal
from sockwright.errors import ConfigError
from sockwright.stores import mailbox_lines
from sockwright.stores.mailbox import EVERYTHING, Entry, Limits, Query
from sockwright.stores.mailbox_intake import Intake
from sockwright.stores.transaction import transaction
from sockwright.wire.mail import Mail

# "Mail", in the header of the file: how we, and file(1), know it from others.
APPLICATION = 0x4D61696C
VERSION = 2
BUSY = 5.0  # seconds
WAL = 32 << 20  # bytes to which the log is cut back
PAGE = 16_384  # bytes: a large mail costs two thirds of what it does in pages of 4096, a small one no more
CHECKPOINT = (16 << 20) // PAGE  # pages of the log
# Lines are written when nothing came for so long (seconds), so many at once, and under load when so many are missing:
# reading that many heads takes a twentieth of a second, which a search may have to wait.
RESTS, LINES, LACKING = 0.1, 200, 5_000
# Mails above the limit before the oldest go: each time costs looking at all lines.
SLACK = 200


class FileMailbox:
    """Made by `open_mailbox`. The writer's thread begins with the first mail: who only reads has none.

    Raises: ConfigError where the file is none of ours or cannot be had.
    """

    def __init__(self, path: Path, limits: Limits | None = None) -> None:
        self.path = path
        self.warning = ""
        self._limits = limits or Limits()
        self._lock = threading.Lock()  # guards _db, which several threads read by
        self._db: sqlite3.Connection | None = None
        self._intake = Intake(self._write, self._limits.waiting)
        self.keep = self._intake.put
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():  # a person's mail is nobody else's business
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
            self._db = self._connect()
            self._prepare(self._db)
        except (OSError, sqlite3.Error) as wrong:
            self.close()
            why = wrong.strerror if isinstance(wrong, OSError) else wrong
            raise ConfigError(f"cannot keep mail in {path}: {why}", cure="--mailbox FILE names another") from None
        except ConfigError:
            self.close()
            raise

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=BUSY, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA synchronous = FULL")
            db.execute(f"PRAGMA journal_size_limit = {WAL}")
            db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")
        except sqlite3.Error:
            db.close()
            raise
        return db

    def _prepare(self, db: sqlite3.Connection) -> None:
        kind = db.execute("PRAGMA application_id").fetchone()[0]
        empty = not db.execute("SELECT 1 FROM sqlite_schema").fetchone()
        if kind == APPLICATION and not empty:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise ConfigError(f"{self.path} was made by a newer sockwright", cure="--mailbox FILE names another")
            if version < VERSION:
                with transaction(db):
                    if db.execute("PRAGMA user_version").fetchone()[0] < VERSION:  # nobody else was faster
                        mailbox_lines.convert(db)
                        db.execute(f"PRAGMA user_version = {VERSION}")
            return
        if not empty:
            raise ConfigError(f"{self.path} is a database, but no mailbox", cure="--mailbox FILE names another")
        db.execute(f"PRAGMA page_size = {PAGE}")
        db.execute("PRAGMA journal_mode = WAL")
        with transaction(db):
            if not db.execute("SELECT 1 FROM sqlite_schema").fetchone():  # nobody else was faster
                mailbox_lines.create(db)
                db.execute(f"PRAGMA application_id = {APPLICATION}")
                db.execute(f"PRAGMA user_version = {VERSION}")

    # -- writing

    def _write(self) -> None:
        stand_back()
        intake = self._intake
        shelf: _Shelf | None = None
        try:
            while True:
                group = intake.take(None if shelf is None or shelf.rests else RESTS)
                if group:
                    began = perf_counter()
                    outcomes: Sequence[int | Refusal]
                    try:
                        shelf = shelf or _Shelf(self._connect(), self._limits)
                        outcomes = mailbox_lines.insert(shelf.db, [mail for mail, _ in group])
                    except sqlite3.Error as wrong:
                        outcomes = [Refusal(self._told(wrong), 503)] * len(group)
                    except Exception as wrong:  # noqa: BLE001 - whoever waits must not wait for ever
                        words = f"the mailbox failed: {type(wrong).__name__}: {wrong}"
                        outcomes = [Refusal(words, 500)] * len(group)
                    size = intake.settle(group, outcomes, perf_counter() - began)
                    if shelf is not None and type(outcomes[0]) is int:
                        shelf.add(len(group), size)
                    continue
                if shelf is not None:
                    shelf.tidy(-1 if intake.closing else LINES)
                if intake.closing:
                    return
        finally:
            if shelf is not None:
                shelf.db.close()

    def _told(self, wrong: sqlite3.Error) -> str:
        name = getattr(wrong, "sqlite_errorname", "")
        if name == "SQLITE_FULL":
            return "the disk is full, and the mail is not kept"
        if name.startswith("SQLITE_BUSY"):
            return f"another process holds the mailbox since {BUSY:g} s"
        return f"the mailbox takes nothing: {wrong}"

    # -- reading

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            assert self._db is not None, "the mailbox is closed"
            yield self._db

    @contextlib.contextmanager
    def _looking(self) -> Iterator[sqlite3.Connection]:
        """Hold a connection on which lines and mails are those of one moment."""
        with self._reading() as db:
            db.execute("BEGIN")
            try:
                yield db
            finally:
                db.execute("COMMIT")

    def find(self, query: Query = EVERYTHING, limit: int = 1000) -> list[Entry]:
        with self._looking() as db:
            return mailbox_lines.find(db, query, limit)

    def count(self, query: Query = EVERYTHING) -> int:
        with self._looking() as db:
            return mailbox_lines.count(db, query)

    def mail(self, number: int) -> tuple[Entry, Mail] | None:
        with self._reading() as db:
            return mailbox_lines.mail(db, number)

    def clear(self, query: Query = EVERYTHING) -> int:
        with self._reading() as db, transaction(db):
            return mailbox_lines.remove(db, query)

    def version(self) -> int:
        with self._reading() as db:
            value: int = db.execute("PRAGMA data_version").fetchone()[0]
        return value

    def close(self) -> None:
        self._intake.close()
        if self._db is not None:
            self._db.close()
            self._db = None


class _Shelf:
    """What the writer does when nobody waits: writes lines, and lets the oldest mails go."""

    def __init__(self, db: sqlite3.Connection, limits: Limits) -> None:
        self.db = db
        self._limits = limits
        self._lacking = 1  # mails without a line, as far as known: another process may have left some
        self._count = self._size = 0
        self._seen = -1  # SQLite's version of the data when we counted

    @property
    def rests(self) -> bool:
        """Tell whether there is nothing to do."""
        return self._lacking == 0

    def add(self, count: int, size: int) -> None:
        """Count what was kept, and do what cannot wait."""
        self._lacking += count
        self._count += count
        self._size += size
        if self._lacking > LACKING or self._is_full:
            self.tidy(self._lacking - LACKING + LINES)

    @property
    def _is_full(self) -> bool:
        most = self._limits.mails
        return self._count > most + min(SLACK, most) or self._size > self._limits.size

    def tidy(self, most: int = LINES) -> None:
        """Do a piece of what there is to do: so many lines at most (below 0: all)."""
        if self._is_full:
            most = -1  # who goes is told by the lines
        with contextlib.suppress(sqlite3.Error), transaction(self.db):  # what fails is done another time
            written = mailbox_lines.write_lines(self.db, most)
            self._lacking = 0 if most < 0 or written < most else max(self._lacking - written, 1)
            seen = self.db.execute("PRAGMA data_version").fetchone()[0]
            if not self._lacking and seen != self._seen:  # others have kept or removed some
                self._seen = seen
                self._count, self._size = mailbox_lines.held(self.db)
            if self._is_full:
                self._count, self._size = mailbox_lines.drop_oldest(self.db, self._limits.mails, self._limits.size)
