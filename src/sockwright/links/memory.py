"""What earlier runs found out, in SQLite: so that a run asks again only what is due, and can be taken up again.

A result is one URL's outcome with its validators; a page is kept with its links and anchors, since a server that
answers 304 sends neither. Results carry the number of their run: `--resume` takes up a run by going through its own
results again, from the start, without asking. What `kill -9` can lose is the last half second.

Only good outcomes spare a request in a later run; a fault is always asked again.
"""

from __future__ import annotations

import sqlite3
import time
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from sockwright.links.asking import Body
from sockwright.links.credentials import bare
from sockwright.links.evidence import evidence
from sockwright.links.fetcher import Outcome
from sockwright.links.page import Page

_SCHEMA = """
CREATE TABLE IF NOT EXISTS links_run (id INTEGER PRIMARY KEY, key TEXT NOT NULL, begun REAL NOT NULL, ended REAL);
CREATE TABLE IF NOT EXISTS links_result (
  url TEXT PRIMARY KEY, run INTEGER NOT NULL, at REAL NOT NULL, asked INTEGER NOT NULL, kind TEXT NOT NULL,
  etag TEXT NOT NULL, modified TEXT NOT NULL, rest BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS links_page (url TEXT PRIMARY KEY, at REAL NOT NULL, content BLOB NOT NULL) WITHOUT ROWID;
"""
_TABLES = ("links_run", "links_result", "links_page")
_VERSION = 2  # of the tables; a file of another version is begun anew, it only holds what can be asked again
_BATCH = 500  # rows written in one transaction
_DELAY = 0.5  # seconds that a row waits for its transaction at most
_KEPT = 90 * 86400.0  # seconds after which what was not met again is forgotten
_BUSY = 5.0  # seconds to wait for another run that writes


class _Rest(msgspec.Struct, array_like=True):
    """The columns of a result that are only read together."""

    reason: str
    status: int
    location: str
    permanent: bool
    note: str
    readable: bool
    cookies: bool
    why: dict[str, Any] | None


class Remembered(Struct):
    """An earlier outcome of a URL."""

    outcome: Outcome  # its page is only there after `page_of`
    run: int
    at: float  # seconds since the epoch
    asked: Body


def _key(url: str) -> str:
    """Return the name under which a URL is kept: its password is not, only what tells it from another one's."""
    if "@" not in url or (shown := bare(url)) == url:
        return url
    scheme, _, rest = shown.partition("://")
    return f"{scheme}://***{zlib.crc32(url.encode()) & 0xFFFF:04x}@{rest}"


class Memory:
    """One file of results."""

    def __init__(self, path: Path | str, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        if path != ":memory:":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._base = sqlite3.connect(path, timeout=_BUSY, isolation_level=None)
        try:
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute("PRAGMA synchronous=NORMAL")
            self._prepare()
        except sqlite3.Error:
            self._base.close()
            raise
        self._results: list[tuple[object, ...]] = []
        self._pages: list[tuple[object, ...]] = []
        self._written = clock()
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode_rest = msgspec.msgpack.Decoder(_Rest).decode
        self._decode_page = msgspec.msgpack.Decoder(Page).decode
        self.run = 0
        self.empty = self._one("SELECT 1 FROM links_result LIMIT 1") is None

    def _prepare(self) -> None:
        # The file may hold other rooms' tables, so its own version number (`user_version`) is not ours to use.
        self._base.execute("CREATE TABLE IF NOT EXISTS links_version (version INTEGER)")
        version = self._one("SELECT version FROM links_version")
        if version != _VERSION:
            self._base.executescript("".join(f"DROP TABLE IF EXISTS {name};" for name in _TABLES))
            self._base.execute("DELETE FROM links_version")
            self._base.execute("INSERT INTO links_version VALUES (?)", (_VERSION,))
        self._base.executescript(_SCHEMA)

    def _one(self, query: str, *values: object) -> Any:
        row = self._base.execute(query, values).fetchone()
        return None if row is None else row[0]

    # --- runs -----------------------------------------------------------------------------------------------------

    def begin(self, key: str, *, resume: bool = False) -> bool:
        """Begin a run, or take up the last one of the same `key` that never ended; tell whether that was so."""
        if resume:
            found = self._one("SELECT id FROM links_run WHERE key = ? AND ended IS NULL ORDER BY id DESC LIMIT 1", key)
            if found is not None:
                self.run = int(found)
                return True
        now = self._clock()
        self._base.execute("BEGIN IMMEDIATE")
        self._base.execute("DELETE FROM links_result WHERE at < ?", (now - _KEPT,))
        self._base.execute("DELETE FROM links_page WHERE at < ?", (now - _KEPT,))
        self._base.execute("DELETE FROM links_run WHERE begun < ?", (now - _KEPT,))
        cursor = self._base.execute("INSERT INTO links_run (key, begun) VALUES (?, ?)", (key, now))
        self._base.execute("COMMIT")
        self.run = cursor.lastrowid or 0
        return False

    def end(self) -> None:
        """Note that the run is whole."""
        self.write()
        self._base.execute("UPDATE links_run SET ended = ? WHERE id = ?", (self._clock(), self.run))

    def close(self) -> None:
        with closing(self._base):
            self.write()

    # --- results --------------------------------------------------------------------------------------------------

    def recall(self, url: str) -> Remembered | None:
        """Return what is known of `url`."""
        if self.empty:
            return None
        url = _key(url)
        row = self._base.execute(
            "SELECT run, at, asked, kind, etag, modified, rest FROM links_result WHERE url = ?", (url,)
        ).fetchone()
        if row is None:
            return None
        run, at, asked, kind, etag, modified, packed = row
        try:
            rest = self._decode_rest(packed)
        except msgspec.MsgspecError:
            return None
        outcome = Outcome(
            kind,
            rest.reason,
            rest.status,
            location=rest.location,
            permanent=rest.permanent,
            note=rest.note,
            readable=rest.readable,
            cookies=rest.cookies,
            etag=etag,
            modified=modified,
            why=rest.why,
        )
        return Remembered(outcome, run, at, Body(asked))

    def page_of(self, url: str) -> Page | None:
        """Return the page that was read at `url`."""
        packed = self._one("SELECT content FROM links_page WHERE url = ?", _key(url))
        if packed is None:
            return None
        try:
            return self._decode_page(packed)
        except msgspec.MsgspecError:
            return None

    def keep(self, url: str, outcome: Outcome, asked: Body) -> None:
        """Remember an outcome that was asked for in this run."""
        why = outcome.why
        if why is None and outcome.exchange is not None:
            why = evidence(outcome.exchange)
        rest = _Rest(
            outcome.reason,
            outcome.status,
            outcome.location,
            outcome.permanent,
            outcome.note,
            outcome.readable,
            outcome.cookies,
            why,
        )
        now = self._clock()
        url = _key(url)
        row = (url, self.run, now, int(asked), outcome.kind, outcome.etag, outcome.modified, self._encode(rest))
        self._results.append(row)
        if outcome.page is not None:
            try:
                self._pages.append((url, now, self._encode(outcome.page)))
            except UnicodeEncodeError:  # half a surrogate pair, which UTF-8 has no bytes for: read it again next time
                pass
        if len(self._results) >= _BATCH:
            self.write()

    def tick(self) -> None:
        """Write what has waited long enough."""
        if self._results and self._clock() - self._written > _DELAY:
            self.write()

    def write(self) -> None:
        """Write all that was kept, in one transaction."""
        self._written = self._clock()
        if not self._results:
            return
        self._base.execute("BEGIN IMMEDIATE")
        self._base.executemany("INSERT OR REPLACE INTO links_result VALUES (?, ?, ?, ?, ?, ?, ?, ?)", self._results)
        self._base.executemany("INSERT OR REPLACE INTO links_page VALUES (?, ?, ?)", self._pages)
        self._base.execute("COMMIT")
        self._results.clear()
        self._pages.clear()
