"""What a web server may answer wrong: status, fail-first, length, cut-body, bad-chunk, slow-headers.

The requests reach the server as they are; it is the response that is bent on its way to the client.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from random import Random

from sockwright.config import duration_text
from sockwright.faults.dice import Dice
from sockwright.faults.fault import (
    END,
    FIRED,
    FOR_EVER,
    PASS,
    SPEECH,
    Fault,
    Glance,
    Kind,
    Maker,
    Parameter,
    Parts,
    Step,
    Steps,
    never,
)
from sockwright.faults.messages import (
    BODY,
    DONE,
    HEAD,
    RAW,
    Messages,
    is_whole_response,
    whole_request,
)
from sockwright.faults.reading import a_duration, a_share, a_size, count, duration, needed, share

# Between two lines of a head that comes slowly (seconds).
SLOW_LINE = 1.0

# Methods whose responses have no body, whatever their heads say.
BODILESS = frozenset({b"HEAD", b"CONNECT"})

_LENGTH = re.compile(rb"^(content-length[ \t]*:[ \t]*)([0-9]+)", re.IGNORECASE | re.MULTILINE)
_FRAMING = re.compile(rb"^(?:content-length|transfer-encoding)[ \t]*:.*\n", re.IGNORECASE | re.MULTILINE)


class Requests(Fault):
    """To the server: listens for the methods, since a response to HEAD has no body."""

    def __init__(self, methods: deque[bytes]) -> None:
        self._methods = methods
        self._messages = Messages(methods, is_response=False)

    def feed(self, data: bytes, now: float, chance: Random) -> Steps:
        self.hear(data)
        return ((PASS, data, now),)

    def hear(self, data: bytes) -> None:
        method = whole_request(data)
        if method is not None and self._messages.is_between:
            self._methods.append(method)
            return
        for _ in self._messages.feed(data):
            pass


class Responses(Fault):
    """To the client: takes responses apart; subclasses bend those that the dice choose."""

    def __init__(self, methods: deque[bytes], dice: Dice) -> None:
        self.dice: Dice = dice
        self._methods = methods
        self._messages = Messages(methods, is_response=True)
        self._hit = False

    def glance(self, chance: Random) -> Glance:
        messages, methods, dice = self._messages, self._methods, self.dice

        def is_one_response_spared(data: bytes) -> bool:
            if len(methods) != 1 or methods[0] in BODILESS or not messages.is_between:
                return False
            if not is_whole_response(data) or not dice.spares(chance):
                return False
            methods.popleft()
            return True

        return is_one_response_spared

    def feed(self, data: bytes, now: float, chance: Random) -> Steps:
        steps: list[Step] = []
        for kind, part in self._messages.feed(data):
            if kind == HEAD:
                self._hit = False
                if not part.startswith((b"HTTP/1.1 1", b"HTTP/1.0 1")):
                    self._hit = self.dice.hit(chance)
                if self._hit:
                    steps += self.head(part, now)
                    continue
            if self._hit and kind == BODY:
                steps += self.body(part, now)
            elif self._hit and kind == DONE:
                self._hit = False
            elif kind != DONE:
                steps.append((PASS, part, now))
                if kind == RAW:
                    self._hit = False
        return steps

    def end(self, now: float, chance: Random) -> Steps:
        held = self._messages.rest()
        last: Step = (END, False, self.due(now))
        return ((PASS, held, now), last) if held else (last,)

    def due(self, now: float) -> float:
        """Return when what follows may go."""
        return now

    def head(self, head: bytes, now: float) -> Steps:
        """Return what becomes of the head of a response that was chosen."""
        raise NotImplementedError

    def body(self, part: bytes, now: float) -> Steps:
        """Return what becomes of a part of its body."""
        return ((PASS, part, now),)


class Status(Responses):
    """The response is replaced by one with another status code.

    in   200 page
    out  503 sorry       status=503:20%
    """

    def __init__(self, methods: deque[bytes], dice: Dice, code: int) -> None:
        super().__init__(methods, dice)
        self._code = code

    def head(self, head: bytes, now: float) -> Steps:
        try:
            reason = HTTPStatus(self._code).phrase
        except ValueError:
            reason = "Unknown"
        body = b"" if self._code in (204, 304) else f"{self._code} {reason} (a fault set on purpose)\n".encode()
        fields = f"Content-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n" if body else ""
        retry = "Retry-After: 1\r\n" if self._code in (429, 503) else ""
        made = f"HTTP/1.1 {self._code} {reason}\r\n{fields}{retry}\r\n".encode()
        was = head[9:12].decode("latin-1")
        why = f"response {self.dice.count}: status {was} became {self._code}"
        return ((FIRED, why, now), (PASS, made if self._messages.method == b"HEAD" else made + body, now))

    def body(self, part: bytes, now: float) -> Steps:
        return ()


class FailFirst(Status):
    """The first responses of all, over all connections, are replaced by 503; then all is well.

    in   200 200 200
    out  503 503 200     fail-first=2
    """

    def __init__(self, methods: deque[bytes], dice: First) -> None:
        super().__init__(methods, dice, 503)


class First(Dice):
    """Hit the first ones of all, over all connections: `to_hit` is shared by these."""

    __slots__ = ("_to_hit",)

    def __init__(self, to_hit: list[int]) -> None:
        super().__init__(1.0)
        self._to_hit = to_hit

    def throw(self, chance: Random) -> int:
        if self._to_hit[0] <= 0:
            return FOR_EVER
        self._to_hit[0] -= 1
        return 0


class Length(Responses):
    """Content-Length says so many more (or fewer) than come.

    in   length 5, hello
    out  length 15, hello    length=+10
    """

    def __init__(self, methods: deque[bytes], dice: Dice, change: int) -> None:
        super().__init__(methods, dice)
        self._change = change

    def head(self, head: bytes, now: float) -> Steps:
        found = _LENGTH.search(head)
        if found is None:
            return ((PASS, head, now),)
        was = int(found[2])
        told = max(0, was + self._change)
        changed = head[: found.start(2)] + str(told).encode() + head[found.end(2) :]
        return ((FIRED, f"response {self.dice.count}: Content-Length {was} became {told}", now), (PASS, changed, now))


class CutBody(Responses):
    """So many bytes of the body, then FIN.

    in   head, hello
    out  head, he|       cut-body=2
    """

    def __init__(self, methods: deque[bytes], dice: Dice, after: int) -> None:
        super().__init__(methods, dice)
        self._after = self._left = after
        self._over = False

    def head(self, head: bytes, now: float) -> Steps:
        self._left = self._after
        return ((PASS, head, now), *(self._last(now) if not self._left else ()))

    def body(self, part: bytes, now: float) -> Steps:
        if self._over:
            return ()
        kept, self._left = part[: self._left], self._left - len(part)
        if self._left > 0:
            return ((PASS, kept, now),)
        return ((PASS, kept, now), *self._last(now))

    def _last(self, now: float) -> tuple[Step, ...]:
        self._over = True
        why = f"response {self.dice.count}: FIN behind {self._after} bytes of its body"
        return ((FIRED, why, now), (END, True, now))


class BadChunk(Responses):
    """The body comes in chunked coding whose first size is no number.

    in   head, hello
    out  head, zz\\r\\n hello    bad-chunk
    """

    def __init__(self, methods: deque[bytes], dice: Dice) -> None:
        super().__init__(methods, dice)
        self._begun = False

    def head(self, head: bytes, now: float) -> Steps:
        self._begun = False
        kept = _FRAMING.sub(b"", head).rstrip(b"\r\n")
        changed = kept + b"\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
        return ((FIRED, f'response {self.dice.count}: the first chunk\'s size became "zz"', now), (PASS, changed, now))


class SlowHeaders(Responses):
    """The head comes line by line, with a gap before each; the body behind it.

    in   status, field, field, body
    out  status..field..field..body    slow-headers
    """

    room = 1 << 20

    def __init__(self, methods: deque[bytes], dice: Dice, gap: float) -> None:
        super().__init__(methods, dice)
        self._gap = gap
        self._until = 0.0

    def head(self, head: bytes, now: float) -> Steps:
        due = max(now, self._until)
        steps: list[Step] = [
            (FIRED, f"response {self.dice.count}: its head a line per {duration_text(self._gap)}", now)
        ]
        for line in head.splitlines(keepends=True):
            steps.append((PASS, line, due))
            due += self._gap
        self._until = due
        return steps

    def body(self, part: bytes, now: float) -> Steps:
        return ((PASS, part, max(now, self._until)),)

    def due(self, now: float) -> float:
        return max(now, self._until)


def _pair(make: Callable[[deque[bytes]], Fault], share: float = 1.0) -> Maker:
    """Return the maker of a fault on responses: it listens to the requests as well, whichever direction was asked."""
    if not share:
        return never

    def parts(up: bool, down: bool) -> Parts:
        methods: deque[bytes] = deque()
        return Requests(methods), make(methods)

    return parts


def _with_share(text: str) -> tuple[str, float]:
    before, colon, part = text.partition(":")
    return before.strip(), share(part) if colon else 1.0


def _status(text: str) -> Maker:
    code, part = _with_share(needed(text, "status=503:20%"))
    if not (code.isascii() and code.isdecimal()) or not 200 <= int(code) <= 599:
        raise ValueError(f"{code!r} is not a status code from 200 to 599")
    return _pair(lambda methods: Status(methods, Dice(part), int(code)), part)


def _fail_first(text: str) -> Maker:
    to_hit = [count(needed(text, "fail-first=2"), 1)]
    return _pair(lambda methods: FailFirst(methods, First(to_hit)))


def _length(text: str) -> Maker:
    change, part = _with_share(needed(text, "length=+10"))
    if not re.fullmatch(r"[+-][0-9]{1,15}", change):
        raise ValueError(f"{change!r} is not a change; write it like length=+10 or length=-3")
    return _pair(lambda methods: Length(methods, Dice(part), int(change)), part)


def _cut_body(text: str) -> Maker:
    after, part = _with_share(needed(text, "cut-body=10"))
    place = count(after)
    return _pair(lambda methods: CutBody(methods, Dice(part), place), part)


def _bad_chunk(text: str) -> Maker:
    part = share(text.lstrip(":")) if text else 1.0
    return _pair(lambda methods: BadChunk(methods, Dice(part)), part)


def _slow_headers(text: str) -> Maker:
    gap, part = _with_share(text)
    seconds = duration(gap) if gap else SLOW_LINE
    return _pair(lambda methods: SlowHeaders(methods, Dice(part), seconds), part)


_HTTP = ("http", "xmlrpc")


def _kind(name: str, form: str, about: str, read: Callable[[str], Maker], parameters: tuple[Parameter, ...]) -> Kind:
    return Kind(name, form, "http: " + about, read, SPEECH, frozenset({"stream"}), _HTTP, parameters)


KINDS = (
    _kind(
        "status",
        "status=503[:20%]",
        "the response is replaced by one with this status code",
        _status,
        (Parameter("code", "code", "503", least=200, most=599), a_share()),
    ),
    _kind(
        "fail-first",
        "fail-first=2",
        "the first responses of all become 503, then all is well",
        _fail_first,
        (Parameter("count", "count", "2", least=1),),
    ),
    _kind(
        "length",
        "length=+10[:20%]",
        "Content-Length says so many more (or fewer) than come",
        _length,
        (Parameter("change", "text", "+10"), a_share()),
    ),
    _kind(
        "cut-body",
        "cut-body=10[:20%]",
        "FIN behind so many bytes of the body",
        _cut_body,
        (a_size("behind", "10"), a_share()),
    ),
    _kind(
        "bad-chunk",
        "bad-chunk[=20%]",
        "chunked coding whose first size is no number",
        _bad_chunk,
        (a_share("20%", "="),),
    ),
    _kind(
        "slow-headers",
        "slow-headers[=1s][:20%]",
        "the head comes line by line, so far apart",
        _slow_headers,
        (a_duration("gap", "1s", needed=False), a_share()),
    ),
)
