"""HTTP/1.1 as a dialogue: one request after another on one connection, each answered in its turn (RFC 9112).

What a request means is told by its route. How heads and content are written is told in `wire`. Static files, calls,
XML-RPC and whole programs of others are handlers behind routes and know nothing of this module.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sockwright import config
from sockwright.binding import Outcome, Refusal, attempt, failure
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
    failed,
)
from sockwright.errors import PeerError
from sockwright.protocols import Terms
from sockwright.protocols.answers import write_answer
from sockwright.protocols.intake import Intake
from sockwright.protocols.mounts import routes_of
from sockwright.protocols.refusals import LIMITS, nowhere, refused, unreadable
from sockwright.protocols.routes import Answer, Call, Noted, Route, Stream
from sockwright.protocols.site import Limits, Site
from sockwright.protocols.streaming import Streaming
from sockwright.protocols.websocket import WebSocket
from sockwright.wire.exchange import Beginning, Request, Response
from sockwright.wire.requests import check_beginning

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
END = Tell(b"")  # of a request's content
# Empty lines that are forgiven before a request line (RFC 9112, 2.2: one at least).
EMPTY_LINES = 4
# Answers to pipelined requests are made ahead up to so many bytes; then the peer must take some of them first.
AHEAD = 256 * 1024
# Bytes that may wait behind a request whose answer is not there yet, before we stop reading.
BEHIND = 64 * 1024


class Http(Dialogue):
    """One connection.

        .-> head --no content--------> handler --Response------------------> answer -.
        |     '---> content --whole--->'  |  |                                  ^  ^  |
        |     '---early----------------->'|  '--Call--> Invoke --answered--> then  |  |
        |                                 '--Stream--> Begin --said ...--> ended --'  |
        '----------------------------- keep-alive <-----------------------------------'

    While one is being answered the next ones wait as unread bytes, so answers keep the order of the requests. What
    goes wrong between the messages (a head or content that cannot be read, time-outs) is answered and ends it.
    """

    __slots__ = (
        "_again",
        "_call",
        "_checked",
        "_closes",
        "_content",
        "_count",
        "_empty_lines",
        "_held",
        "_kept",
        "_over",
        "_pieces",
        "_ready",
        "_received",
        "_request",
        "_said_all",
        "_since",
        "_site",
        "_socket",
        "_stream",
        "_ticket",
    )

    def __init__(self, site: Site) -> None:
        super().__init__()
        self._site = site
        self._received = 0  # bytes, of the whole stream
        self._held = b""  # the end of them, not read yet
        self._checked = 0  # bytes of `_held` that were seen to be the beginning of a good head
        self._since = 0.0  # when the head or content that is still coming began; 0: none is
        self._count = 0  # requests
        self._empty_lines = 0
        self._ready = False  # nothing is held or owed: the next thing to come is a request
        self._said_all = False  # the peer's FIN came
        self._over = False  # we closed
        self._kept: tuple[Answer, Request, list[Action]] | None = None  # from `timely` to `feed`
        self._again = False  # answers are held back until the peer has taken some
        # Of the request whose content still comes, or whose answer somebody else works on:
        self._request: Request | None = None
        self._closes = False  # the connection ends with its answer
        self._content: Intake | None = None  # still to come
        self._pieces: list[bytes] = []  # came, for a session that has not begun yet
        self._call: Call | None = None  # its outcome is waited for ...
        self._ticket = 0  # ... under this number
        self._stream: Streaming | None = None  # its session says the answer
        self._socket: WebSocket | None = None  # what is spoken since that answer

    # -- events

    def opened(self, now: float) -> Actions:
        self._since = now
        self.deadline = now + self._site.limits.head_time
        return NOTHING

    def timely(self, data: bytes, now: float) -> bytes | None:
        """Answer what is one whole request, word for word the same as one before, and simple: the hot path.

        An answer that is not so simple is kept for `feed`, which is told the same data next.
        """
        site = self._site
        plan = site.plans.get(data)
        content = b""
        if plan is None and self._ready and (end := data.find(b"\r\n\r\n") + 4) >= 4:
            plan = site.plans.get(data[:end])
            content = data[end:]
        if (
            plan is None
            or not self._ready
            or (handler := plan[0]) is None
            or len(content) != plan[1].length
            or self._count >= site.last
        ):
            return None
        _, head, found = plan
        request = Request(head, self.peer, found[1])  # type: ignore[index]  # with a handler it is a tuple
        request.now = now
        if content:
            request.content = content
        try:
            answer = handler(request)
        except Exception as broken:  # noqa: BLE001 - somebody else's code may be behind it
            out: list[Action] = []
            self._kept = (self._broke(broken, out), request, out)
            return None
        if type(answer) is not Response or not answer.whole:
            self._kept = (answer, request, [])
            return None
        self._received += len(data)
        self._count += 1
        self.deadline = now + site.idle
        return site.start(answer.status, now) + answer.whole

    def feed(self, data: bytes, now: float) -> Actions:
        if self._kept is None:
            said = self.timely(data, now)
            if said is not None:
                return (said,)
        self._received += len(data)
        if self._kept is not None:
            answer, request, out = self._kept
            self._kept = None
            self._count += 1
            self._ready = False
            self._answer(answer, request, False, out, now)
            self._rest(out, now)
            return out
        if self._over:
            return NOTHING
        if self._socket is not None:
            return self._socketed(self._socket.feed(data, now))
        if self._again:
            self._held += data
            return NOTHING
        out = []
        if self._content is not None:
            data = self._read_content(data, out, now)
        if self._held:
            data = self._held + data
        self._advance(data, out, now)
        return out

    def half_closed(self, now: float) -> Actions:
        self._said_all = True
        self._ready = False
        out: list[Action] = []
        if self._over or self._again:
            return NOTHING  # what is owed is answered first
        if self._socket is not None:
            return self._socketed(self._socket.half_closed())
        if self._content is not None:
            try:
                self._content.end_of_stream()
            except PeerError as wrong:
                self._refuse(wrong, out, now)
        elif self._held and not self._waits:
            words = f"the stream ended inside a head: {self._held[-60:]!r}"
            self._refuse(PeerError(words, section="RFC 9112, 8", offset=self._received), out, now)
        elif not self._waits or (self._stream is not None and self._stream.stream.endless):
            self._close(out)
        return out

    def taken(self, now: float) -> Actions:
        if self._again:
            return self._go_on([], now)
        if self._ready:
            self.deadline = now + self._site.idle  # a long answer is no idleness
        return NOTHING

    def answered(self, ticket: int, outcomes: Sequence[Outcome], now: float) -> Actions:
        call, request = self._call, self._request
        if self._over or call is None or request is None or ticket != self._ticket:
            return NOTHING
        self._call = None
        out: list[Action] = []
        self._answer(self._handled(call.then, outcomes[0], out), request, self._closes, out, now)
        return self._go_on(out, now)

    def said(self, data: bytes | Response, now: float) -> Actions:
        stream, request = self._stream, self._request
        if stream is None or request is None or self._over:
            return NOTHING
        if self._socket is not None:
            return self._socketed(self._socket.said(data, now)) if isinstance(data, bytes) else NOTHING
        if type(data) is Beginning and data.status == 101 and stream.stream.upgrades and not stream.begun:
            return self._switch(stream, data, now)
        if type(data) is Response and not stream.begun:
            self._stream = None
            out: list[Action] = []
            self._respond(data, request, self._closes, out, now)
            return self._go_on(out, now)
        try:
            coded = stream.say(data, now)
        except ValueError as wrong:
            return self._give_up(failure(wrong), now)
        return (coded,) if coded else NOTHING

    def _switch(self, stream: Streaming, head: Beginning, now: float) -> Actions:
        """From here on WebSocket is spoken; what came ahead of that counts already."""
        stream.begun = True
        self._socket = WebSocket(now, self._received - len(self._held))
        out: list[Action] = [self._site.start(head.status, now) + head.lines + b"\r\n"]
        if self._held:
            held, self._held = self._held, b""
            out += self._socket.feed(held, now)
        return self._socketed(out)

    def _socketed(self, actions: Actions) -> Actions:
        """Keep what the WebSocket says about time and end."""
        assert self._socket is not None
        self.deadline = self._socket.deadline
        self.congested = False
        self._over = self._socket.over
        return actions

    def session_ended(self, failure: Refusal | None, now: float) -> Actions:
        stream = self._stream
        if stream is None or self._over:
            return NOTHING
        if self._socket is not None:
            return self._socketed(self._socket.ended(now, failed=failure is not None))
        if failure is None and not stream.begun:
            failure = Refusal("the service said nothing", 500)
        if failure is None and stream.broken:
            failure = Refusal("the service said less than its Content-Length", 500)
        if failure is not None:
            return self._give_up(failure, now)
        self._stream = None
        out: list[Action] = []
        if end := stream.end():
            out.append(end)
        if stream.closes or self._closes or self._content is not None:
            self._close(out)
        return self._go_on(out, now)

    def expired(self, now: float) -> Actions:
        self.deadline = None
        limits = self._site.limits
        out: list[Action] = []
        if self._socket is not None and not self._over:
            return self._socketed(self._socket.expired(now))
        if self._over or self._waits or self._again:
            return NOTHING
        if self._content is not None:
            words = f"the content came too slowly: less than {limits.body_rate} bytes a second"
        elif self._held:
            words = f"the head was not finished within {config.duration_text(limits.head_time)}"
        else:
            self._close(out, "no request came in time", how="time-out")
            return out
        self._refuse(PeerError(words, code=408, offset=self._received), out, now, how="time-out")
        return out

    def stopping(self, now: float) -> Actions:
        """An answer on its way still goes out; who has not said a whole request yet is not waited for."""
        if self._socket is not None:
            return self._socketed(self._socket.stopping(now))
        if self._waits:
            self._closes = True
            return NOTHING
        out: list[Action] = []
        self._close(out, "shutting down", how="stopped")
        return out

    # -- requests

    @property
    def _waits(self) -> bool:
        """Tell whether somebody else is at work on the answer."""
        return self._call is not None or self._stream is not None

    def _go_on(self, out: list[Action], now: float) -> list[Action]:
        """Read on behind an answer that had to be waited for."""
        if not self._waits and not self._over:
            self._again = self.congested = False
            self._advance(self._held, out, now)
        return out

    def _advance(self, data: bytes, out: list[Action], now: float) -> None:
        """Read and answer what is in `data`, request by request, and hold the rest."""
        site = self._site
        self._ready = False
        size = len(data)
        at = weight = 0
        while at < size and self._content is None and self._call is None and self._stream is None and not self._over:
            if weight > AHEAD:
                self._again = True
                break
            end = data.find(b"\r\n\r\n", at) + 4
            if end < 4 or data[at] == 13:  # no end yet, or CR
                skipped = self._skip(data, at, out, now)
                if skipped == at:
                    break
                at = skipped
                continue
            raw = data[at:end]
            try:
                plan = site.plans.get(raw) or site.plan(raw)
            except PeerError as wrong:
                wrong.offset = self._received - size + at + (wrong.offset or 0)
                self._refuse(wrong, out, now)
                return
            at = end
            self._since = 0.0
            self._checked = 0
            self._count += 1
            _, head, found = plan
            request = Request(head, self.peer)
            request.now = now
            if site.secure:
                request.secure = True
            closes = not head.keeps_alive or self._count > site.last
            if isinstance(found, frozenset):
                weight += self._respond(nowhere(request, found), request, closes or head.length != 0, out, now)
                continue
            route, request.captured = found
            if head.length:
                most = site.limits.body if route.body is None else route.body
                if not 0 < head.length <= min(size - at, most) or route.early:
                    self._expect(request, route, most, closes, size - at, out, now)
                    if self._content is not None:
                        data = self._read_content(data[at:], out, now)
                        at, size = 0, len(data)
                    continue
                at += head.length  # all of it is here
                request.content = data[at - head.length : at]
            weight += self._answer(self._handled(route.handler, request, out), request, closes, out, now)
        self._held = data[at:] if at < size else b""
        if not self._over:
            self._rest(out, now)

    def _rest(self, out: list[Action], now: float) -> None:
        """Nothing more can be done now: say until when, and whether more is wanted at all."""
        limits = self._site.limits
        if self._content is not None:
            return  # _read_content said it
        if self._call is not None or self._stream is not None:
            self.deadline = None
            self.congested = len(self._held) > BEHIND
        elif self._again:
            self.deadline = None
            self.congested = True
        elif self._held:
            self._since = self._since or now
            self.deadline = self._since + limits.head_time
            if self._said_all:
                out += self.half_closed(now)
        else:
            self._since = 0.0
            self._checked = 0
            self._ready = not self._said_all
            self.deadline = now + limits.idle
            if self._said_all:
                self._close(out)

    def _skip(self, data: bytes, at: int, out: list[Action], now: float) -> int:
        """Pass over an empty line before a request, and return where to go on; the same place where more must come."""
        offset = self._received - len(data)
        try:
            if data.startswith(b"\r\n", at):
                self._empty_lines += 1
                if self._empty_lines > EMPTY_LINES + self._count:
                    raise PeerError("empty lines and no request", section="RFC 9112, 2.2", offset=offset + at)
                return at + 2
            if data[at:] != b"\r":
                checked = self._checked if at == 0 else 0
                self._checked = check_beginning(data, at, checked, self._site.limits, offset) - at
        except PeerError as wrong:
            self._refuse(wrong, out, now)
        return at

    def _expect(
        self, request: Request, route: Route, most: int, closes: bool, behind: int, out: list[Action], now: float
    ) -> None:
        """Make ready for a request's content, of which so many bytes may be `behind` its head already."""
        head = request.head
        if head.length > most:
            words = f"{head.length} bytes of content are too many; {most} are taken"
            self._refuse(PeerError(words, section="RFC 9110, 15.5.14", code=413, offset=self._received), out, now)
            return
        self._request, self._closes = request, closes
        self._content = Intake(request, route, most, self._received - behind)
        self._since = now
        request.whole = False
        wanted = head.expects and not behind
        if not route.early:
            if wanted:
                out.append(CONTINUE)
            return
        answer = self._handled(route.handler, request, out)
        if wanted and not isinstance(answer, Response):
            out.append(CONTINUE)
        self._answer(answer, request, closes, out, now)

    def _read_content(self, data: bytes, out: list[Action], now: float) -> bytes:
        """Take the content out of `data`; once it is whole, have the request answered. Return what is behind it."""
        content, request = self._content, self._request
        assert content is not None
        assert request is not None
        limits = self._site.limits
        early = content.route.early
        try:
            pieces = content.feed(data)
            if self._stream is not None:
                out += [Tell(piece) for piece in pieces if piece]
            elif self._call is not None or not early:  # else it was answered already, and nobody wants the rest
                content.keep(pieces)
        except PeerError as wrong:
            wrong.offset = self._received if wrong.offset is None else wrong.offset
            self._refuse(wrong, out, now)
            return b""
        if not content.done:
            if self._waits:  # an early one: who takes the content sets the pace
                self.deadline = None
                self.congested = self._stream is None and content.received > BEHIND
            else:
                self.deadline = self._since + limits.body_grace + content.received / limits.body_rate
            return b""
        self._content = None
        self._since = 0.0
        self._pieces = content.complete()
        if self._stream is not None:
            out.append(END)
        elif not early:
            self._answer(self._handled(content.route.handler, request, out), request, self._closes, out, now)
        return content.rest

    # -- answers

    def _handled(self, handler: Callable[[Any], Answer], given: Any, out: list[Action]) -> Answer:
        """Return what `handler` makes of `given`; a refusal where it breaks."""
        try:
            return handler(given)
        except Exception as broken:  # noqa: BLE001 - somebody else's code may be behind it
            return self._broke(broken, out)

    def _broke(self, broken: Exception, out: list[Action]) -> Response:
        """Return the answer for a handler that raised; the note about it goes to `out`."""
        refusal = failure(broken)
        if refusal.trace:
            out.append(failed(refusal))
        return refused(refusal)

    def _answer(self, answer: Answer, request: Request, closes: bool, out: list[Action], now: float) -> int:
        """Do what a handler's answer says; return how many bytes of memory it takes until it is sent."""
        while not isinstance(answer, Response):
            if isinstance(answer, Noted):
                out.append(answer.note)
                answer = answer.answer
                continue
            if isinstance(answer, Stream):
                self._begin(answer, request, closes, out, now)
                return 0
            service = answer.service
            if service.blocking or service.is_async:
                self._request, self._closes, self._call = request, closes, answer
                self._ticket += 1
                out.append(Invoke(service, (answer.arguments,), self._ticket))
                return 0
            outcome = attempt(service, answer.arguments)
            if type(outcome) is Refusal and outcome.trace:
                out.append(failed(outcome))
            answer = self._handled(answer.then, outcome, out)
        return self._respond(answer, request, closes, out, now)

    def _begin(self, answer: Stream, request: Request, closes: bool, out: list[Action], now: float) -> None:
        """Let a session say the answer."""
        if answer.head is not None and request.method == "HEAD":
            # Nobody would hear it.
            out.append(Streaming(answer, request, self._site.start, closes=closes).begin(answer.head, now))
            if closes:
                self._close(out)
            return
        self._request, self._closes = request, closes
        self.congested = False
        self._stream = Streaming(answer, request, self._site.start, closes=closes)
        if answer.head is not None:
            out.append(self._stream.begin(answer.head, now))
        out.append(Begin(answer.service, {**answer.about, "request": request}))
        came = self._pieces if self._content is None else self._content.taken()
        out += [Tell(piece) for piece in came if piece]
        self._pieces = []
        if request.whole and not answer.upgrades:
            out.append(END)

    def _respond(self, response: Response, request: Request, closes: bool, out: list[Action], now: float) -> int:
        """Write one answer; return how many bytes of memory it takes until it is sent."""
        closes = closes or self._content is not None  # what was not read cannot be told from the next request
        self._pieces = []
        weight = write_answer(response, request, self._site.start(response.status, now), closes, out)
        if closes:
            self._close(out)
        return weight

    def _refuse(self, wrong: PeerError, out: list[Action], now: float, how: str = "fin") -> None:
        """Answer what cannot be read on from, and hang up."""
        kind = "limit" if wrong.code in LIMITS else "malformed"
        about = {"status": wrong.code, "rule": wrong.section, "offset": wrong.offset, "message": wrong.args[0]}
        out.append(Note(kind, about))
        if self._stream is not None and self._stream.begun:
            out.append(Close(str(wrong), reset=self._stream.silent, how="error"))
            self._over = True
            self._ready = False
            return
        start = self._site.start(wrong.code, now)
        out.append(start + b"Connection: close\r\n" + unreadable(wrong).whole)
        self._close(out, str(wrong.args[0]), how=how)

    def _give_up(self, refusal: Refusal, now: float) -> Actions:
        """A session failed: say so where nothing was said yet, else break off so that nobody takes it for whole."""
        stream, request = self._stream, self._request
        assert stream is not None
        assert request is not None
        out: list[Action] = []
        if stream.begun:
            self._over = True
            self._ready = False
            self.deadline = None
            return (Close(refusal.message, reset=stream.silent, how="error"),)
        self._stream = None
        self._respond(refused(refusal), request, True, out, now)
        return out

    def _close(self, out: list[Action], reason: str = "", how: str = "fin") -> None:
        self._over = True
        self._ready = False
        self._held = b""
        self.deadline = None
        out.append(Close(reason, how=how))


def open_with(terms: Terms) -> Opening:
    """Return what makes an `Http` for each peer, all of them sharing one `Site`.

    `terms.extra["secure"]` tells that there is TLS below; for the rest see `mounts.routes_of`.
    """
    limits = config.overridden(Limits(), terms.limits)
    return partial(Http, Site(routes_of(terms), limits, secure=bool(terms.extra.get("secure"))))
