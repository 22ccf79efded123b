"""The vocabulary of a sans-I/O dialogue: a conversation is told what arrived, and returns what shall be done.

It has no socket, clock or thread: `now` (seconds since the epoch) comes in with each event. The driver in
`transport` carries the actions out, in their order. A bare `bytes` object among them is the commonest action:
send these bytes. That keeps the hot path free of wrappers.

    driver                           conversation
      opened(now)          ------->    speak first, or ()
      feed(data, now)      ------->    (b"250 OK\\r\\n",)
      half_closed(now)     ------->    the peer's FIN: finish what is owed, then Close
      taken(now)           ------->    while congested: the peer has taken what was sent, more may be said
      answered(t, out, now)------->    the outcome of an Invoke
      said(data, now)      ------->    what a session begun by Begin wants to send: bytes, or what the protocol knows
      session_ended(f,now) ------->    that session returned (None) or failed (a Refusal)
      expired(now)         ------->    `deadline` has passed
      stopping(now)        ------->    the bench shuts down: say goodbye, finish what is owed
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sockwright.binding import Arguments, Outcome, Refusal, Service
from sockwright.endpoint import NOBODY, Peer


@dataclass(frozen=True, slots=True)
class Send:
    """Send a part of a file, without a copy through Python where the system can.

    `file` is an open descriptor that the driver closes once it is sent or given up; `offset` and `count` in bytes.
    """

    file: int
    offset: int
    count: int


@dataclass(frozen=True, slots=True)
class Invoke:
    """Run `service` once per element of `batch`, in order, and hand the outcomes back to `answered` with `ticket`.

    Made for services that may block: they run in workers, or as a task where they are coroutines. Those that
    cannot block are pure functions and are called in place (`binding.attempt`).
    """

    service: Service
    batch: Sequence[Arguments]
    ticket: int = 0


@dataclass(frozen=True, slots=True)
class Begin:
    """Begin a session: run `service` with a Session that stays for as long as the peer does.

    `extra` goes to the session's `about` (an HTTP request, a name, ...).
    """

    service: Service
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tell:
    """Hand `data` (one frame, b"" for the end of the stream) to the session that was begun."""

    data: bytes


@dataclass(frozen=True, slots=True)
class StartTls:
    """Send what was said so far, then begin TLS as the server; `opened` is told again under TLS."""


@dataclass(frozen=True, slots=True)
class Note:
    """Write a record of `kind` into the journal: what a protocol understood or refused, never what bytes already say.

    Kinds in use: `malformed` (rule, offset), `refused`, `failed` (a user's exception, with its traceback), `limit`.
    """

    kind: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Close:
    """Say nothing more: FIN after what was sent, then read on for a while so that nothing is lost.

    `reason` goes into the connection's record, `how` beside it (one of the words in `journal.records`); with
    `reset` the connection is reset instead (RST).
    """

    reason: str = ""
    reset: bool = False
    how: str = "fin"


Action = bytes | Send | Invoke | Begin | Tell | StartTls | Note | Close
Actions = Sequence[Action]
NOTHING: Actions = ()


class Conversation(Protocol):
    """One dialogue with one peer. Every method returns the actions to be done, in order.

    `deadline`: when `expired` shall be called (seconds since the epoch), None for never. The driver looks at it
    about four times a second. `congested`: true while no more input is wanted; the driver stops reading then, so
    that the peer feels it. `inline`: where set, a function that maps what one read brought to what is answered at
    once, in one call on the hot path; b"" answers nothing, None means "this is not so simple, use `feed`" and must
    have changed nothing. What it raises is told to `answered` as a Refusal with ticket 0. `timely`: the same for who
    needs to know the time, where there is no `inline`; it answers one whole message with one whole message, when no
    other one is under way, and raises nothing. `peer`: who is there, set before `opened`.
    """

    deadline: float | None
    congested: bool
    inline: Callable[[bytes], bytes | None] | None
    peer: Peer

    @property
    def timely(self) -> Callable[[bytes, float], bytes | None] | None: ...

    def opened(self, now: float) -> Actions: ...

    def feed(self, data: bytes, now: float) -> Actions: ...

    def half_closed(self, now: float) -> Actions: ...

    def taken(self, now: float) -> Actions: ...

    def answered(self, ticket: int, outcomes: Sequence[Outcome], now: float) -> Actions: ...

    def said(self, data: Any, now: float) -> Actions: ...

    def session_ended(self, failure: Refusal | None, now: float) -> Actions: ...

    def expired(self, now: float) -> Actions: ...

    def stopping(self, now: float) -> Actions: ...


class Dialogue:
    """A conversation that does nothing on every event; protocols override what concerns them."""

    __slots__ = ("congested", "deadline", "inline", "peer")

    timely: Callable[[bytes, float], bytes | None] | None = None

    def __init__(self) -> None:
        self.deadline: float | None = None
        self.congested = False
        self.inline: Callable[[bytes], bytes | None] | None = None
        self.peer = NOBODY

    def opened(self, now: float) -> Actions:
        return NOTHING

    def feed(self, data: bytes, now: float) -> Actions:
        return NOTHING

    def half_closed(self, now: float) -> Actions:
        return (Close(),)

    def taken(self, now: float) -> Actions:
        return NOTHING

    def answered(self, ticket: int, outcomes: Sequence[Outcome], now: float) -> Actions:
        return NOTHING

    def said(self, data: Any, now: float) -> Actions:
        return (data,)

    def session_ended(self, failure: Refusal | None, now: float) -> Actions:
        return (Close(),)

    def expired(self, now: float) -> Actions:
        self.deadline = None
        return (Close("nothing came in time", how="time-out"),)

    def stopping(self, now: float) -> Actions:
        return (Close("shutting down", how="stopped"),)


def failed(refusal: Refusal) -> Note:
    """Return the note that keeps the traceback of a user's exception; the peer gets the message alone."""
    return Note("failed", {"message": refusal.message, "trace": refusal.trace})


# What a protocol module gives to the driver: a new conversation for a new peer.
Opening = Callable[[], Conversation]
