"""Connections as they come, go on and end: what the journal's writer tells, made into rows for whoever looks.

A row is told when a connection opens, when it ends, and while it goes on at most four times a second. In a flood what
opens is counted instead of told; what was told as open is always told to its end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any

from sockwright.console.api.connections import about, first_line
from sockwright.console.desk import Counts
from sockwright.journal.batch import Batch
from sockwright.journal.connections import Connection
from sockwright.journal.journal import Journal
from sockwright.journal.records import ENDED, EXCHANGED, OPENED, RECEIVED

# Rows that one reader can follow, a second; so many may come at once.
ROWS = 250
BURST = 500
# Between two looks at what goes on (seconds), and rows told at each: what is left waits for the next.
LOOK = 0.25
UPDATES = 60
# First lines that are remembered.
SAID = 20_000

_number_of = itemgetter(1)


class Traffic:
    """The connections of one bench, for its feed; used by the feed's thread, `said` and `remember` by everybody."""

    def __init__(self, journal: Journal, live: Callable[[], Mapping[int, Counts]]) -> None:
        self._journal = journal
        self._live = live
        self._open: dict[int, Connection] = {}
        self._told: set[int] = set()  # of the open ones
        self._silent: set[int] = set()  # open, and the client said nothing yet
        self._changed: dict[int, None] = {}
        self._said: dict[int, str] = {}
        self._budget = float(BURST)
        self._at = self._looked = 0.0
        self.skipped = 0  # rows that were not told since somebody asked

    def begin(self, now: float) -> None:
        """Begin to be told: what is open already is known to whoever looks."""
        self._open = {one.number: one for one in self._journal.connections() if one.ended is None}
        self._told = set(self._open)
        self._silent = {number for number in self._open if number not in self._said}
        self._changed.clear()
        self._budget, self._at, self._looked = float(BURST), now, now
        self.skipped = 0

    def said(self, number: int) -> str | None:
        """Return the first line of what a client said, None where that is not remembered."""
        return self._said.get(number)

    def remember(self, number: int, said: str) -> None:
        """Remember a first line."""
        if len(self._said) >= SAID:
            for old in list(self._said)[: SAID // 4]:
                self._said.pop(old, None)
        self._said[number] = said

    def take(self, batch: Batch, now: float) -> list[dict[str, Any]]:
        """Take in what the journal's writer tells; return the rows to be told at once."""
        self._budget = min(float(BURST), self._budget + (now - self._at) * ROWS)
        self._at = now
        ended: dict[int, Connection] = {}
        opened: list[int] = []
        for record in batch.rare:
            kind, number = record[:2]
            if kind == OPENED:
                self._open[number] = Connection(number, record[3], record[2])
                self._silent.add(number)
                if self._budget >= 1:
                    self._budget -= 1
                    self._told.add(number)
                    opened.append(number)
                else:
                    self.skipped += 1
                continue
            connection = self._open.get(number)
            if connection is None:
                continue
            connection.fold(record)
            self._changed[number] = None
            if kind == ENDED:
                ended[number] = self._open.pop(number)
        numbers = set(map(_number_of, batch.records))
        self._hear(batch, self._silent & numbers)
        for number in numbers & self._told:
            self._changed[number] = None
        live = self._live() if any(number not in ended for number in opened) else {}
        rows = [self._row(self._open[number], live) for number in opened if number not in ended]
        for number, connection in ended.items():
            self._changed.pop(number, None)
            self._silent.discard(number)
            if number in self._told:
                self._told.discard(number)
                rows.append(self._row(connection, live))
        return rows

    def due(self, now: float) -> list[dict[str, Any]]:
        """Return the rows of what went on since they were last told."""
        if now - self._looked < LOOK or not self._changed:
            return []
        self._looked = now
        live = self._live()
        rows: list[dict[str, Any]] = []
        for number in list(self._changed)[: UPDATES * 10]:
            del self._changed[number]
            connection = self._open.get(number)
            if connection is not None and number in self._told:
                rows.append(self._row(connection, live))
                if len(rows) == UPDATES:
                    break
        return rows

    def _hear(self, batch: Batch, lacking: set[int]) -> None:
        """Find the first words of those who have said nothing yet."""
        if not lacking:
            return
        for record in batch.records:
            if record[1] in lacking and record[0] in (RECEIVED, EXCHANGED) and record[3].strip():
                number = record[1]
                self.remember(number, first_line(record[3]))
                lacking.discard(number)
                self._silent.discard(number)
                if not lacking:
                    return

    def _row(self, connection: Connection, live: Mapping[int, Counts]) -> dict[str, Any]:
        number = connection.number
        return about(connection, live.get(number, _NOTHING), self._said.get(number, ""))


_NOTHING = Counts(0, 0, 0, 0)
