"""Services over UDP: one datagram is one frame, one answer is one datagram. Nobody waits for anybody."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

from sockwright import config
from sockwright.binding import Arguments, Outcome, Refusal, Service, attempt
from sockwright.conversation import NOTHING, Action, Actions, Dialogue, Invoke, Opening, failed
from sockwright.errors import ConfigError
from sockwright.protocols import Terms
from sockwright.protocols.lines import encode_outcome

# The largest payload of a datagram over IPv4 (bytes).
LARGEST = 65_507


@dataclass(frozen=True, slots=True)
class Limits:
    """Counts."""

    # Calls of one peer that may be out at once; a datagram above that is refused.
    calls: int = 64


class Datagrams(Dialogue):
    """One address that sends us datagrams. Blocking services may answer out of order, as UDP itself may."""

    __slots__ = ("_limits", "_out", "_service", "_text", "_tickets")

    def __init__(self, service: Service, text: bool, limits: Limits) -> None:
        super().__init__()
        self._service = service
        self._text = text  # a line end at the end of a datagram is the sender's habit, not content
        self._limits = limits
        self._out = 0
        self._tickets = count(1)
        if not service.blocking and not service.is_async:
            self.inline = self._inline()

    def _inline(self) -> Callable[[bytes], bytes | None] | None:
        service = self._service
        if len(service.parameters) != 1 or service.parameters[0].type is not bytes:
            return None
        if service.returns is not bytes:
            return None
        function: Callable[[bytes], bytes] = service.function
        if not self._text:
            return function

        def answer(data: bytes) -> bytes:
            return function(data.removesuffix(b"\n").removesuffix(b"\r"))

        return answer

    def feed(self, data: bytes, now: float) -> Actions:
        service = self._service
        content = data.removesuffix(b"\n").removesuffix(b"\r") if self._text else data
        arguments = Arguments() if service.speaks_first else Arguments(line=content)
        if not service.blocking and not service.is_async:
            return self._answer(attempt(service, arguments))
        if self._out >= self._limits.calls:
            return self._answer(Refusal(f"busy: {self._out} of your calls are out already", 503))
        self._out += 1
        return (Invoke(service, (arguments,), next(self._tickets)),)

    def answered(self, ticket: int, outcomes: Sequence[Outcome], now: float) -> Actions:
        if ticket:
            self._out -= 1
        return tuple(action for outcome in outcomes for action in self._answer(outcome))

    def _answer(self, outcome: Outcome) -> Actions:
        refused = type(outcome) is Refusal
        if not refused and not self._service.answers:
            return NOTHING
        content = encode_outcome(outcome)
        if len(content) > LARGEST:
            content = encode_outcome(Refusal(f"the answer is {len(content)} bytes, a datagram holds {LARGEST}"))
        actions: list[Action] = [content]
        if refused and outcome.trace:
            actions.insert(0, failed(outcome))
        return actions

    def said(self, data: bytes, now: float) -> Actions:
        return (data,)


def open_with(terms: Terms) -> Opening:
    """Return what makes a `Datagrams` for each address, for the first of the services that makes sense over UDP.

    Raises: ConfigError where none does.
    """
    for one in terms.services:
        converse: Opening | None = getattr(one.function, "converse", None)
        if converse is not None:  # it has a whole dialogue of its own
            return converse
    service = next((one for one in terms.services if one.only != "stream" and not one.is_session), None)
    if service is None:
        name = terms.services[0].name
        raise ConfigError(f"{name} holds a session, and UDP has none", cure=f"serve it over tcp: --do {name}")
    limits = config.overridden(Limits(), terms.limits)
    text = (terms.frame or service.frame or "line") in ("line", "crlf")
    return lambda: Datagrams(service, text, limits)
