"""An SMTP dialogue out of a transcript: who said which line when, and what it was (RFC 5321).

Forgiving on purpose: what a broken program said shall be shown. Judges nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sockwright.journal.transcript import Chunk, Transcript
from sockwright.wire.visible import visible, visible_lines

Side = Literal["client", "server"]
Kind = Literal["command", "reply", "content", "tls", "login"]

# Lines of one dialogue, characters of one line, bytes of one mail's content that are shown.
MOST = 5_000
LONGEST = 1_000
CONTENT = 64 * 1024

# Verb -> what it is for (RFC 5321, 4.1.1, and the extensions' own).
VERBS: Mapping[str, str] = {
    "HELO": "says who is calling",
    "EHLO": "says who is calling, and asks for extensions",
    "MAIL": "begins a mail and names its sender",
    "RCPT": "names a recipient",
    "DATA": "announces the content",
    "RSET": "forgets the mail that was begun",
    "NOOP": "does nothing",
    "QUIT": "ends the session",
    "VRFY": "asks whether an address exists",
    "EXPN": "asks who is on a list",
    "HELP": "asks for help",
    "STARTTLS": "asks for TLS",
    "AUTH": "logs in",
}
_REPLY = re.compile(r"([2-5]\d\d)([ -]|\Z)")
_CLASSES = {"2": "done", "3": "go on", "4": "not now", "5": "refused"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line, or all of a mail's content. `time` in seconds since the epoch; `verb` and `code` where it has one."""

    side: Side
    kind: Kind
    text: str
    time: float
    verb: str = ""
    code: int = 0
    size: int = 0  # bytes

    @property
    def is_refusal(self) -> bool:
        return self.code >= 400

    def as_dict(self) -> dict[str, Any]:
        meaning = VERBS.get(self.verb, "") if self.kind == "command" else ""
        if self.kind == "reply" and self.code:
            meaning = _CLASSES[str(self.code)[0]]
        return {
            "side": self.side,
            "kind": self.kind,
            "text": self.text,
            "time": self.time,
            "verb": self.verb or None,
            "code": self.code or None,
            "size": self.size,
            "meaning": meaning,
        }


def dialogue_of(transcript: Transcript) -> list[Line]:
    """Return the lines of an SMTP session, in the order in which they were whole."""
    found: list[Line] = []
    reader = _Reader()
    for chunk in transcript.chunks():
        for line in reader.feed(chunk):
            found.append(line)
            if len(found) == MOST:
                return found
    found += reader.rest()
    return found


def refusal_in(lines: list[Line]) -> str:
    """Return the reply that refused a mail, "" where none did. A wrong command before a mail is no refusal of one."""
    verb = ""
    for line in lines:
        if line.side == "client":
            verb = line.verb or ("DATA" if line.kind == "content" else verb)
        elif line.is_refusal and (verb in ("MAIL", "RCPT", "DATA", "AUTH", "EHLO", "HELO", "") or line.code == 421):
            return line.text
    return ""


class _Reader:
    """Cuts both sides' bytes into lines; knows when the client's are content."""

    def __init__(self) -> None:
        self._held: dict[str, bytes] = {"client": b"", "server": b""}
        self._verb = ""
        self._in_content = False
        self._login = False
        self._secret = False
        self._content: list[bytes] = []
        self._last = 0.0

    def feed(self, chunk: Chunk) -> Iterator[Line]:
        side: Side = "client" if chunk.direction == "received" else "server"
        self._last = chunk.time
        data = self._held[side] + chunk.data
        *lines, rest = data.split(b"\n")
        self._held[side] = rest[: 2 * CONTENT]
        for line in lines:
            made = self._client(line, chunk.time) if side == "client" else self._server(line, chunk.time)
            if made is not None:
                yield made

    def rest(self) -> list[Line]:
        """Return what had no end."""
        found = [self._whole_content(self._last)] if self._content else []
        for side, held in self._held.items():
            if held and not self._in_content:
                kind: Kind = "command" if side == "client" else "reply"
                found.append(Line(side, kind, visible(held, LONGEST), self._last, size=len(held)))  # type: ignore[arg-type]
        return found

    def _client(self, raw: bytes, now: float) -> Line | None:
        raw = raw.removesuffix(b"\r")
        if self._in_content:
            if raw == b".":
                return self._whole_content(now)
            self._content.append(raw[1:] if raw.startswith(b".") else raw)
            return None
        if self._secret:
            self._secret = False
            return Line("client", "login", "(a login, not shown)", now, size=len(raw))
        text = visible(raw, LONGEST)
        verb = text.partition(" ")[0].upper()
        self._verb = verb if verb in VERBS else ""
        if self._verb == "AUTH" and len(text.split(" ")) > 2:
            text = " ".join([*text.split(" ")[:2], "(not shown)"])
        return Line("client", "command", text, now, verb=self._verb, size=len(raw))

    def _server(self, raw: bytes, now: float) -> Line:
        text = visible(raw.removesuffix(b"\r"), LONGEST)
        found = _REPLY.match(text)
        code = int(found[1]) if found else 0
        if code == 354:
            self._in_content = True
        elif code == 334:
            self._secret = True
        return Line("server", "reply", text, now, code=code, size=len(raw))

    def _whole_content(self, now: float) -> Line:
        whole = b"\n".join(self._content)
        self._content = []
        self._in_content = False
        return Line("client", "content", visible_lines(whole[:CONTENT]), now, size=len(whole))
