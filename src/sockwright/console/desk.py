"""What the console may ask of the bench it shows. The real one is `sockwright.desk`; everything else it reads itself.

Methods may be called from any thread and may wait, unless they say otherwise. What cannot be is a `ServiceError` (its
code in HTTP's terms) or a `ConfigError` (with its cure). Values are plain: what JSON can say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from sockwright.journal.journal import Journal
from sockwright.journal.transcript import Transcript
from sockwright.stores.mailbox import Mailbox

Plain = dict[str, Any]


class Counts(NamedTuple):
    """What went to and fro: bytes and chunks of both directions."""

    received: int
    received_chunks: int
    sent: int
    sent_chunks: int


class People(Protocol):
    """Who is connected."""

    def everybody(self) -> Sequence[Plain]:
        """Return who is there: id, name, age, peer, since."""

    def dismiss(self, number: int) -> None:
        """Let one go."""

    def watch(self, follower: Callable[[], None]) -> Callable[[], None]:
        """Call `follower` when somebody came or went, in any thread; it must not wait. Return how to stop that."""


class Books(Protocol):
    """The codebooks."""

    def sizes(self) -> Mapping[str, int]:
        """Return the books, by name, and how many words each has."""

    def page(self, name: str, search: str, after: str, limit: int) -> tuple[Sequence[tuple[str, str]], bool]:
        """Return word and plain word of entries behind the word `after` that hold `search`; and whether more follow."""

    def make(self, name: str) -> None:
        """Make an empty book."""

    def remove(self, name: str) -> None:
        """Remove a book."""

    def put(self, name: str, word: str, plain: str) -> None:
        """Add or change a word of a book that is there."""

    def drop(self, name: str, word: str) -> None:
        """Remove a word."""

    def load(self, name: str, content: bytes, form: str, how: str) -> Plain:
        """Take over a file, whole or not at all; `how` is add, overwrite or replace."""

    def dump(self, name: str, form: str) -> bytes:
        """Return a book as a file."""

    def translate(self, words: Sequence[str], name: str, *, encode: bool) -> Sequence[str | None]:
        """Return the plain words for enciphered ones, or the other way round; None for what is unknown."""

    def watch(self, follower: Callable[[str], None]) -> Callable[[], None]:
        """Call `follower` with the name of a book that changed, in any thread. Return how to stop that."""


class Desk(Protocol):
    """One running bench."""

    journal: Journal
    mailbox: Mailbox | None

    @property
    def people(self) -> People | None: ...

    @property
    def books(self) -> Books | None: ...

    def state(self) -> Plain:
        """Return what the bench is: version, command, started, run, seed, journal, lan, endpoints."""

    def traffic(self) -> Sequence[Plain]:
        """Return, per endpoint, connections now and in all, and bytes. Does not wait."""

    def live(self) -> Mapping[int, Counts]:
        """Return what went to and fro so far in the connections that are open, by number. Does not wait."""

    def faults(self) -> Sequence[Plain]:
        """Return every place with its faults."""

    def fault_catalogue(self) -> Plain:
        """Return the faults and the profiles that there are."""

    def break_(self, asked: Mapping[str, Any]) -> Sequence[Plain]:
        """Set faults; return what that changed."""

    def heal(self, name: str) -> Sequence[Plain]:
        """Take faults away; return what that changed."""

    def call(self, asked: Mapping[str, Any]) -> Plain:
        """Call somebody, and return the answer."""

    def send_mail(self, asked: Mapping[str, Any]) -> Plain:
        """Send a mail by a server, and return the dialogue."""

    def composed(self, transcript: Transcript) -> Plain | None:
        """Return what a client said as a call that says it again; None where that makes no sense."""

    def copy(self, transcript: Transcript, form: str) -> str | None:
        """Return the same as a command or a program, in the form python, curl, nc or sockwright."""

    def start_check(self, asked: Mapping[str, Any]) -> Plain:
        """Begin to check links; return the run."""

    def checks(self) -> Sequence[Plain]:
        """Return the runs of the link checker, the newest first."""

    def check(self, id: str) -> Plain | None:
        """Return one run with what it found, None where there is none."""

    def stop_check(self, id: str) -> None:
        """End a run, and forget it."""
