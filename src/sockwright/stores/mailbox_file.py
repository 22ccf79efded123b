"""The mailbox in a file (SQLite, WAL, `synchronous = FULL`): every process of one user shares it.

One thread writes. What comes while it waits for the disk goes into the next transaction together, so a hundred
sessions share one wait. What is kept and how it is found again stands in `mailbox_lines`.

    keep --> pending --(crowd is there, or patience is over)--> one transaction --> done(number), each
                                                                     '-- nothing to do --> lines are written
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from time import perf_counter

from sockwright.binding import Refusal
from sockwright.errors import ConfigError
from sockwright.stores import mailbox_lines
from sockwright.stores.mailbox import EVERYTHING, Done, Entry, Limits, Query
from sockwright.stores.mailbox_lines import transaction
from sockwright.wire.mail import Mail

# "Mail", in the header of the file: how we, and file(1), know it from others.
APPLICATION = 0x4D61696C
VERSION = 2
# Most mails in one transaction: what it takes is what the last sender waits.
GROUP = 512
# As many senders as shared the last transaction come back one after the other; who comes first would else keep the
# disk busy while all others wait. They are waited for as long as the disk took, within these seconds.
PATIENCE = (0.0005, 0.005)
BUSY = 5.0  # seconds
WAL = 32 << 20  # bytes to which the log is cut back
PAGE = 16_384  # bytes: a large mail costs two thirds of what it does in pages of 4096, a small one no more
CHECKPOINT = (16 << 20) // PAGE  # pages of the log
# Lines are written when nothing came for so long (seconds), so many at once, and under load when so many are missing:
# reading that many heads takes a twentieth of a second, which a search may have to wait.
RESTS, LINES, LACKING = 0.1, 200, 5_000
# More mails than can be pending.
NOBODY = 1 << 62
# Mails above the limit before the oldest go: each time costs looking at all lines.
SLACK = 200


class FileMailbox:
    """Made by `open_mailbox`. The writer's thread begins with the first mail: who only reads has none.

    Raises: ConfigError where the file is none of ours or cannot be had.
    """

    def __init__(self, path: Path, limits: Limits | None = None) -> None:
        self.path = path
        self._limits = limits or Limits()
        self._lock = threading.Lock()  # guards _db, which several threads read by
        self._db: sqlite3.Connection | None = None
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._counting = threading.Lock()  # guards the next five
        self._pending: list[tuple[Mail, Done]] = []
        self._waiting = 0  # bytes
        self._wanted = 1  # mails pending at which the bell rings
        self._closing = False
        self._writer: threading.Thread | None = None
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
            if version != VERSION:
                other = "a newer" if version > VERSION else "an older"
                raise ConfigError(f"{self.path} was made by {other} sockwright", cure="--mailbox FILE names another")
            return
        if not empty:
            raise ConfigError(f"{self.path} is a database, but no mailbox", cure="--mailbox FILE names another")
        db.execute(f"PRAGMA page_size = {PAGE}")
        db.execute("PRAGMA journal_mode = WAL")
        with transaction(db):
            if not db.execute("SELECT 1 FROM sqlite_schema").fetchone():  # nobody else was faster
                for statement in mailbox_lines.SCHEMA.split(";")[:-1]:
                    db.execute(statement)
                db.execute(f"PRAGMA application_id = {APPLICATION}")
                db.execute(f"PRAGMA user_version = {VERSION}")

    # -- writing

    def keep(self, mail: Mail, done: Done) -> None:
        size = len(mail.content)
        with self._counting:
            full = self._waiting + size > self._limits.waiting or self._closing
            if not full:
                self._waiting += size
                self._pending.append((mail, done))
                rings = len(self._pending) == self._wanted
                if self._writer is None:
                    self._writer = threading.Thread(target=self._write, name="sockwright-mailbox", daemon=True)
                    self._writer.start()
        if full:
            done(Refusal("more mail is waiting for the disk than memory should hold; try again", 503))
        elif rings:
            self._bell.put(None)

    def _write(self) -> None:
        db = self._connect()
        shelf = _Shelf(db, self._limits)
        patience = 0.0
        try:
            while True:
                group = self._gathered(patience, shelf.rests)
                if group:
                    patience = self._commit(db, group)
                    shelf.add(group)
                    continue
                patience = 0.0
                if self._closing:
                    shelf.tidy(-1)
                    return
                shelf.tidy()
        finally:
            db.close()

    def _gathered(self, patience: float, rests: bool) -> Sequence[tuple[Mail, Done]]:
        """Wait for mails and take them; none when nothing came for a while, or all is over."""
        for wait in (patience, None if rests else RESTS):
            with self._counting:
                enough = self._closing or len(self._pending) >= self._wanted
            if not enough and wait != 0.0:
                with contextlib.suppress(Empty):
                    self._bell.get(timeout=wait)
            with self._counting:
                group, self._pending = self._pending[:GROUP], self._pending[GROUP:]
                self._wanted = NOBODY if group else 1  # while the writer is at work, nobody need ring
            if group or self._closing:
                break
        return group

    def _commit(self, db: sqlite3.Connection, group: Sequence[tuple[Mail, Done]]) -> float:
        """Keep a group, tell everybody, and return how long to wait for them to come again (seconds)."""
        outcomes: Sequence[int | Refusal]
        began = perf_counter()
        try:
            outcomes = mailbox_lines.insert(db, [mail for mail, _ in group])
        except sqlite3.Error as wrong:
            outcomes = [Refusal(self._told(wrong), 503)] * len(group)
        except Exception as wrong:  # noqa: BLE001 - whoever waits must not wait for ever
            outcomes = [Refusal(f"the mailbox failed: {type(wrong).__name__}: {wrong}", 500)] * len(group)
        took = perf_counter() - began
        size = sum(len(mail.content) for mail, _ in group)
        with self._counting:
            self._waiting -= size
            self._wanted = min(len(group) + len(self._pending), GROUP)
        for (_, done), outcome in zip(group, outcomes, strict=True):
            done(outcome)
        return min(max(took, PATIENCE[0]), PATIENCE[1])

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

    def find(self, query: Query = EVERYTHING, limit: int = 1000) -> list[Entry]:
        with self._reading() as db:
            db.execute("BEGIN")
            try:
                return mailbox_lines.find(db, query, limit)
            finally:
                db.execute("COMMIT")

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
        if self._writer is not None:
            with self._counting:
                self._closing = True
            self._bell.put(None)
            self._writer.join()
            self._writer = None
        if self._db is not None:
            self._db.close()
            self._db = None


class _Shelf:
    """What the writer does when nobody waits: writes lines, and lets the oldest mails go."""

    def __init__(self, db: sqlite3.Connection, limits: Limits) -> None:
        self._db = db
        self._limits = limits
        self._lacking = 1  # mails without a line, as far as known: another process may have left some
        self._count = self._size = 0
        self._seen = -1  # SQLite's version of the data when we counted

    @property
    def rests(self) -> bool:
        """Tell whether there is nothing to do."""
        return self._lacking == 0

    def add(self, group: Sequence[tuple[Mail, Done]]) -> None:
        """Count what was kept, and do what cannot wait."""
        self._lacking += len(group)
        self._count += len(group)
        self._size += sum(len(mail.content) for mail, _ in group)
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
        with contextlib.suppress(sqlite3.Error), transaction(self._db):  # what fails is done another time
            written = mailbox_lines.write_lines(self._db, most)
            self._lacking = 0 if most < 0 or written < most else max(self._lacking - written, 1)
            seen = self._db.execute("PRAGMA data_version").fetchone()[0]
            if not self._lacking and seen != self._seen:  # others have kept or removed some
                self._seen = seen
                self._count, self._size = mailbox_lines.held(self._db)
            if self._is_full:
                self._count, self._size = mailbox_lines.drop_oldest(self._db, self._limits.mails, self._limits.size)
