"""Connections put together from what a follower is told: for who prints one line per connection in the same process."""

from __future__ import annotations

from collections.abc import Sequence

from sockwright.journal.batch import Batch
from sockwright.journal.connections import Connection
from sockwright.journal.records import ENDED, OPENED, RARE, Entry


class Summaries:
    """What is open now, as far as it was told; give it all that the journal tells."""

    def __init__(self) -> None:
        self._open: dict[int, Connection] = {}

    def ended(self, entries: Sequence[Entry]) -> list[Connection]:
        """Take in what came, and return the connections that have ended by it."""
        # What carries bytes says nothing of a connection as a whole, and is much.
        rare = entries.rare if isinstance(entries, Batch) else [entry[1] for entry in entries if entry[1][0] in RARE]
        done: list[Connection] = []
        for record in rare:
            kind, number = record[:2]
            if kind == OPENED:
                self._open[number] = Connection(number, record[3], record[2])
                continue
            connection = self._open.get(number)
            if connection is not None:
                connection.fold(record)
                if kind == ENDED:
                    done.append(self._open.pop(number))
        return done
