"""The mailbox in a file (SQLite, WAL, `synchronous = FULL`): every process of one user shares it.

One thread writes. What comes while it waits for the disk goes into the next transaction together, so a hundred
sessions share one wait. Lines and contents stand in tables of their own: a search reads the lines alone.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue

from sockwright.binding import Refusal
from sockwright.errors import ConfigError
from sockwright.stores.mailbox import EVERYTHING, Done, Entry, Limits, Query, entry_of, searched
from sockwright.wire.mail import Mail

# "Mail", in the header of the file: how we, and file(1), know it from others.
APPLICATION = 0x4D61696C
VERSION = 1
# Most mails in one transaction: what it takes is what the last sender waits.
GROUP = 500
# As many senders as shared the last transaction are waited for, so often and for so long (seconds): they come back
# one after the other, and who comes first would else keep the disk busy while all others wait.
GATHERINGS, GATHER = 5, 0.0002
BUSY = 5.0  # seconds
WAL = 32 << 20  # bytes to which the log is cut back
CHECKPOINT = 4000  # pages of the log, 16 MiB
# Once in so many mails the limits are looked at, which means counting.
LOOK = 200

SCHEMA = """
CREATE TABLE line (
    number INTEGER PRIMARY KEY AUTOINCREMENT, received REAL NOT NULL, sender TEXT NOT NULL, recipients TEXT NOT NULL,
    subject TEXT NOT NULL, author TEXT NOT NULL, addressed TEXT NOT NULL, size INTEGER NOT NULL, peer TEXT NOT NULL,
    helo TEXT NOT NULL, login TEXT NOT NULL, tls INTEGER NOT NULL,
    search_to TEXT NOT NULL, search_sender TEXT NOT NULL, search_subject TEXT NOT NULL
);
CREATE TABLE content (number INTEGER PRIMARY KEY, content BLOB NOT NULL);
"""
_COLUMNS = "number, received, sender, recipients, subject, author, addressed, size, peer, helo, login, tls"
_INSERT = f"INSERT INTO line ({_COLUMNS}, search_to, search_sender, search_subject) VALUES ({'?, ' * 14}?)"


class FileMailbox:
    """Made by `open_mailbox`. The writer's thread begins with the first mail: who only reads has none.

    Raises: ConfigError where the file is none of ours or cannot be had.
    """

    def __init__(self, path: Path, limits: Limits | None = None) -> None:
        self.path = path
        self._limits = limits or Limits()
        self._lock = threading.Lock()  # guards _db, which several threads read by
        self._jobs: SimpleQueue[tuple[Mail, Done] | None] = SimpleQueue()
        self._counting = threading.Lock()  # guards the next two
        self._waiting = 0  # bytes
        self._writer: threading.Thread | None = None
        self._since_look = LOOK  # the first mail looks
        self._db: sqlite3.Connection | None = None
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
            if db.execute("PRAGMA user_version").fetchone()[0] > VERSION:
                raise ConfigError(f"{self.path} was made by a newer sockwright", cure="--mailbox FILE names another")
            return
        if not empty:
            raise ConfigError(f"{self.path} is a database, but no mailbox", cure="--mailbox FILE names another")
        db.execute("PRAGMA page_size = 4096")
        db.execute("PRAGMA journal_mode = WAL")
        with _transaction(db):
            if not db.execute("SELECT 1 FROM sqlite_schema").fetchone():  # nobody else was faster
                for statement in SCHEMA.split(";")[:-1]:
                    db.execute(statement)
                db.execute(f"PRAGMA application_id = {APPLICATION}")
                db.execute(f"PRAGMA user_version = {VERSION}")

    # -- writing

    def keep(self, mail: Mail, done: Done) -> None:
        size = len(mail.content)
        with self._counting:
            full = self._waiting + size > self._limits.waiting
            if not full:
                self._waiting += size
            if self._writer is None:
                self._writer = threading.Thread(target=self._write, name="sockwright-mailbox", daemon=True)
                self._writer.start()
        if full:
            done(Refusal("more mail is waiting for the disk than memory should hold; try again", 503))
        else:
            self._jobs.put((mail, done))

    def _write(self) -> None:
        db = self._connect()
        crowd = 1  # mails in the last transaction
        try:
            while (first := self._jobs.get()) is not None:
                for _ in range(GATHERINGS):
                    if self._jobs.qsize() + 1 >= crowd:
                        break
                    time.sleep(GATHER)
                group = [first]
                last = False
                while len(group) < GROUP and not self._jobs.empty():
                    job = self._jobs.get()
                    if job is None:
                        last = True
                        break
                    group.append(job)
                self._commit(db, group)
                crowd = len(group)
                if last:
                    return
        finally:
            db.close()

    def _commit(self, db: sqlite3.Connection, group: Sequence[tuple[Mail, Done]]) -> None:
        outcomes: list[int | Refusal]
        try:
            with _transaction(db):
                found = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'line'").fetchone()
                first = (found[0] if found else 0) + 1
                rows, contents = [], []
                for number, (mail, _) in enumerate(group, first):
                    rows.append(_row(entry_of(number, mail)))
                    contents.append((number, mail.content))
                db.executemany(_INSERT, rows)
                db.executemany("INSERT INTO content VALUES (?, ?)", contents)
                outcomes = list(range(first, first + len(group)))
                self._since_look += len(group)
                if self._since_look >= min(LOOK, self._limits.mails):
                    self._since_look = 0
                    self._drop_oldest(db)
        except sqlite3.Error as wrong:
            outcomes = [Refusal(self._told(wrong), 503)] * len(group)
        except Exception as wrong:  # noqa: BLE001 - whoever waits must not wait for ever
            outcomes = [Refusal(f"the mailbox failed: {type(wrong).__name__}: {wrong}", 500)] * len(group)
        with self._counting:
            self._waiting -= sum(len(mail.content) for mail, _ in group)
        for (_, done), outcome in zip(group, outcomes, strict=True):
            done(outcome)

    def _drop_oldest(self, db: sqlite3.Connection) -> None:
        """Let the oldest go where there are more than the limits say."""
        count, size = db.execute("SELECT count(*), coalesce(sum(size), 0) FROM line").fetchone()
        most, largest = self._limits.mails, self._limits.size
        if count <= most and size <= largest:
            return
        last = 0
        for number, each in db.execute("SELECT number, size FROM line ORDER BY number"):
            if (count <= most and size <= largest) or count == 1:
                break
            count, size, last = count - 1, size - each, number
        db.execute("DELETE FROM line WHERE number <= ?", (last,))
        db.execute("DELETE FROM content WHERE number <= ?", (last,))

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
        where, words = _where(query)
        with self._reading() as db:
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM line WHERE {where} ORDER BY number DESC LIMIT ?", (*words, limit)
            ).fetchall()
        return [_entry(row) for row in rows]

    def count(self, query: Query = EVERYTHING) -> int:
        where, words = _where(query)
        with self._reading() as db:
            found: int = db.execute(f"SELECT count(*) FROM line WHERE {where}", words).fetchone()[0]
        return found

    def mail(self, number: int) -> tuple[Entry, Mail] | None:
        with self._reading() as db:
            row = db.execute(
                f"SELECT {_COLUMNS}, content FROM line JOIN content USING (number) WHERE number = ?", (number,)
            ).fetchone()
        if row is None:
            return None
        one = _entry(row[:-1])
        mail = Mail(one.sender, one.recipients, row[-1], one.received, one.peer, one.helo, one.login, one.tls)
        return one, mail

    def clear(self, query: Query = EVERYTHING) -> int:
        where, words = _where(query)
        with self._reading() as db, _transaction(db):
            db.execute(f"DELETE FROM content WHERE number IN (SELECT number FROM line WHERE {where})", words)
            return db.execute(f"DELETE FROM line WHERE {where}", words).rowcount

    def version(self) -> int:
        with self._reading() as db:
            value: int = db.execute("PRAGMA data_version").fetchone()[0]
        return value

    def close(self) -> None:
        if self._writer is not None:
            self._jobs.put(None)
            self._writer.join()
            self._writer = None
        if self._db is not None:
            self._db.close()
            self._db = None


@contextlib.contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _where(query: Query) -> tuple[str, tuple[object, ...]]:
    parts, words = ["number > ?"], [query.after]
    asked: list[object] = [*words]
    for column, word in (("search_to", query.to), ("search_sender", query.sender), ("search_subject", query.subject)):
        if word:
            parts.append(f"instr({column}, ?)")
            asked.append(word.casefold())
    if query.text:
        parts.append("(instr(search_to, ?) OR instr(search_sender, ?) OR instr(search_subject, ?))")
        asked += [query.text.casefold()] * 3
    if query.before:
        parts.append("number < ?")
        asked.append(query.before)
    return " AND ".join(parts), tuple(asked)


def _row(entry: Entry) -> tuple[object, ...]:
    texts = (entry.subject, entry.author, entry.to)
    return (
        entry.number,
        entry.received,
        entry.sender,
        "\n".join(entry.recipients),
        *texts,
        entry.size,
        entry.peer,
        entry.helo,
        entry.login,
        entry.tls,
        *searched(entry),
    )


def _entry(row: Sequence[object]) -> Entry:
    number, received, sender, recipients, subject, author, to, size, peer, helo, login, tls = row
    return Entry(  # the columns are typed by the table
        number,  # type: ignore[arg-type]
        received,  # type: ignore[arg-type]
        str(sender),
        tuple(str(recipients).split("\n")),
        str(subject),
        str(author),
        str(to),
        size,  # type: ignore[arg-type]
        str(peer),
        str(helo),
        str(login),
        bool(tls),
    )
