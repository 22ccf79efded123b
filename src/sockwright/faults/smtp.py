"""What a mail server may do to a client: reject, greylist, late-banner, drop-at.

A command that shall be refused goes to the server as NOOP, and its reply is replaced on the way back: so replies keep
their order under pipelining (RFC 2920), and the server never takes a mail that the client was told is refused.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
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
from sockwright.faults.reading import a_duration, a_share, duration, needed, share
from sockwright.wire.smtp import END as CONTENT_END
from sockwright.wire.smtp import Content

STAGES = ("connect", "helo", "mail", "rcpt", "data", "message")
# Bytes of a line; what is longer is passed on without being understood.
LONGEST_LINE = 64 * 1024
# Pairs of sender and recipient that greylisting remembers.
REMEMBERED = 10_000
# How long an unknown pair is put off (seconds).
PUT_OFF = 10.0

TLS_STAGE = "star"  # STARTTLS

_STAGE_OF = {
    b"HELO": "helo",
    b"EHLO": "helo",
    b"LHLO": "helo",
    b"MAIL": "mail",
    b"RCPT": "rcpt",
    b"DATA": "data",
    b"RSET": "rset",
    b"NOOP": "noop",
    b"QUIT": "quit",
}
_ADDRESS = re.compile(rb":\s*<?([^>\s]*)", re.IGNORECASE)


@dataclass(slots=True)
class Dialogue:
    """What the two directions of one connection know of each other."""

    # The replies still to come: stage, and what shall stand in their place.
    owed: deque[tuple[str, bytes | None]] = field(default_factory=lambda: deque([("connect", None)]))
    content: Content | None = None  # while the client sends a message: where it ends
    is_opaque: bool = False  # under TLS nothing can be read


class Commands(Fault):
    """To the server: reads commands; subclasses say which are refused."""

    def __init__(self, dialogue: Dialogue) -> None:
        self.dialogue = dialogue
        self._line = b""

    def glance(self, chance: Random) -> Glance:
        dialogue, owe = self.dialogue, self.dialogue.owed.append

        def is_spared(data: bytes) -> bool:
            if self._line or dialogue.is_opaque:
                return False
            content = dialogue.content
            if content is None:
                stage = _STAGE_OF.get(data[:4].upper())
                if stage is None or data.find(b"\n") != len(data) - 1 or not self.spares(stage, data, chance):
                    return False
                owe((stage, None))
                return True
            if data[:1] in b"\r\n.":  # the rest of the end, it may be
                return False
            end = data.find(CONTENT_END)
            if end >= 0:
                if end + len(CONTENT_END) != len(data) or not self.spares("message", data, chance):
                    return False
                dialogue.content = None
                owe(("message", None))
            else:
                content.feed(data)
            return True

        return is_spared

    def feed(self, data: bytes, now: float, chance: Random) -> Steps:
        dialogue = self.dialogue
        if dialogue.is_opaque:
            return ((PASS, data, now),)
        steps: list[Step] = []
        out: list[bytes] = []
        if dialogue.content is not None:
            rest = dialogue.content.feed(data)
            if rest is None:
                return ((PASS, data, now),)
            dialogue.content = None
            dialogue.owed.append(("message", self.refusal("message", b"the message", now, chance, steps)))
            out.append(data[: len(data) - len(rest)])
            data = rest
        self._line += data
        while self._line:
            line, newline, rest = self._line.partition(b"\n")
            if not newline:
                if len(line) > LONGEST_LINE:
                    out.append(line)
                    self._line = b""
                break
            self._line = rest
            out.append(self._command(line + newline, now, chance, steps))
        if said := b"".join(out):
            steps.append((PASS, said, now))
        return steps

    def _command(self, line: bytes, now: float, chance: Random, steps: list[Step]) -> bytes:
        verb = line[:4].upper()
        stage = _STAGE_OF.get(verb, verb.decode("latin-1").strip().lower())
        refusal = self.refusal(stage, line, now, chance, steps)
        self.dialogue.owed.append((stage, refusal))
        return line if refusal is None else b"NOOP\r\n"

    def end(self, now: float, chance: Random) -> Steps:
        last: Step = (END, False, now)
        return ((PASS, self._line, now), last) if self._line else (last,)

    def refusal(self, stage: str, line: bytes, now: float, chance: Random, steps: list[Step]) -> bytes | None:
        """Return the reply with which this is refused, None where it is not."""
        return None

    def spares(self, stage: str, line: bytes, chance: Random) -> bool:
        """Tell whether nothing happens at this stage; if so it counts as gone, if not nothing has changed."""
        return True


class Replies(Fault):
    """To the client: puts the refusals in the place of the server's replies."""

    def __init__(self, dialogue: Dialogue) -> None:
        self.dialogue = dialogue
        self._line = b""

    def glance(self, chance: Random) -> Glance:
        dialogue, owed = self.dialogue, self.dialogue.owed

        def is_own_reply(data: bytes) -> bool:
            if not owed or self._line or data[3:4] == b"-" or data.find(b"\n") != len(data) - 1:
                return False
            stage, refusal = owed[0]
            if refusal is not None or stage == TLS_STAGE or dialogue.is_opaque:
                return False
            owed.popleft()
            if stage == "data" and data.startswith(b"354"):
                dialogue.content = Content(0)
            return True

        return is_own_reply

    def feed(self, data: bytes, now: float, chance: Random) -> Steps:
        dialogue = self.dialogue
        if dialogue.is_opaque:
            return ((PASS, data, now),)
        out: list[bytes] = []
        steps: list[Step] = []
        self._line += data
        while not dialogue.is_opaque:
            line, newline, rest = self._line.partition(b"\n")
            if not newline:
                if len(line) > LONGEST_LINE:
                    out.append(self._line)
                    self._line = b""
                break
            self._line = rest
            stage, refusal = dialogue.owed[0] if dialogue.owed else ("", None)
            is_last = line[3:4] != b"-"
            if refusal is None:
                out.append(line + newline)
            elif is_last:
                out.append(refusal)
            if is_last:
                if dialogue.owed:
                    dialogue.owed.popleft()
                if stage == "data" and refusal is None and line.startswith(b"354"):
                    dialogue.content = Content(0)
                elif stage == TLS_STAGE and line.startswith(b"220"):
                    dialogue.is_opaque = True
                    out.append(self._line)
                    self._line = b""
        if said := b"".join(out):
            steps.append((PASS, said, now))
        return steps

    def end(self, now: float, chance: Random) -> Steps:
        last: Step = (END, False, now)
        return ((PASS, self._line, now), last) if self._line else (last,)


class Rejecting(Commands):
    """At one stage the server says no, with this code and probability.

    in   RCPT TO:<b@y>  250 OK
    out  NOOP           550 no    reject=rcpt:550
    """

    def __init__(self, dialogue: Dialogue, stage: str, code: int, dice: Dice) -> None:
        super().__init__(dialogue)
        self._stage = stage
        self._code = code
        self._dice = dice

    def spares(self, stage: str, line: bytes, chance: Random) -> bool:
        return stage != self._stage or self._dice.spares(chance)

    def refusal(self, stage: str, line: bytes, now: float, chance: Random, steps: list[Step]) -> bytes | None:
        if stage != self._stage or not self._dice.hit(chance):
            return None
        steps.append((FIRED, f"{line.strip().decode('utf-8', 'replace')[:80]!r} rejected with {self._code}", now))
        return _no(self._code)


class RejectingBanner(Fault):
    """`reject=connect:554`: the banner, one reply of the server's, is the refusal."""

    def __init__(self, code: int, share: float) -> None:
        self._code = code
        self._share = share
        self._line = b""
        self._is_chosen: bool | None = None

    def feed(self, data: bytes, now: float, chance: Random) -> Steps:
        if self.calm:
            return ((PASS, data, now),)
        if self._is_chosen is None:
            self._is_chosen = self._share >= 1 or chance.random() < self._share
        if not self._is_chosen:
            self.calm = FOR_EVER
            return ((PASS, data, now),)
        self._line += data
        while True:
            line, newline, rest = self._line.partition(b"\n")
            if not newline and len(line) <= LONGEST_LINE:
                return ()
            self._line = rest
            if line[3:4] != b"-":
                break
        self.calm = FOR_EVER
        fired: Step = (FIRED, f"the banner became {self._code}", now)
        return (fired, (PASS, _no(self._code) + rest, now))


class Greylisting(Commands):
    """Who sends to somebody for the first time is put off; who comes again later is let in.

    in   RCPT TO:<b@y>   ... RCPT TO:<b@y>
    out  451 come later  ... 250 OK         greylist=10s
    """

    def __init__(self, dialogue: Dialogue, wait: float, seen: dict[tuple[bytes, bytes], float]) -> None:
        super().__init__(dialogue)
        self._wait = wait
        self._seen = seen
        self._sender = b""

    def spares(self, stage: str, line: bytes, chance: Random) -> bool:
        return stage not in ("mail", "rcpt")

    def refusal(self, stage: str, line: bytes, now: float, chance: Random, steps: list[Step]) -> bytes | None:
        if stage == "mail" and (sender := _ADDRESS.search(line)):
            self._sender = sender[1].lower()
        if stage != "rcpt":
            return None
        found = _ADDRESS.search(line)
        pair = (self._sender, found[1].lower() if found else b"")
        while len(self._seen) >= REMEMBERED:
            del self._seen[next(iter(self._seen))]
        since = self._seen.setdefault(pair, now)
        if now - since >= self._wait:
            return None
        to = pair[1].decode("utf-8", "replace")[:80]
        steps.append((FIRED, f"greylisted {to!r} for {duration_text(self._wait)}", now))
        return b"451 4.7.1 Greylisted on purpose, come again later\r\n"


class LateBanner(Fault):
    """The server lets the client wait before it says the first word.

    in   220 hello
    out  ..........220 hello    late-banner=10s
    """

    room = 1 << 20

    def __init__(self, wait: float) -> None:
        self._wait = wait
        self._until = 0.0

    def feed(self, data: bytes, now: float, chance: Random) -> Steps:
        if self._until:
            if now >= self._until:
                self.calm = FOR_EVER
            return ((PASS, data, max(now, self._until)),)
        self._until = now + self._wait
        return ((FIRED, f"the banner comes {duration_text(self._wait)} late", now), (PASS, data, self._until))

    def end(self, now: float, chance: Random) -> Steps:
        return ((END, False, max(now, self._until)),)


class DropAt(Commands):
    """The connection is closed when the client says this command.

    in   MAIL RCPT DATA
    out  MAIL RCPT |            drop-at=DATA
    """

    def __init__(self, dialogue: Dialogue, verb: str) -> None:
        super().__init__(dialogue)
        self._verb = verb
        self._over = False

    def feed(self, data: bytes, now: float, chance: Random) -> Steps:
        if self._over:
            return ()
        steps = list(super().feed(data, now, chance))
        return [*steps, (END, True, now)] if self._over else steps

    def _is_verb(self, line: bytes) -> bool:
        return line[: len(self._verb)].upper().decode("latin-1") == self._verb

    def spares(self, stage: str, line: bytes, chance: Random) -> bool:
        return stage == "message" or not self._is_verb(line)

    def _command(self, line: bytes, now: float, chance: Random, steps: list[Step]) -> bytes:
        if self._over:
            return b""
        if self._is_verb(line):
            self._over = True
            steps.append((FIRED, f"FIN at {self._verb}", now))
            return b""
        return super()._command(line, now, chance, steps)


def _no(code: int) -> bytes:
    words = "Put off on purpose, come again later" if code < 500 else "Refused on purpose"
    return f"{code} {code // 100}.0.0 {words}\r\n".encode()


def _reject(text: str) -> Maker:
    stage, _, rest = needed(text, "reject=rcpt:550:20%").partition(":")
    code, colon, part = rest.partition(":")
    stage = stage.strip().lower()
    if stage not in STAGES:
        raise ValueError(f"{stage!r} is not a stage; stages: {', '.join(STAGES)}")
    number = code.strip() or ("554" if stage in ("connect", "message") else "550")
    if not re.fullmatch(r"[45][0-9][0-9]", number):
        raise ValueError(f"{number!r} is not a reply code that refuses; these begin with 4 or 5")
    chance = share(part) if colon else 1.0

    if not chance:
        return never

    def parts(up: bool, down: bool) -> Parts:
        if stage == "connect":
            return None, RejectingBanner(int(number), chance)
        dialogue = Dialogue()
        return Rejecting(dialogue, stage, int(number), Dice(chance)), Replies(dialogue)

    return parts


def _greylist(text: str) -> Maker:
    wait = duration(text) if text else PUT_OFF
    seen: dict[tuple[bytes, bytes], float] = {}

    def parts(up: bool, down: bool) -> Parts:
        dialogue = Dialogue()
        return Greylisting(dialogue, wait, seen), Replies(dialogue)

    return parts


def _late_banner(text: str) -> Maker:
    wait = duration(needed(text, "late-banner=10s"))
    return lambda up, down: (None, LateBanner(wait))


def _drop_at(text: str) -> Maker:
    verb = needed(text, "drop-at=DATA").upper()
    if not re.fullmatch(r"[A-Z]{4,10}", verb):
        raise ValueError(f"{verb!r} is not a command; write it like drop-at=DATA")

    def parts(up: bool, down: bool) -> Parts:
        dialogue = Dialogue()
        return DropAt(dialogue, verb), Replies(dialogue)

    return parts


def _kind(name: str, form: str, about: str, read: Callable[[str], Maker], parameters: tuple[Parameter, ...]) -> Kind:
    return Kind(name, form, "smtp: " + about, read, SPEECH, frozenset({"stream"}), ("smtp",), parameters)


KINDS = (
    _kind(
        "reject",
        "reject=rcpt:550[:20%]",
        f"a refusal at a stage ({', '.join(STAGES)})",
        _reject,
        (
            Parameter("stage", "choice", "rcpt", choices=STAGES),
            Parameter("code", "code", "550", ":", False, 400, 599),
            a_share(),
        ),
    ),
    _kind(
        "greylist",
        "greylist[=10s]",
        "who sends to somebody for the first time is put off",
        _greylist,
        (a_duration("wait", "10s", needed=False),),
    ),
    _kind(
        "late-banner",
        "late-banner=10s",
        "the client waits for the first word",
        _late_banner,
        (a_duration("wait", "10s"),),
    ),
    _kind(
        "drop-at",
        "drop-at=DATA",
        "the connection is closed when the client says this command",
        _drop_at,
        (Parameter("command", "text", "DATA"),),
    ),
)
