"""Services over a byte stream: frames in, frames out, in order.

Not only lines: any framing. The name says what it mostly is. `raw` framing has no frames: what one read brought is
handed on as it came, which is what echo and discard want.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from sockwright import config
from sockwright.binding import Arguments, Outcome, Refusal, Service, attempt, failure
from sockwright.conversation import (
    NOTHING,
    Action,
    Actions,
    Begin,
    Close,
    Dialogue,
    Invoke,
    Note,
    Opening,
    Tell,
)
from sockwright.conversation import (
    failed as failed_note,
)
from sockwright.errors import PeerError, ServiceError
from sockwright.protocols import Terms
from sockwright.wire import framing

_LF, _CR = b"\n\r"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes, seconds, counts."""

    # One frame: larger than any line a person or a test sends, small enough for ten thousand peers.
    longest_frame: int = 1024 * 1024
    # Frames that may wait for an answer before we stop reading.
    queued: int = 64
    # A peer that says nothing at all ...
    first_frame: float = 30.0
    # ... and one that does not end what it began.
    whole_frame: float = 30.0


def encode_value(value: Any) -> bytes:
    """Return a service's value as a person would read it: text as it is, a list of words apart by blanks, else JSON."""
    if type(value) is str:
        return value.encode("utf-8", "replace")
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if value is None:
        return b""
    if isinstance(value, list | tuple) and all(isinstance(word, str) and word and " " not in word for word in value):
        return " ".join(value).encode("utf-8", "replace")
    try:
        return msgspec.json.encode(value)
    except (TypeError, msgspec.EncodeError):
        return str(value).encode("utf-8", "replace")


def encode_outcome(outcome: Outcome) -> bytes:
    """Return an answer as text; a refusal begins with `error: ` and stays on one line."""
    if type(outcome) is Refusal:
        return b"error: " + outcome.message.replace("\r", " ").replace("\n", " ").encode("utf-8", "replace")
    return encode_value(outcome)


def _answering(service: Service) -> Callable[[bytes], bytes]:
    """Return what maps one line to the answer, in one call; it raises what the service raises."""
    function = service.function
    if service.returns is bytes and [parameter.type for parameter in service.parameters] == [bytes]:
        straight: Callable[[bytes], bytes] = function
        return straight
    fit = service.fit_line

    def answer(line: bytes) -> bytes:
        return encode_value(function(*fit(line)))

    return answer


class _NotesToo(Exception):
    """There is more to do than to write an answer."""


class Lines(Dialogue):
    """One peer of one service.

        waiting --frames--> called (in place, or Invoke) --answers--> waiting
           '------FIN-----> what is owed is answered, then Close

    Blocking services get one batch at a time, so that answers keep the order of the frames.
    """

    __slots__ = (
        "_answer",
        "_asked",
        "_began",
        "_frames",
        "_framing",
        "_limits",
        "_owed",
        "_passed",
        "_said_all",
        "_service",
        "_straight",
    )

    def __init__(self, service: Service, cutter: framing.Framing | None, limits: Limits) -> None:
        super().__init__()
        self._service = service
        self._framing = cutter  # None: raw
        self._limits = limits
        # Waiting behind the batch that is out. A list: an empty deque holds 600 bytes, for each of 10,000 idle peers.
        self._frames: list[bytes] = []
        self._asked = False  # a batch is out
        self._said_all = False  # the peer's FIN came
        self._began = False
        self._owed: Sequence[Action] = ()  # for one read on the hot path, where somebody's code failed
        self._answer: Callable[[bytes], bytes] | None = None  # one frame to its answer, in place
        # The longest read of whole lines that is answered without `feed`: none while a line has begun.
        self._straight = limits.longest_frame
        self._passed = 0  # bytes that were, and that the framing has not seen
        if not service.blocking and not service.is_async and not service.is_session and not service.speaks_first:
            if cutter is None:
                self.inline = self._raw_inline()
            elif service.answers:
                self._answer = _answering(service)
                if type(cutter) is framing.Lines:
                    self.inline = self._answer_whole

    def _raw_inline(self) -> Callable[[bytes], bytes | None] | None:
        """Return the service itself where it maps bytes to bytes, or what fits it to the hot path."""
        service = self._service
        if len(service.parameters) != 1:
            return None
        function: Callable[[bytes], Any] = service.function
        if service.parameters[0].type is bytes and service.returns is bytes:
            return function
        if service.parameters[0].type is bytes and not service.answers:

            def swallow(data: bytes) -> bytes:
                function(data)
                return b""

            return swallow
        return None

    def _answer_whole(self, data: bytes) -> bytes | None:
        """Answer whole lines, all that a read brought: the hot path. One object, whose parts lie side by side."""
        if data[-1] != _LF or len(data) > self._straight:
            return None
        self._passed += len(data)
        self.deadline = None
        self._began = True
        line = data[:-1]
        if _LF in line:
            return self._answer_several(data)
        if line and line[-1] == _CR:
            line = line[:-1]
        answer = self._answer  # a call of an attribute would look for a method first
        try:
            return answer(line) + b"\n"  # type: ignore[misc]  # where there is none, this is not called
        except ServiceError as refused:
            return encode_outcome(Refusal(str(refused), refused.code)) + b"\n"

    def _answer_several(self, data: bytes) -> bytes:
        assert self._answer is not None
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n")
        actions = self._answer_all(self._answer, data[:-1].split(b"\n"))
        said = actions[-1]
        if len(actions) == 1 and type(said) is bytes:
            return said
        self._owed = actions  # the hot path cannot write notes: `answered` hands out all of it
        raise _NotesToo

    # -- events

    def opened(self, now: float) -> Actions:
        self.deadline = now + self._limits.first_frame if self._framing is not None else None
        service = self._service
        if service.is_session:
            self.deadline = None
            return (Begin(service),)
        if service.speaks_first:
            self.deadline = None
            if service.blocking or service.is_async:
                self._asked = True
                return (Invoke(service, (Arguments(),)),)
            return (*self._answers((attempt(service, Arguments()),)), Close())
        return NOTHING

    def feed(self, data: bytes, now: float) -> Actions:
        self._began = True
        if self._framing is None:
            frames = [data]
        else:
            if self._passed and type(self._framing) is framing.Lines:
                self._framing.skip(self._passed)
                self._passed = 0
            self._straight = -1
            try:
                frames = self._framing.feed(data)
            except PeerError as wrong:
                return self._refuse(wrong)
            self.deadline = now + self._limits.whole_frame if self._framing.pending else None
            if self._framing.broken is not None:
                return (*self._take(frames), *self._refuse(self._framing.broken))
            if not self._framing.pending:
                self._straight = self._limits.longest_frame
        return self._take(frames)

    def half_closed(self, now: float) -> Actions:
        self._said_all = True
        self.deadline = None
        actions: list[Action] = []
        if self._framing is not None:
            try:
                last = self._framing.finish()
            except PeerError as wrong:
                return self._refuse(wrong)
            if last is not None:
                actions += self._take((last,))
        if self._service.is_session:
            actions.append(Tell(b""))
        elif not self._asked and not self._frames:
            actions.append(Close())
        return actions

    def answered(self, ticket: int, outcomes: Sequence[Outcome], now: float) -> Actions:
        self._asked = False
        if self._owed:
            owed, self._owed = self._owed, ()
            return owed
        actions = self._answers(outcomes)
        if self._service.speaks_first:
            return (*actions, Close())
        if self._frames:
            actions += self._ask()
        elif self._said_all:
            actions.append(Close())
        return actions

    def said(self, data: bytes, now: float) -> Actions:
        return self._frame(data)

    def session_ended(self, failure: Refusal | None, now: float) -> Actions:
        if failure is None:
            return (Close(),)
        return (*self._answers((failure,)), Close(failure.message))

    def expired(self, now: float) -> Actions:
        self.deadline = None
        wait = self._limits.whole_frame if self._began else self._limits.first_frame
        what = "the frame was not finished" if self._began else "nothing came"
        words = f"{what} within {config.duration_text(wait)}"
        return (*self._answers((Refusal(words),)), Close(words, how="time-out"))

    # -- the work

    def _take(self, frames: Sequence[bytes]) -> list[Action]:
        service = self._service
        if not frames or service.speaks_first:
            return []
        if service.is_session:
            return [Tell(frame) for frame in frames if frame]
        if self._answer is not None:
            return self._answer_all(self._answer, frames)
        if service.blocking or service.is_async:
            self._frames.extend(frames)
            return [] if self._asked else self._ask()
        return self._answers([attempt(service, Arguments(line=frame)) for frame in frames])

    def _answer_all(self, answer: Callable[[bytes], bytes], frames: Sequence[bytes]) -> list[Action]:
        """Answer `frames` in place, all with one write; notes of what failed come first."""
        answers: list[bytes] = []
        actions: list[Action] = []
        for frame in frames:
            try:
                answers.append(answer(frame))
            except Exception as failed:  # noqa: BLE001 - somebody else's code
                outcome = failure(failed)
                answers.append(encode_outcome(outcome))
                if outcome.trace:
                    actions.append(failed_note(outcome))
        assert self._framing is not None
        try:
            actions.append(self._framing.encode_all(answers))
        except ValueError:  # one of them has a length that this framing cannot say; those before it are said
            for one in answers:
                actions += self._frame(one)
        return actions

    def _ask(self) -> list[Action]:
        queued = self._limits.queued
        batch = [Arguments(line=frame) for frame in self._frames[:queued]]
        del self._frames[:queued]
        self._asked = True
        self.congested = len(self._frames) >= queued
        return [Invoke(self._service, batch)]

    def _answers(self, outcomes: Sequence[Outcome]) -> list[Action]:
        """Encode `outcomes` as frames; services that answer nothing still tell their refusals."""
        actions: list[Action] = []
        silent = not self._service.answers
        for outcome in outcomes:
            refused = type(outcome) is Refusal
            if refused and outcome.trace:
                actions.append(failed_note(outcome))
            if silent and not refused:
                continue
            actions += self._frame(encode_outcome(outcome))
        if self._frames or self.congested:
            self.congested = len(self._frames) >= self._limits.queued
        return actions

    def _frame(self, content: bytes) -> tuple[Action, ...]:
        if self._framing is None:
            return (content,)
        try:
            return (self._framing.encode(content),)
        except ValueError as wrong:  # a length that this framing cannot say
            words = f"the answer does not fit: {wrong}"
            return (Note("refused", {"message": words}), Close(words, how="error"))

    def _refuse(self, wrong: PeerError) -> Actions:
        """The stream cannot be cut into frames any more: say so and hang up."""
        note = Note("malformed", {"rule": wrong.section or "framing", "message": str(wrong)})
        return (note, *self._answers((Refusal(str(wrong), 400),)), Close(str(wrong), how="limit"))


def open_with(terms: Terms) -> Opening:
    """Return what makes a `Lines` for each peer, for the first of the services that makes sense over a stream."""
    service = next(service for service in terms.services if service.only != "datagram")
    limits = config.overridden(Limits(), terms.limits)
    kind = terms.frame or service.frame or "line"
    if kind == "raw":
        return lambda: Lines(service, None, limits)
    framing.framing(kind, limits.longest_frame)  # refuses what is no framing, before anybody comes
    return lambda: Lines(service, framing.framing(kind, limits.longest_frame), limits)
