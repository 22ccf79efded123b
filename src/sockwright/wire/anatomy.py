"""The anatomy of HTTP/1.1 messages: start line, fields, the blank line, content and how its end was known.

    GET /a HTTP/1.1         start line   method, request-target, version
    Host: x                 field        name and value, and what it means
                            blank line   the head ends
    hello                   content      ends by length, by chunks, or with the stream

Foreign bytes: what breaks a rule is marked with it and shown, never dropped, and reading goes on as far as that makes
sense. Judging is done by the same readers that servers and clients use.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sockwright.errors import PeerError
from sockwright.wire.content import ChunkedReader, LengthReader
from sockwright.wire.field_meanings import CLASSES, MEANINGS, METHODS
from sockwright.wire.fields import LINES, Fields, misformed_line
from sockwright.wire.http1 import REASONS, End, ResponseHead, ResponsePart, ResponseReader
from sockwright.wire.requests import RequestHeads
from sockwright.wire.visible import visible

# Messages of one stream that are taken apart, and bytes of content that are shown of one.
MOST = 1000
SHOWN = 1024
_WIDTH = 12  # characters of the longest role

_LINE = re.compile(rb"[^\n]*\n|[^\n]+")
_HEAD_END = re.compile(rb"(?:\A|\n)\r?\n")

# How the end of content was known -> in words
ENDS: Mapping[str, str] = {
    "none": "there is none, as method, status code and fields say (RFC 9112, 6.3)",
    "length": "its end was known by Content-Length",
    "chunks": "its end was known by the chunk of size 0 (RFC 9112, 7.1)",
    "close": "its end was known by the end of the stream (RFC 9112, 6.3)",
    "cut": "its end is not here",
    "broken": "its coding is broken: what could be read, and behind it the bytes that broke it, as they came",
    "unknown": "what these bytes are cannot be told: the head is broken",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a head. `wrong` names the rule that it breaks, with what is wrong; `parts` are its pieces by name."""

    role: str  # start line, field, blank line
    offset: int  # in the stream
    raw: bytes
    meaning: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message taken apart. `wrong` holds what cannot be pinned to a single line."""

    kind: str  # request, response
    lines: Sequence[Line]
    content: bytes  # without the transfer coding
    content_offset: int  # in the stream
    known_by: str  # a key of ENDS
    trailers: Sequence[tuple[str, str]] = ()
    wrong: Sequence[str] = ()


def requests_in(data: bytes) -> list[Message]:
    """Return the requests in a client's stream."""
    found: list[Message] = []
    at = 0
    while at < len(data) and len(found) < MOST:
        while data.startswith(b"\r\n", at):
            at += 2
        if at >= len(data):
            break
        head = _head(data, at)
        lines, wrong = _lines(head, at, "request")
        behind = data[at + len(head) :]
        base = at + len(head)
        try:
            length = RequestHeads().read(head).length
        except PeerError as broken:
            wrong = _pinned(broken, at, lines, wrong)
            found.append(Message("request", lines, behind, base, "unknown" if behind else "none", (), wrong))
            break
        content, known_by, used = b"", "none", 0
        trailers: tuple[tuple[str, str], ...] = ()
        if length:
            reader = LengthReader(length) if length > 0 else ChunkedReader(base)
            try:
                content = b"".join(reader.feed(behind))
            except PeerError as broken:
                wrong = [*wrong, _told(broken)]
                whole = (broken.offset or base) - base
                content = b"".join(ChunkedReader(base).feed(behind[:whole])) + behind[whole:]
                found.append(Message("request", lines, content, base, "broken", (), wrong))
                break
            known_by = ("length" if length > 0 else "chunks") if reader.done else "cut"
            trailers = tuple(reader.trailers)
            used = len(behind) - len(reader.rest) if reader.done else len(behind)
        found.append(Message("request", lines, content, base, known_by, trailers, wrong))
        at = base + used
    return found


def responses_in(data: bytes, methods: Sequence[str] = (), *, ended: bool = True) -> list[Message]:
    """Return the responses in a server's stream, interim ones among them.

    `methods` are those of the requests, in their order; `ended` tells that the stream came to its end.
    """
    found: list[Message] = []
    at = 0
    number = 0
    while at < len(data) and len(found) < MOST:
        reader = ResponseReader(methods[number] if number < len(methods) else "GET")
        number += 1
        content: list[bytes] = []
        heads: list[ResponseHead] = []
        end: End | None = None
        wrong: list[str] = []
        unfinished = "cut"
        parts: list[ResponsePart] = []
        try:
            parts = reader.feed(data[at:])
            if not reader.done and ended and reader.head is not None:
                parts += reader.end_of_stream()
        except PeerError as broken:
            wrong = [_told(broken)]
            if not parts:  # else all could be read, and more should have come
                unfinished = "broken"
                reader, parts = _until_broken(reader, data[at:], broken.offset or 0)
        for part in parts:
            if isinstance(part, ResponseHead):
                heads.append(part)
            elif isinstance(part, End):
                end = part
            else:
                content.append(part)
        for head in heads:
            last = head is heads[-1] and not head.interim
            lines, own = _lines(head.raw, at, "response")
            own += head.defects
            at += len(head.raw)
            if last:
                known_by = end.known_by if end is not None else unfinished
                trailers = tuple(end.trailers) if end is not None else ()
                lines = _without_content(lines) if known_by == "none" else lines
                pinned = _unpinned(lines, [*own, *wrong])
                found.append(Message("response", lines, b"".join(content), at, known_by, trailers, pinned))
            else:
                found.append(Message("response", lines, b"", at, "none", (), _unpinned(lines, own)))
        if not heads:
            head_raw = _head(data, at)
            lines, own = _lines(head_raw, at, "response")
            rest = data[at + len(head_raw) :]
            pinned = own if any(line.wrong for line in lines) else [*own, *wrong]
            found.append(
                Message("response", lines, rest, at + len(head_raw), "unknown" if rest else "none", (), pinned)
            )
            break
        if not reader.done:
            break
        at = len(data) - len(reader.rest)
    return found


def response_of(heads: Sequence[ResponseHead], content: bytes, known_by: str, trailers: Fields) -> list[Message]:
    """Return a response that was read already, taken apart, with the interim ones before it."""
    found = responses_in(b"".join(head.raw for head in heads), ended=False)
    if found:
        found[-1] = replace(found[-1], content=content, known_by=known_by or "cut", trailers=tuple(trailers))
    return found


def _until_broken(reader: ResponseReader, data: bytes, offset: int) -> tuple[ResponseReader, list[ResponsePart]]:
    """Return what could be read before something broke at `offset`; content has the rest behind it, as it came."""
    again = ResponseReader(reader.method)
    try:
        parts = again.feed(data[:offset])
    except PeerError:
        parts = []
    if again.head is None or again.done:
        return reader, [reader.head] if reader.head is not None else []
    return again, [*parts, data[offset:]]


def _without_content(lines: list[Line]) -> list[Line]:
    """Tell of a Content-Length that it is about content which is not sent here (RFC 9110, 8.6)."""
    words = "how many bytes the content would have, which is not sent here (RFC 9110, 8.6)"
    return [
        replace(line, meaning=words)
        if line.parts.get("name", "").lower() == "content-length" and line.parts["value"].strip("0")
        else line
        for line in lines
    ]


def _unpinned(lines: list[Line], wrong: Sequence[str]) -> list[str]:
    """Return what is wrong without what is pinned to a line already, by its rule."""
    pinned = " ".join(line.wrong for line in lines)
    return [words for words in wrong if not (rule := words[words.rfind("(") :]) or rule not in pinned]


def _head(data: bytes, at: int) -> bytes:
    end = _HEAD_END.search(data, at)
    return data[at : end.end()] if end is not None else data[at:]


def _lines(head: bytes, offset: int, kind: str) -> tuple[list[Line], list[str]]:
    """Return a head's lines, and what is wrong with the head as a whole."""
    lines: list[Line] = []
    for found in _LINE.finditer(head):
        raw, at = found[0], offset + found.start()
        if not lines:
            lines.append(_start_line(raw, at, kind))
        elif raw in (b"\r\n", b"\n"):
            loose = "" if raw == b"\r\n" else "a bare LF ends the line (RFC 9112, 2.2)"
            lines.append(Line("blank line", at, raw, "the head ends here", {}, loose))
        else:
            lines.append(_field(raw, at))
    whole = bool(lines) and lines[-1].role == "blank line"
    return lines, [] if whole else ["the blank line that ends the head is missing (RFC 9112, 2.1)"]


def _start_line(raw: bytes, at: int, kind: str) -> Line:
    text = raw.rstrip(b"\r\n").decode("utf-8", "backslashreplace")
    wrong = "" if raw.endswith(b"\r\n") else "a bare LF ends the line (RFC 9112, 2.2)" if raw.endswith(b"\n") else ""
    if kind == "request":
        words = text.split(" ")
        if len(words) != 3:
            rule = "a request line is method, request-target and version, with one blank between (RFC 9112, 3)"
            return Line("start line", at, raw, "", {}, rule)
        parts = dict(zip(("method", "request-target", "version"), words, strict=True))
        if not re.fullmatch(r"HTTP/\d\.\d", words[2]):
            wrong = wrong or "the version is HTTP/, a digit, a dot, a digit (RFC 9112, 2.3)"
        return Line("start line", at, raw, METHODS.get(words[0], "a method of its own"), parts, wrong)
    version, _, rest = text.partition(" ")
    code, _, reason = rest.partition(" ")
    if not re.fullmatch(r"HTTP/\d\.\d", version) or not re.fullmatch(r"[1-9][0-9][0-9]", code):
        rule = "a status line is version, status code and reason (RFC 9112, 4)"
        return Line("start line", at, raw, "", {}, rule)
    parts = {"version": version, "status code": code, "reason": reason}
    meaning = CLASSES.get(int(code[0]), "")
    known = REASONS.get(int(code), "")
    return Line("start line", at, raw, f"{known}: {meaning}" if known and known != reason else meaning, parts, wrong)


def _field(raw: bytes, at: int) -> Line:
    name, _, value = raw.rstrip(b"\r\n").partition(b":")
    wrong = ""
    if not LINES.fullmatch(raw):
        broken = misformed_line(raw, at) if raw.endswith(b"\n") else PeerError("the line has no end")
        wrong = _told(broken)
    label = name.decode("utf-8", "backslashreplace")
    parts = {"name": label, "value": value.strip(b" \t").decode("utf-8", "backslashreplace")}
    meaning = MEANINGS.get(label.strip().lower(), "a field of its own")
    return Line("field", at, raw, "" if wrong else meaning, {} if wrong else parts, wrong)


def _pinned(broken: PeerError, at: int, lines: list[Line], wrong: list[str]) -> list[str]:
    """Return `wrong` with what the reader says, unless a line says it already."""
    return wrong if any(line.wrong for line in lines) else [*wrong, _told(broken)]


def _told(broken: PeerError) -> str:
    words = str(broken.args[0])
    return f"{words} ({broken.section})" if broken.section else words


def told(message: Message, whole: bool = False) -> Iterator[str]:
    """Yield the lines that show `message` to a person; nothing foreign reaches the terminal raw."""
    yield message.kind
    for line in message.lines:
        shown = visible(line.raw.removesuffix(b"\n").removesuffix(b"\r"), 2000)
        yield f"  {line.role:<{_WIDTH}}{shown}".rstrip()
        if line.role == "start line" and line.parts:
            named = ", ".join(f"{name} {visible(value, 200)!s}" for name, value in line.parts.items())
            yield f"  {'':<{_WIDTH}}  = {named}"
        if line.meaning:
            yield f"  {'':<{_WIDTH}}  : {line.meaning}"
        if line.wrong:
            yield f"  {'':<{_WIDTH}}  ! {visible(line.wrong, 300)}"
    size = f"{len(message.content):,} B; " if message.content or message.known_by not in ("none", "unknown") else ""
    yield f"  {'content':<{_WIDTH}}{size}{ENDS[message.known_by]}"
    shown_content = message.content if whole else message.content[:SHOWN]
    if b"\0" in shown_content:
        yield f"  {'':<{_WIDTH}}  | (not text)"
    else:
        for text in shown_content.splitlines():
            yield f"  {'':<{_WIDTH}}  | {visible(text, 2000)}"
    if len(shown_content) < len(message.content):
        yield f"  {'':<{_WIDTH}}  ... and {len(message.content) - len(shown_content):,} B more"
    for name, value in message.trailers:
        yield f"  {'trailer':<{_WIDTH}}{visible(f'{name}: {value}', 2000)}"
    for wrong in message.wrong:
        yield f"  {'wrong':<{_WIDTH}}! {visible(wrong, 300)}"


def as_dict(message: Message) -> dict[str, Any]:
    """Return `message` as JSON can say it. Bytes are text, with escapes for what is no UTF-8."""
    return {
        "kind": message.kind,
        "lines": [
            {
                "role": line.role,
                "offset": line.offset,
                "text": line.raw.decode("utf-8", "backslashreplace"),
                "meaning": line.meaning,
                "parts": dict(line.parts),
                **({"wrong": line.wrong} if line.wrong else {}),
            }
            for line in message.lines
        ],
        "content": {
            "offset": message.content_offset,
            "size": len(message.content),
            "text": message.content[:SHOWN].decode("utf-8", "backslashreplace"),
            "known_by": message.known_by,
            "end": ENDS[message.known_by],
        },
        "trailers": [list(pair) for pair in message.trailers],
        "wrong": list(message.wrong),
    }
