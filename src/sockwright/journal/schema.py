"""The journal's file itself: its tables, how we know it from others, and its troubles in words."""

from __future__ import annotations

import sqlite3
from pathlib import Path

# "Sock", in the header of the file: how we, and file(1), know it from others.
APPLICATION = 0x536F636B
VERSION = 1

SCHEMA = """
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    pid INTEGER NOT NULL,
    born TEXT NOT NULL,           -- tells it from a later process with the same pid
    started REAL NOT NULL,        -- seconds since the epoch, as everywhere
    ended REAL,
    command TEXT NOT NULL,
    seed INTEGER NOT NULL,
    reserved INTEGER NOT NULL,    -- the highest connection number it may use
    answered INTEGER NOT NULL,    -- the last request of a reader (meta.asked) that it has obeyed
    unlisted INTEGER NOT NULL     -- connections that were too many to keep
);
CREATE TABLE connection (
    number INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    proto TEXT NOT NULL, service TEXT NOT NULL, endpoint TEXT NOT NULL, local TEXT NOT NULL, peer TEXT NOT NULL,
    tls TEXT NOT NULL, role TEXT NOT NULL, seed INTEGER NOT NULL,
    since REAL NOT NULL, until REAL,
    who TEXT, how TEXT, reason TEXT,
    received INTEGER, received_chunks INTEGER, sent INTEGER, sent_chunks INTEGER,
    notes INTEGER NOT NULL, faults INTEGER NOT NULL, omitted INTEGER NOT NULL, remark TEXT NOT NULL,
    first_batch INTEGER NOT NULL,
    last_batch INTEGER NOT NULL,  -- 0 while it is open
    lost INTEGER NOT NULL         -- 1: its run was killed while it was open
);
CREATE INDEX connection_last_batch ON connection (last_batch);
CREATE TABLE batch (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run INTEGER NOT NULL,
    time REAL NOT NULL,           -- of its last record
    first INTEGER NOT NULL,       -- sequence number of its first record in the run
    low INTEGER NOT NULL, high INTEGER NOT NULL,  -- numbers of the connections it tells of lie between
    records BLOB NOT NULL         -- MessagePack: an array of records
);
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('asked', 0), ('used', 0);
"""

# What of a connection is known when it opens, and what may change until it ends. In the order of `Connection`'s row.
FIXED = "number, run, proto, service, endpoint, local, peer, tls, role, seed, since, first_batch"
CHANGING = (
    "until, who, how, reason, received, received_chunks, sent, sent_chunks, notes, faults, omitted, remark, "
    "last_batch, lost"
)


class ForeignFile(Exception):
    """The file is not a journal, or one that this version cannot read."""


def pragma(db: sqlite3.Connection, name: str) -> int:
    value: int = db.execute(f"PRAGMA {name}").fetchone()[0]
    return value


def shrink(db: sqlite3.Connection, pages: int) -> None:
    """Give up to `pages` free pages of the file back to the system."""
    # Not execute(): that takes one step, which is one page.
    db.executescript(f"PRAGMA incremental_vacuum({pages})")


def keep_used(db: sqlite3.Connection) -> None:
    """Remember the highest number before its row goes, so that it is never used again."""
    db.execute(
        "UPDATE meta SET value = max(value, (SELECT coalesce(max(number), 0) FROM connection)) WHERE name = 'used'"
    )


def check_kind(db: sqlite3.Connection, path: Path) -> None:
    """Refuse a file that is not ours, or not of this version.

    Raises: ForeignFile.
    """
    application, version = pragma(db, "application_id"), pragma(db, "user_version")
    if application == APPLICATION and version <= VERSION:
        return
    if application == APPLICATION:
        raise ForeignFile(f"{path} was made by a newer sockwright (version {version}, this one knows {VERSION})")
    if application or version or db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise ForeignFile(f"{path} is a database of some other program")


def is_busy(trouble: BaseException) -> bool:
    """Tell whether somebody else just holds the file."""
    return isinstance(trouble, sqlite3.Error) and _code(trouble) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _code(trouble: sqlite3.Error) -> int:
    return (getattr(trouble, "sqlite_errorcode", None) or 0) & 0xFF


def explained(trouble: BaseException, path: Path) -> tuple[str, str]:
    """Return what went wrong with the file, in words, and what can be done about it."""
    if isinstance(trouble, ForeignFile):
        return str(trouble), "move it away, or set SOCKWRIGHT_HOME to another folder"
    if isinstance(trouble, OSError):
        return f"{path}: {trouble.strerror or trouble}", "make the folder writable, or set SOCKWRIGHT_HOME to another"
    code = _code(trouble) if isinstance(trouble, sqlite3.Error) else -1
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return f"another program holds {path}", "close what has it open for writing (a database browser?)"
    if code == sqlite3.SQLITE_FULL:
        return f"no space is left for {path}", "make room; `sockwright log clear` empties the journal"
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return f"{path} is broken, or not a journal", "move it away; a new one is made"
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return f"{path} cannot be written", "make it and its folder writable, or set SOCKWRIGHT_HOME to another folder"
    return f"{path}: {trouble}", "see whether its disk is well; SOCKWRIGHT_HOME names another folder"
