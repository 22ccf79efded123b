"""What a mailbox's file holds, in SQL: mails as they came, and the lines that lists and searches read.

A mail is kept in the table `mail` at once, whole. Its line, which takes reading its head, is written later, many at a
time; until then whoever lists or searches reads the heads of the mails that have none yet.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import islice

from sockwright.stores.mailbox import Entry, Query, Wanted, entry_of, searched
from sockwright.stores.transaction import transaction
from sockwright.wire.mail import Mail
from sockwright.wire.mime import HEAD, headline_of

# Rows in one statement: older SQLite takes 999 values.
ROWS = 64

_LINE = "number, received, sender, recipients, subject, author, addressed, size, peer, helo, login, tls"
_MAIL = "received, sender, recipients, peer, helo, login, tls, content"
SCHEMA = """
CREATE TABLE mail (
    number INTEGER PRIMARY KEY AUTOINCREMENT, received REAL NOT NULL, sender TEXT NOT NULL, recipients TEXT NOT NULL,
    peer TEXT NOT NULL, helo TEXT NOT NULL, login TEXT NOT NULL, tls INTEGER NOT NULL, content BLOB NOT NULL
);
CREATE TABLE line (
    number INTEGER PRIMARY KEY, received REAL NOT NULL, sender TEXT NOT NULL, recipients TEXT NOT NULL,
    subject TEXT NOT NULL, author TEXT NOT NULL, addressed TEXT NOT NULL, size INTEGER NOT NULL, peer TEXT NOT NULL,
    helo TEXT NOT NULL, login TEXT NOT NULL, tls INTEGER NOT NULL,
    search_to TEXT NOT NULL, search_sender TEXT NOT NULL, search_subject TEXT NOT NULL
);
"""


def create(db: sqlite3.Connection) -> None:
    """Make the tables. In a transaction."""
    for statement in SCHEMA.split(";")[:-1]:
        db.execute(statement)


def convert(db: sqlite3.Connection) -> None:
    """Make the tables of what version 1 kept: a line for each mail, and contents apart. In a transaction."""
    db.execute("ALTER TABLE line RENAME TO old")
    create(db)
    columns = _MAIL.removesuffix(", content")
    db.execute(
        f"INSERT INTO mail (number, {columns}, content) "
        f"SELECT number, {columns}, content FROM old JOIN content USING (number)"
    )
    db.execute(f"INSERT INTO line SELECT {_LINE}, search_to, search_sender, search_subject FROM old")
    # Numbers never come twice, those of mails that went included.
    (last,) = db.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name IN ('old', 'mail')").fetchone()
    db.execute("DELETE FROM sqlite_sequence WHERE name = 'mail'")
    db.execute("INSERT INTO sqlite_sequence VALUES ('mail', ?)", (last,))
    db.execute("DROP TABLE old")
    db.execute("DROP TABLE content")


def insert(db: sqlite3.Connection, mails: Sequence[Mail]) -> range:
    """Keep `mails`, all or none; return their numbers.

    One statement is a transaction of its own, so the interpreter is let go once for all of it, disk included.
    """
    if len(mails) > ROWS:
        with transaction(db):
            found = [insert(db, mails[at : at + ROWS]) for at in range(0, len(mails), ROWS)]
        return range(found[0].start, found[-1].stop)
    values: list[object] = []
    for mail in mails:
        to = mail.recipients
        values += (mail.received, mail.sender, to[0] if len(to) == 1 else "\n".join(to))
        values += (mail.peer, mail.helo, mail.login, mail.tls, mail.content)
    last = db.execute(_insertion("mail", _MAIL, 8, len(mails)), values).lastrowid
    assert last is not None
    return range(last - len(mails) + 1, last + 1)


def _insertion(table: str, columns: str, width: int, rows: int) -> str:
    row = f"({', '.join('?' * width)})"
    return f"INSERT INTO {table} ({columns}) VALUES {', '.join([row] * rows)}"


def without_line(db: sqlite3.Connection) -> int:
    """Return the number after which mails have no line."""
    number: int = db.execute("SELECT coalesce(max(number), 0) FROM line").fetchone()[0]
    return number


def _heads(db: sqlite3.Connection, after: int, order: str, limit: int) -> Iterator[tuple[Entry, tuple[str, str, str]]]:
    """Yield the mails behind `after` as lines, with what a query looks at."""
    found = db.execute(
        f"SELECT number, {_MAIL.removesuffix(', content')}, substr(content, 1, {HEAD}), length(content) FROM mail "
        f"WHERE number > ? ORDER BY number {order} LIMIT ?",
        (after, limit),
    )
    for number, received, sender, recipients, peer, helo, login, tls, head, size in found:
        seen = headline_of(head)
        mail = Mail(sender, tuple(recipients.split("\n")), b"", received, peer, helo, login, bool(tls))
        yield entry_of(number, mail, seen, size), searched(recipients, sender, seen)


def write_lines(db: sqlite3.Connection, most: int) -> int:
    """Write the lines of the oldest mails that have none, `most` at once; return how many. In a transaction."""
    lines = list(_heads(db, without_line(db), "ASC", most))
    width = ROWS // 2  # a line has twice the values of a mail
    for at in range(0, len(lines), width):
        values: list[object] = []
        for entry, words in lines[at : at + width]:
            values += (entry.number, entry.received, entry.sender, "\n".join(entry.recipients))
            values += (entry.subject, entry.author, entry.to, entry.size, entry.peer, entry.helo, entry.login)
            values += (entry.tls, *words)
        names = f"{_LINE}, search_to, search_sender, search_subject"
        db.execute(_insertion("line", names, 15, len(lines[at : at + width])), values)
    return len(lines)


def _found_in_heads(db: sqlite3.Connection, query: Query) -> Iterator[Entry]:
    """Yield the mails that `query` asks for among those that have no line yet, the newest first."""
    wanted = Wanted.by(query)
    for entry, seen in _heads(db, max(without_line(db), query.after), "DESC", -1):
        if (not query.before or entry.number < query.before) and wanted.stands_in(seen):
            yield entry


def find(db: sqlite3.Connection, query: Query, limit: int) -> list[Entry]:
    """Return the mails that `query` asks for, the newest first. In a transaction."""
    found = list(islice(_found_in_heads(db, query), limit if limit >= 0 else None))
    if len(found) == limit:
        return found
    where, asked = _where(query)
    left = limit - len(found) if limit >= 0 else -1
    rows = db.execute(f"SELECT {_LINE} FROM line WHERE {where} ORDER BY number DESC LIMIT ?", (*asked, left))
    found += [_entry(row) for row in rows]
    return found


def count(db: sqlite3.Connection, query: Query) -> int:
    """Return how many mails `query` asks for. In a transaction."""
    where, asked = _where(query)
    lines: int = db.execute(f"SELECT count(*) FROM line WHERE {where}", asked).fetchone()[0]
    return lines + sum(1 for _ in _found_in_heads(db, query))


def mail(db: sqlite3.Connection, number: int) -> tuple[Entry, Mail] | None:
    """Return one mail whole."""
    row = db.execute(f"SELECT {_MAIL} FROM mail WHERE number = ?", (number,)).fetchone()
    if row is None:
        return None
    received, sender, recipients, peer, helo, login, tls, content = row
    one = Mail(sender, tuple(recipients.split("\n")), content, received, peer, helo, login, bool(tls))
    return entry_of(number, one, headline_of(content), len(content)), one


def remove(db: sqlite3.Connection, query: Query) -> int:
    """Remove the mails that `query` asks for; return how many went. In a transaction."""
    write_lines(db, -1)
    where, asked = _where(query)
    db.execute(f"DELETE FROM mail WHERE number IN (SELECT number FROM line WHERE {where})", asked)
    return db.execute(f"DELETE FROM line WHERE {where}", asked).rowcount


def held(db: sqlite3.Connection) -> tuple[int, int]:
    """Return how many mails and bytes there are. All must have their lines."""
    count, size = db.execute("SELECT count(*), coalesce(sum(size), 0) FROM line").fetchone()
    return count, size


def drop_oldest(db: sqlite3.Connection, most: int, largest: int) -> tuple[int, int]:
    """Let the oldest go until no more are left than `most`, in `largest` bytes; return what is left. As `held`."""
    count, size = held(db)
    last = 0
    for number, each in db.execute("SELECT number, size FROM line ORDER BY number"):
        if (count <= most and size <= largest) or count == 1:
            break
        count, size, last = count - 1, size - each, number
    db.execute("DELETE FROM mail WHERE number <= ?", (last,))
    db.execute("DELETE FROM line WHERE number <= ?", (last,))
    return count, size


def _where(query: Query) -> tuple[str, tuple[object, ...]]:
    wanted = Wanted.by(query)
    parts: list[str] = ["number > ?"]
    asked: list[object] = [query.after]
    columns = (("search_to", wanted.to), ("search_sender", wanted.sender), ("search_subject", wanted.subject))
    for column, word in columns:
        if word:
            parts.append(f"instr({column}, ?)")
            asked.append(word)
    if wanted.text:
        parts.append(f"({' OR '.join(f'instr({column}, ?)' for column, _ in columns)})")
        asked += [wanted.text] * 3
    if query.before:
        parts.append("number < ?")
        asked.append(query.before)
    return " AND ".join(parts), tuple(asked)


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
