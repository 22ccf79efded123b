"""What says nothing of itself: people, books, mails, counters and faults, compared with how they were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sockwright.console.desk import Desk
from sockwright.errors import ConfigError, ServiceError
from sockwright.stores.mailbox import Query

# Between two looks at the mailbox (seconds), and at counters and faults.
TICK = 0.25
SLOW_TICK = 1.0
# New mails that are told one by one.
MAILS = 20


class Changes:
    """How things were when they were last looked at. Each method returns events: kind and data."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._people = {one["id"]: one for one in self._everybody()}
        self._totals = {one["endpoint"]: one for one in desk.traffic()}
        self._faults = desk.faults()
        self._fast = self._slow = 0.0
        self._mail_version = -1
        self._newest = 0
        self.is_slow_tick = False
        if desk.mailbox is not None:
            self._mail_version = desk.mailbox.version()
            found = desk.mailbox.find(limit=1)
            self._newest = found[0].number if found else 0

    def _everybody(self) -> Sequence[dict[str, Any]]:
        try:
            return self._desk.people.everybody() if self._desk.people is not None else ()
        except ServiceError:  # the store is away: nobody knows
            return ()

    def people(self) -> list[tuple[str, Any]]:
        """Return who came and who left."""
        known, self._people = self._people, {one["id"]: one for one in self._everybody()}
        count = len(self._people)
        told: list[tuple[str, Any]] = []
        for event, some, others in (("left", known, self._people), ("joined", self._people, known)):
            told += [
                ("people", {"event": event, "person": person, "count": count})
                for number, person in some.items()
                if number not in others
            ]
        return told

    def book(self, name: str) -> list[tuple[str, Any]]:
        """Return that a book changed; its size is null where it is gone."""
        assert self._desk.books is not None
        try:
            return [("books", {"name": name, "size": self._desk.books.sizes().get(name)})]
        except (ServiceError, ConfigError):
            return []

    def tick(self, now: float, *, mail: bool) -> list[tuple[str, Any]]:
        """Look at what says nothing of itself, where it is time."""
        told: list[tuple[str, Any]] = []
        self.is_slow_tick = now - self._slow >= SLOW_TICK
        if now - self._fast >= TICK or mail:
            self._fast = now
            told += self._mails(forced=mail)
        if self.is_slow_tick:
            self._slow = now
            totals = {one["endpoint"]: one for one in self._desk.traffic()}
            changed = [one for name, one in totals.items() if one != self._totals.get(name)]
            self._totals = totals
            if changed:
                told.append(("endpoints", changed))
            faults = self._desk.faults()
            if faults != self._faults:
                self._faults = faults
                told.append(("faults", list(faults)))
        return told

    def _mails(self, *, forced: bool) -> list[tuple[str, Any]]:
        mailbox = self._desk.mailbox
        if mailbox is None:
            return []
        version = mailbox.version()
        if version == self._mail_version and not forced:
            return []
        self._mail_version = version
        new = mailbox.find(Query(after=self._newest), MAILS)
        count = mailbox.count()
        if not new:
            return [("mail", {"event": "removed", "number": None, "count": count})]
        self._newest = new[0].number
        return [("mail", {"event": "arrived", "number": one.number, "count": count}) for one in reversed(new)]
