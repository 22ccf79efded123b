"""The store in a file: SQLite, shared by every process of one user on this machine.

One thread writes. What is asked for while it waits for the disk goes into the next transaction together (group commit):
each caller returns when its own change is on the disk (`synchronous = FULL`), and a change that cannot be made takes
no other with it. A second thread looks twenty times a second whether another process has changed something.

Who is present is known to this process alone: a file cannot notice that a process was killed. Redis can.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue

from sockwright.errors import ConfigError
from sockwright.stores import Stale, Unavailable, file_of, sqlite_tables
from sockwright.stores.memory import Attendance, Followers
from sockwright.stores.transaction import transaction

# "Stat", in the header of the file: how we, and file(1), know it from others.
APPLICATION = 0x53746174
VERSION = 1
# Seconds between two looks for changes of others, and until we give up waiting for their lock.
LOOK = 0.05
BUSY = 5.0
# Most changes in one transaction: what it takes is what the last caller waits.
GROUP = 500
# Bytes to which the log is cut back at a checkpoint.
WAL = 32 << 20

_Work = Callable[[sqlite3.Connection], int]


class SqliteStore:
    """Tables in one file. Made by `open_store`."""

    def __init__(self, path: Path, read_only: bool = False) -> None:
        self.url = f"sqlite:{path}"
        self.path = path
        self.warning = ""
        self._read_only = read_only
        self._followers = Followers()
        self.attendance = Attendance(self._followers)
        self.arrive = self.attendance.arrive
        self.depart = self.attendance.depart
        self.present = self.attendance.present
        self.dismiss = self.attendance.dismiss
        self.follow = self._followers.add
        self._writing = self._connect()
        try:
            self._prepare()
            self._reading = self._connect()
        except BaseException:
            self._writing.close()
            raise
        self._reading_lock = threading.Lock()
        self._jobs: SimpleQueue[tuple[_Work, Future[int]] | None] = SimpleQueue()
        with self._read() as db:
            self._seen = sqlite_tables.known(db)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write, name="sockwright-state-writer", daemon=True)]
        self._threads.append(threading.Thread(target=self._look, name="sockwright-state-watcher", daemon=True))
        for thread in self._threads:
            thread.start()

    # -- the file

    def _connect(self) -> sqlite3.Connection:
        uri = f"{self.path.absolute().as_uri()}?mode={'ro' if self._read_only else 'rwc'}"
        if not self._read_only:
            # A peer's words are nobody else's business. Never a file that is there: to close any descriptor of it
            # gives up all locks that this process has on it, and the next process would then delete the log.
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY)
        try:
            db.execute("PRAGMA synchronous = FULL")
            db.execute(f"PRAGMA journal_size_limit = {WAL}")
        except BaseException:
            db.close()
            raise
        return db

    def _prepare(self) -> None:
        db = self._writing
        application, version = (
            db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
        )
        empty = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        if not empty and application != APPLICATION:
            raise ConfigError(
                f"{self.path} is a database of somebody else's", cure="name another file: --store sqlite:PATH"
            )
        if version > VERSION:
            raise ConfigError(
                f"{self.path} was made by a later version", cure="update sockwright, or name another file"
            )
        if self._read_only:
            return
        db.execute("PRAGMA journal_mode = WAL")
        with transaction(db):
            if db.execute("PRAGMA user_version").fetchone()[0] == 0:  # another process may have been quicker
                for statement in sqlite_tables.SCHEMA.split(";\n"):
                    db.execute(statement)
                db.execute(f"PRAGMA application_id = {APPLICATION}")
                db.execute(f"PRAGMA user_version = {VERSION}")

    # -- reading

    @property
    def fresh(self) -> bool:
        with self._read() as db:
            return sqlite_tables.revision(db) == 0

    @contextlib.contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        with self._reading_lock:
            try:
                self._reading.execute("BEGIN")
                try:
                    yield self._reading
                finally:
                    self._reading.execute("ROLLBACK")
            except sqlite3.Error as wrong:
                raise self._told(wrong) from None

    def tables(self) -> Mapping[str, int]:
        with self._read() as db:
            return sqlite_tables.sizes(db)

    def read(self, table: str) -> tuple[int, dict[bytes, bytes]]:
        with self._read() as db:
            return sqlite_tables.read(db, table)

    # -- writing

    def change(
        self,
        table: str,
        put: Mapping[bytes, bytes] = {},
        drop: Sequence[bytes] = (),
        *,
        replace: bool = False,
        expect: int | None = None,
    ) -> int:
        return self._submit(lambda db: sqlite_tables.change(db, table, put, drop, replace, expect)).result()

    def remove(self, table: str) -> bool:
        return bool(self._submit(lambda db: sqlite_tables.remove(db, table)).result())

    def _submit(self, work: _Work) -> Future[int]:
        done: Future[int] = Future()
        if self._stop.is_set():
            raise Unavailable("it is closed")
        self._jobs.put((work, done))
        return done

    def _write(self) -> None:
        """Make transactions of what waits, until told to stop by None."""
        while (first := self._jobs.get()) is not None:
            group = [first]
            last = False
            while len(group) < GROUP and not self._jobs.empty():
                job = self._jobs.get()
                if job is None:
                    last = True
                    break
                group.append(job)
            self._commit(group)
            if last:
                return

    def _commit(self, group: Sequence[tuple[_Work, Future[int]]]) -> None:
        db = self._writing
        results: list[tuple[Future[int], int | BaseException]] = []
        try:
            with transaction(db):
                for work, done in group:
                    db.execute("SAVEPOINT one")
                    try:
                        results.append((done, work(db)))
                    except (Stale, sqlite3.DatabaseError) as wrong:
                        if not db.in_transaction:  # a full disk may have ended all of it
                            raise
                        db.execute("ROLLBACK TO one")
                        results.append((done, wrong if isinstance(wrong, Stale) else self._told(wrong)))
                    db.execute("RELEASE one")
        except sqlite3.Error as wrong:
            results = [(done, self._told(wrong)) for _, done in group]
        except BaseException as wrong:  # noqa: BLE001 - whoever waits must not wait for ever
            results = [(done, wrong) for _, done in group]
        for done, result in results:
            if isinstance(result, BaseException):
                done.set_exception(result)
            else:
                done.set_result(result)

    def _told(self, wrong: sqlite3.Error) -> Unavailable:
        name = getattr(wrong, "sqlite_errorname", "")
        if name == "SQLITE_FULL":
            return Unavailable(f"the disk is full, and nothing was changed in {self.path}")
        if name.startswith("SQLITE_READONLY"):
            return Unavailable(f"{self.path} may be read but not written")
        if name.startswith("SQLITE_BUSY"):
            return Unavailable(f"another process holds {self.path} since {BUSY:g} s")
        return Unavailable(f"{self.path}: {wrong}")

    # -- what others changed

    def _look(self) -> None:
        db = self._connect()
        try:
            version = -1
            while not self._stop.wait(LOOK):
                try:
                    now = db.execute("PRAGMA data_version").fetchone()[0]
                    if now != version:
                        self._tell_changes()
                        version = now
                except (sqlite3.Error, Unavailable):  # a look that failed is made again
                    continue
        finally:
            db.close()

    def _tell_changes(self) -> None:
        with self._read() as db:
            changes, self._seen = sqlite_tables.since(db, self._seen)
        if changes:
            self._followers.tell(lambda follower: follower.changed(changes))

    def close(self) -> None:
        if self._stop.is_set():
            return
        for one in self.attendance.present():
            self.depart(one.number)
        self._stop.set()
        self._jobs.put(None)
        for thread in self._threads:
            thread.join()
        self._reading.close()
        self._writing.close()


def open_store(url: str) -> SqliteStore:
    """Open or make the file that `url` names.

    Raises: ConfigError where it is no such file; Unavailable where it cannot be opened.
    """
    path, read_only = file_of(url)
    try:
        if not read_only:
            path.parent.mkdir(parents=True, exist_ok=True)
        return SqliteStore(path, read_only)
    except OSError as wrong:
        raise Unavailable(f"cannot make {path.parent}: {wrong.strerror}") from None
    except sqlite3.DatabaseError as wrong:
        if getattr(wrong, "sqlite_errorname", "") == "SQLITE_NOTADB":
            raise ConfigError(f"{path} is no database", cure="name another file: --store sqlite:PATH") from None
        raise Unavailable(f"cannot open {path}: {wrong}") from None
