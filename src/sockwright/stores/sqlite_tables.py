"""The tables of the store in a file: its schema, and what each change does inside one transaction.

Small changes are logged, so that who follows is told of these entries alone; who has missed more than the log holds
reads the table whole.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from sockwright.stores import Change, Stale

# Changes up to so many entries are logged, so that running servers need not read the whole table again.
LOGGED = 1_000
# Entries that the log keeps; a server that has missed more reads the table again.
LOG = 100_000

SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('revision', 0);
CREATE TABLE book (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    revision INTEGER NOT NULL,
    floor INTEGER NOT NULL        -- who has seen less than this revision must read it whole
);
CREATE TABLE entry (
    book INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (book, key)
) WITHOUT ROWID;
CREATE TABLE change (
    id INTEGER PRIMARY KEY,
    revision INTEGER NOT NULL, book INTEGER NOT NULL,
    key BLOB NOT NULL, value BLOB -- NULL: it went
);
CREATE INDEX change_revision ON change (revision);
"""

# Table -> its id and revision.
Seen = Mapping[str, tuple[int, int]]


def revision(db: sqlite3.Connection) -> int:
    """Return the number of the last change of all."""
    value: int = db.execute("SELECT value FROM meta WHERE name = 'revision'").fetchone()[0]
    return value


def _next_revision(db: sqlite3.Connection) -> int:
    value: int = db.execute("UPDATE meta SET value = value + 1 WHERE name = 'revision' RETURNING value").fetchone()[0]
    return value


def sizes(db: sqlite3.Connection) -> dict[str, int]:
    """Return the tables and how many entries each has."""
    return dict(
        db.execute(
            "SELECT name, (SELECT count(*) FROM entry WHERE entry.book = book.id) FROM book ORDER BY name"
        ).fetchall()
    )


def read(db: sqlite3.Connection, table: str) -> tuple[int, dict[bytes, bytes]]:
    """Return a table's revision and entries; 0 and none where there is no such table."""
    found = db.execute("SELECT id, revision FROM book WHERE name = ?", (table,)).fetchone()
    if found is None:
        return 0, {}
    # The rows are pairs already, and a dictionary takes them as they come: no list of a million in between.
    return found[1], dict(db.execute("SELECT key, value FROM entry WHERE book = ?", (found[0],)))


def change(
    db: sqlite3.Connection,
    table: str,
    put: Mapping[bytes, bytes],
    drop: Sequence[bytes],
    replace: bool,
    expect: int | None,
) -> int:
    """Change a table or make it; return its new revision. Raises: Stale."""
    found = db.execute("SELECT id, revision FROM book WHERE name = ?", (table,)).fetchone()
    if expect is not None and expect != (found[1] if found else 0):
        raise Stale(table)
    revision = _next_revision(db)
    book = found[0] if found else 0
    if not found:
        cursor = db.execute("INSERT INTO book (name, revision, floor) VALUES (?, ?, ?)", (table, revision, revision))
        book = cursor.lastrowid or 0
    elif replace:
        db.execute("DELETE FROM entry WHERE book = ?", (book,))
    db.executemany("DELETE FROM entry WHERE book = ? AND key = ?", [(book, key) for key in drop])
    # In order of the key: pages are filled one after the other, and a million takes seconds, not minutes.
    items = sorted(put.items())
    db.executemany(
        "INSERT INTO entry VALUES (?, ?, ?) ON CONFLICT (book, key) DO UPDATE SET value = excluded.value",
        [(book, key, value) for key, value in items],
    )
    if replace or len(items) + len(drop) > LOGGED:
        db.execute("UPDATE book SET revision = ?1, floor = ?1 WHERE id = ?2", (revision, book))
        db.execute("DELETE FROM change WHERE book = ?", (book,))
    else:
        db.execute("UPDATE book SET revision = ? WHERE id = ?", (revision, book))
        rows = [(revision, book, key, None) for key in drop] + [(revision, book, *item) for item in items]
        db.executemany("INSERT INTO change (revision, book, key, value) VALUES (?, ?, ?, ?)", rows)
        _trim(db)
    return revision


def remove(db: sqlite3.Connection, table: str) -> int:
    """Remove a table; return how many that were."""
    found = db.execute("SELECT id FROM book WHERE name = ?", (table,)).fetchone()
    if found is None:
        return 0
    _next_revision(db)
    for part in ("DELETE FROM entry WHERE book = ?", "DELETE FROM change WHERE book = ?"):
        db.execute(part, found)
    return db.execute("DELETE FROM book WHERE id = ?", found).rowcount


def known(db: sqlite3.Connection) -> Seen:
    """Return the tables there are now."""
    return {name: (book, revision) for book, name, revision in db.execute("SELECT id, name, revision FROM book")}


def since(db: sqlite3.Connection, seen: Seen) -> tuple[Sequence[Change], Seen]:
    """Return what changed for one who has seen `seen`, in the order of revisions, and the tables there are now."""
    changes: list[Change] = []
    now = {}
    for book, name, latest, floor in db.execute("SELECT id, name, revision, floor FROM book").fetchall():
        now[name] = (book, latest)
        was_book, was = seen.get(name, (0, 0))
        if latest == was:
            continue
        if was_book != book or was < floor:
            changes.append(Change(name, latest, whole=True))
        else:
            changes.append(_logged(db, name, latest, book, was))
    top = revision(db)
    changes += [Change(name, top, whole=True, gone=True) for name in seen if name not in now]
    return sorted(changes, key=lambda change: change.revision), now


def _logged(db: sqlite3.Connection, name: str, revision: int, book: int, was: int) -> Change:
    put: dict[bytes, bytes] = {}
    drop: dict[bytes, None] = {}
    for key, value in db.execute(
        "SELECT key, value FROM change WHERE book = ? AND revision > ? ORDER BY id", (book, was)
    ):
        put.pop(key, None)
        drop.pop(key, None)
        if value is None:
            drop[key] = None
        else:
            put[key] = value
    return Change(name, revision, put, tuple(drop))


def _trim(db: sqlite3.Connection) -> None:
    """Forget the oldest of the log; who has not seen it must read those tables whole."""
    first, last = (db.execute(f"SELECT {which}(id) FROM change").fetchone()[0] or 0 for which in ("min", "max"))
    if last - first < LOG + LOG // 10:
        return
    cut = last - LOG
    db.execute(
        "UPDATE book SET floor = max(floor, "
        "(SELECT coalesce(max(revision), 0) FROM change WHERE change.book = book.id AND change.id <= ?))",
        (cut,),
    )
    db.execute("DELETE FROM change WHERE id <= ?", (cut,))
