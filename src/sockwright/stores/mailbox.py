"""The mailbox: what it keeps of a mail, and the seam with its makers: memory, a file (`mailbox_file`), Redis
(`redis.mailbox`).

A mail is acknowledged once it is kept: `keep` returns at once and tells the outcome when the mail is safe.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sockwright import config
from sockwright.binding import Refusal
from sockwright.wire.mail import Mail
from sockwright.wire.mime import Headline, headline_of

# How the URLs of a Redis begin.
REDIS = ("redis://", "rediss://", "unix://")

# Called with the mail's number, or the Refusal that it ended in; from any thread.
Done = Callable[[int | Refusal], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """Above these the oldest mails go. Counts and bytes."""

    # A list and a search stay under a tenth of a second.
    mails: int = 100_000
    size: int = 512 * 1024 * 1024
    # Bytes that may wait for the disk; above it mail is refused for now.
    waiting: int = 128 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the mailbox: the envelope and the headline. `received` in seconds since the epoch."""

    number: int
    received: float
    sender: str
    recipients: tuple[str, ...]
    subject: str
    author: str
    to: str
    size: int
    peer: str
    helo: str
    login: str
    tls: bool


@dataclass(frozen=True, slots=True)
class Query:
    """Which mails: those whose recipients (or To, Cc), sender (or From) and subject hold these words, in any case.
    `text` may be in any of the three. `after` and `before`: only mails with a higher number, with a lower one."""

    to: str = ""
    sender: str = ""
    subject: str = ""
    after: int = 0
    text: str = ""
    before: int = 0


EVERYTHING = Query()


def entry_of(number: int, mail: Mail, head: Headline, size: int) -> Entry:
    """Return the line for a mail that was given `number`."""
    return Entry(
        number,
        mail.received,
        mail.sender,
        mail.recipients,
        head.subject,
        head.author,
        head.to,
        size,
        mail.peer,
        mail.helo,
        mail.login,
        mail.tls,
    )


def searched(recipients: str, sender: str, head: Headline) -> tuple[str, str, str]:
    """Return what a query looks at: to, sender, subject, without their case. `recipients` stand one a line."""
    return f"{recipients}\n{head.to}".casefold(), f"{sender}\n{head.author}".casefold(), head.subject.casefold()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A query's words, without their case: looked for in what `searched` returns."""

    to: str
    sender: str
    subject: str
    text: str

    @classmethod
    def by(cls, query: Query) -> Wanted:
        """Return what `query` wants."""
        return cls(query.to.casefold(), query.sender.casefold(), query.subject.casefold(), query.text.casefold())

    @property
    def words(self) -> tuple[str, ...]:
        """All that must stand somewhere."""
        return tuple(word for word in (self.to, self.sender, self.subject, self.text) if word)

    def stands_in(self, seen: tuple[str, str, str]) -> bool:
        """Tell whether a mail of which this is searched is one of those."""
        to, sender, subject = seen
        if self.to not in to or self.sender not in sender or self.subject not in subject:
            return False
        return self.text in to or self.text in sender or self.text in subject


class Mailbox(Protocol):
    """Mails by number, which never comes twice. `warning`: what should be known of this one."""

    warning: str

    @property
    def keep(self) -> Callable[[Mail, Done], None]:
        """Keep a mail, and call `done` once it is safe, or cannot be kept. Returns at once; for any thread."""

    def find(self, query: Query = EVERYTHING, limit: int = 1000) -> list[Entry]:
        """Return the mails that `query` asks for, the newest first, `limit` at most (below 0: all)."""

    def count(self, query: Query = EVERYTHING) -> int:
        """Return how many mails `query` asks for."""

    def mail(self, number: int) -> tuple[Entry, Mail] | None:
        """Return mail `number`, None where there is none."""

    def clear(self, query: Query = EVERYTHING) -> int:
        """Remove the mails that `query` asks for; return how many went."""

    def version(self) -> int:
        """Return a number that changes when the mailbox does."""

    def close(self) -> None:
        """Keep what waits, and close."""


class MemoryMailbox:
    """The mailbox that forgets when the process ends."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.warning = ""
        self._limits = limits or Limits()
        self._lock = threading.Lock()
        self._last = self._version = self._size = 0
        self._mails: dict[int, tuple[Entry, tuple[str, str, str], Mail]] = {}

    def keep(self, mail: Mail, done: Done) -> None:
        head = headline_of(mail.content)
        words = searched("\n".join(mail.recipients), mail.sender, head)
        with self._lock:
            self._last += 1
            self._version += 1
            number = self._last
            self._mails[number] = entry_of(number, mail, head, len(mail.content)), words, mail
            self._size += len(mail.content)
            while len(self._mails) > self._limits.mails or (self._size > self._limits.size and len(self._mails) > 1):
                self._size -= self._mails.pop(next(iter(self._mails)))[0].size
        done(number)

    def find(self, query: Query = EVERYTHING, limit: int = 1000) -> list[Entry]:
        wanted = Wanted.by(query)
        found: list[Entry] = []
        with self._lock:
            held = list(self._mails.values())
        for entry, words, _ in reversed(held):
            if entry.number <= query.after or 0 <= limit <= len(found):
                break
            if (not query.before or entry.number < query.before) and wanted.stands_in(words):
                found.append(entry)
        return found

    def count(self, query: Query = EVERYTHING) -> int:
        return len(self._mails) if query == EVERYTHING else len(self.find(query, -1))

    def mail(self, number: int) -> tuple[Entry, Mail] | None:
        with self._lock:
            held = self._mails.get(number)
        return (held[0], held[2]) if held is not None else None

    def clear(self, query: Query = EVERYTHING) -> int:
        gone = self.find(query, -1)
        with self._lock:
            for entry in gone:
                if self._mails.pop(entry.number, None) is not None:
                    self._size -= entry.size
            self._version += 1
        return len(gone)

    def version(self) -> int:
        return self._version

    def close(self) -> None:
        pass


def open_mailbox(place: str = "", limits: Limits | None = None) -> Mailbox:
    """Open the mailbox at `place`: a file, `redis://HOST:PORT/DB`, `memory`, or (empty) the one in the user's data
    folder.

    Raises: ConfigError where it is no mailbox; Unavailable where Redis is not there.
    """
    if place == "memory":
        return MemoryMailbox(limits)
    if place.startswith(REDIS):
        from sockwright.stores.redis.mailbox import RedisMailbox

        return RedisMailbox(place, limits)
    from sockwright.stores.mailbox_file import FileMailbox  # sqlite3 takes 10 ms

    path = Path(place).expanduser() if place else config.home().data / "mail.db"
    return FileMailbox(path, limits)
