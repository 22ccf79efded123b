"""The mailbox: what it keeps of a mail, and the seam with its two makers, memory and a file (`mailbox_file`).

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
from sockwright.wire.mime import headline_of

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


def entry_of(number: int, mail: Mail) -> Entry:
    """Return the line for a mail that was given `number`."""
    head = headline_of(mail.content)
    size = len(mail.content)
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


def searched(entry: Entry) -> tuple[str, str, str]:
    """Return what a query looks at: to, sender, subject, without their case."""
    to = "\n".join((*entry.recipients, entry.to)).casefold()
    return to, f"{entry.sender}\n{entry.author}".casefold(), entry.subject.casefold()


class Mailbox(Protocol):
    """Mails by number, which never comes twice."""

    def keep(self, mail: Mail, done: Done) -> None:
        """Keep a mail, and call `done` once it is safe, or cannot be kept. Returns at once; for any thread."""

    def find(self, query: Query = EVERYTHING, limit: int = 1000) -> list[Entry]:
        """Return the mails that `query` asks for, the newest first."""

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
        self._limits = limits or Limits()
        self._lock = threading.Lock()
        self._last = self._version = self._size = 0
        self._mails: dict[int, tuple[Entry, Mail]] = {}

    def keep(self, mail: Mail, done: Done) -> None:
        with self._lock:
            self._last += 1
            self._version += 1
            number = self._last
            self._mails[number] = (entry_of(number, mail), mail)
            self._size += len(mail.content)
            while len(self._mails) > self._limits.mails or (self._size > self._limits.size and len(self._mails) > 1):
                _, gone = self._mails.pop(next(iter(self._mails)))
                self._size -= len(gone.content)
        done(number)

    def find(self, query: Query = EVERYTHING, limit: int = 1000) -> list[Entry]:
        wanted = tuple(word.casefold() for word in (query.to, query.sender, query.subject))
        anywhere = query.text.casefold()
        found: list[Entry] = []
        with self._lock:
            held = list(self._mails.values())
        for entry, _ in reversed(held):
            if entry.number <= query.after or len(found) == limit:
                break
            if query.before and entry.number >= query.before:
                continue
            texts = searched(entry)
            if all(word in text for word, text in zip(wanted, texts, strict=True)) and anywhere in "\n".join(texts):
                found.append(entry)
        return found

    def count(self, query: Query = EVERYTHING) -> int:
        return len(self._mails) if query == EVERYTHING else len(self.find(query, self._limits.mails))

    def mail(self, number: int) -> tuple[Entry, Mail] | None:
        with self._lock:
            return self._mails.get(number)

    def clear(self, query: Query = EVERYTHING) -> int:
        gone = self.find(query, self._limits.mails)
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
    """Open the mailbox at `place`: a file, `memory`, or (empty) the one in the user's data folder.

    Raises: ConfigError where it is no mailbox.
    """
    if place == "memory":
        return MemoryMailbox(limits)
    from sockwright.stores.mailbox_file import FileMailbox  # sqlite3 takes 10 ms

    path = Path(place).expanduser() if place else config.home().data / "mail.db"
    return FileMailbox(path, limits)
