"""SMTP's grammar (RFC 5321): commands, paths, parameters, replies, and where the content of a mail ends.

Lines end with CR LF and with nothing else, in commands as in content: whoever takes a lone LF for an end, and passes
the content on to somebody who does not, lets a stranger smuggle a second mail in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sockwright.errors import PeerError

END = b"\r\n.\r\n"

_ATEXT = r"[^\s\x00-\x20\x7f()<>\[\]:;@\\,.\"]"
_DOTTED = rf"{_ATEXT}+(?:\.{_ATEXT}+)*"
_QUOTED = r'"(?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*"'
_LABEL = r"[\w\u0080-\U0010ffff](?:[\w\u0080-\U0010ffff-]*[\w\u0080-\U0010ffff])?"
_DOMAIN = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[!-Z^-~]+\])"
_ROUTE = rf"(?:@{_DOMAIN}(?:,@{_DOMAIN})*:)?"
_PATH = re.compile(rf"<{_ROUTE}((?:{_DOTTED}|{_QUOTED})(?:@{_DOMAIN})?)?>(.*)\Z", re.DOTALL)
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~\u0080-\U0010ffff]+))?\Z")
_REPLY = re.compile(rb"([2-5][0-9]{2})([ -]|\Z)(.*)\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Path:
    """What stands behind MAIL FROM: or RCPT TO:. `address` is "" for the null path; parameters by upper-case name."""

    address: str
    parameters: Mapping[str, str | None]


_NO_PARAMETERS: Mapping[str, str | None] = {}


def decode_path(text: str) -> Path:
    """Return path and parameters. The source route, which nobody may use (RFC 5321, 3.6.1), is dropped.

    A local part without a domain is taken: programs on one machine write to `root`.

    Raises: PeerError.
    """
    text = text.lstrip(" ")
    found = _PATH.match(text)
    if found is None:
        raise PeerError(f"{text[:100]!r} is no path; write it like <ann@example.org>", section="RFC 5321, 4.1.2")
    rest = found[2]
    if not rest:
        return Path(found[1] or "", _NO_PARAMETERS)
    if rest[0] != " ":
        raise PeerError(f"{rest[:100]!r} behind the path makes no sense", section="RFC 5321, 4.1.2")
    parameters: dict[str, str | None] = {}
    for word in rest.split():
        one = _PARAMETER.match(word)
        if one is None:
            raise PeerError(f"{word[:100]!r} is no parameter", section="RFC 5321, 4.1.2")
        name = one[1].upper()
        if name in parameters:
            raise PeerError(f"the parameter {name} is given twice", section="RFC 5321, 4.1.1.11")
        parameters[name] = one[2]
    return Path(found[1] or "", parameters)


def stuff(content: bytes) -> bytes:
    """Return `content` as it goes over the wire: dots at the front of lines doubled, CR LF . CR LF behind it."""
    if content and not content.endswith(b"\r\n"):
        content += b"\r\n"
    content = content.replace(b"\r\n.", b"\r\n..")
    if content.startswith(b"."):
        content = b"." + content
    return content + b".\r\n"


def unstuff(content: bytes) -> bytes:
    """Undo the dot that the sender put before a leading dot (RFC 5321, 4.5.2)."""
    if content.startswith(b"."):
        content = content[1:]
    return content.replace(b"\r\n.", b"\r\n") if b"\r\n." in content else content


def with_crlf(text: bytes) -> bytes:
    """Return `text` with CR LF at every line's end, however they were written."""
    return re.sub(rb"\r\n|\r|\n", b"\r\n", text)


# A CR that does not end a line, and one that ends a line before a dot: where neither stands, nothing is to be undone.
# Both expressions begin with one fixed byte, which the engine looks for as fast as memory is read.
_ODD_CR = re.compile(rb"\r(?!\n(?!\.))")
_LONE_LF = re.compile(rb"\n(?<!\r\n)")


class Content:
    """The content of one mail as it comes in: found to its end at any cut, and never more than `limit` bytes of it
    kept. `size` goes on counting."""

    __slots__ = ("_limit", "_odd", "_parts", "_tail", "size")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        # The end is CR LF . CR LF, and the first CR LF of an empty mail is the one behind DATA.
        self._tail = b"\r\n"
        self._odd = False  # something came that may be a lone CR, or a dot at the front of a line
        self.size = 0

    def feed(self, data: bytes) -> bytes | None:
        """Take what comes; return what came behind the end, None while there is no end."""
        odd = _ODD_CR.search(data)
        if data[:1] not in b"\r\n.":  # what came before is no part of the end, then
            if odd is None:
                self._take(data)
                self._tail = data[-4:]
                return None
            if odd.start() == len(data) - 5 and data.endswith(END):
                self._take(data)
                return b""
        self._odd = True
        tail = self._tail
        place = (tail + data[:4]).find(END)
        if place < 0:
            place = data.find(END)
            place = place + len(tail) if place >= 0 else -1
        if place < 0:
            self._take(data)
            self._tail = data[-4:] if len(data) >= 4 else (tail + data)[-4:]
            return None
        end = place + 5 - len(tail)
        self._take(data[:end])
        return data[end:]

    def _take(self, data: bytes) -> None:
        self.size += len(data)
        if self.size > self._limit + 3:
            self._parts.clear()  # it will be refused: nothing of it is worth its memory
        else:
            self._parts.append(data)

    @property
    def too_large(self) -> bool:
        return self.size > self._limit + 3

    def whole(self) -> tuple[bytes, str]:
        """Return the content, once its end was found, and in what way its lines do not end as they should ("")."""
        parts = self._parts
        if len(parts[-1]) >= 3:  # cut before it is joined: to copy a large mail twice costs as much as to read it
            parts[-1] = parts[-1][:-3]
            stuffed = parts[0] if len(parts) == 1 else b"".join(parts)
        else:
            stuffed = b"".join(parts)[:-3]
        if self._odd:
            content = unstuff(stuffed)
            return content, breaches(content)
        return stuffed, LONE_LF if _LONE_LF.search(stuffed) is not None else ""


LONE_LF = "a lone LF stands in the content"
LONE_CR = "a lone CR stands in the content"


def breaches(content: bytes) -> str:
    """Say in what way the lines of `content` do not end as they should; "" where they do."""
    ends = content.count(b"\r\n")
    if content.count(b"\n") != ends:
        return LONE_LF
    if content.count(b"\r") != ends:
        return LONE_CR
    return ""


def longest_line(content: bytes) -> int:
    """Return the length of the longest line, without its end."""
    return max(map(len, content.split(b"\r\n")))


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's reply: `lines` are the texts of its lines, without code and end."""

    code: int
    lines: Sequence[str]

    @property
    def text(self) -> str:
        return " / ".join(line for line in self.lines if line)

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


class Replies:
    """Cuts a server's replies out of what comes. Lone LF ends a line here: who only listens may be generous."""

    # A reply has some dozen lines of 512 octets; what is larger is no reply.
    LONGEST = 64 * 1024

    def __init__(self) -> None:
        self._buffer = b""
        self._lines: list[str] = []
        self._code = 0

    @property
    def pending(self) -> bool:
        """Tell whether a reply has begun that is not over."""
        return bool(self._buffer or self._lines)

    def feed(self, data: bytes) -> list[Reply]:
        """Return the replies that are whole now.

        Raises: PeerError for what is none.
        """
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        replies: list[Reply] = []
        for line in lines:
            found = _REPLY.match(line.rstrip(b"\r"))
            if found is None or (self._lines and int(found[1]) != self._code):
                raise PeerError(f"{line[:100]!r} is no reply of a mail server", section="RFC 5321, 4.2")
            self._code = int(found[1])
            self._lines.append(found[3].decode("utf-8", "backslashreplace"))
            if found[2] != b"-":
                replies.append(Reply(self._code, tuple(self._lines)))
                self._lines = []
            elif len(self._lines) > 1000:
                raise PeerError("a reply of more than 1000 lines", section="RFC 5321, 4.2.1")
        if len(self._buffer) > self.LONGEST:
            raise PeerError("a reply's line without an end", section="RFC 5321, 4.5.3.1.5")
        return replies
