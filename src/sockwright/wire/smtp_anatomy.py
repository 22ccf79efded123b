"""The anatomy of an SMTP dialogue: commands, replies and content in the order they belong together.

    MAIL FROM:<a@b> SIZE=5      command   verb, path, parameters, and what each means
    250 2.1.0 OK                reply     reply code, enhanced code, text
    Subject: x ...              content   fields, the blank line, how its end was known

Two streams are read together: what a client's line is depends on what the server said before (354 makes content of
it, 334 a login's next step). What breaks a rule is marked with it and shown, never dropped. What comes under TLS and
was not seen in clear is told as that.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sockwright.errors import PeerError
from sockwright.wire.anatomy import MOST, SHOWN, Line
from sockwright.wire.smtp import END, breaches, decode_path, unstuff
from sockwright.wire.smtp_meanings import (
    CLASSES,
    COMMANDS,
    DETAILS,
    EXTENSIONS,
    FIELDS,
    PARAMETERS,
    REPLIES,
)
from sockwright.wire.visible import visible

# Octets of a command line, a reply line and a line of content, ends included (RFC 5321, 4.5.3.1).
COMMAND_LINE, REPLY_LINE, TEXT_LINE = 512, 512, 1000

_LINE = re.compile(rb"[^\n]*\n|[^\n]+")
_REPLY = re.compile(r"([2-5][0-5][0-9])([ -]|\Z)(?:([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |\Z))?(.*)\Z", re.DOTALL)
_CONTROLS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_FIELD_NAME = re.compile(rb"[!-9;-~]+[ \t]*\Z")

# How the end of a content was known -> in words
ENDS: Mapping[str, str] = {
    "dot": "its end was known by CR LF . CR LF (RFC 5321, 4.1.1.4)",
    "cut": "its end is not here: nothing of it may be kept (RFC 5321, 4.1.1.4)",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was said. `kind`: command, login, reply, content, tls. `wrong` cannot be pinned to one line."""

    kind: str
    by: str  # client, server
    lines: Sequence[Line]
    content: bytes = b""  # dots undone
    content_offset: int = 0  # in the client's stream
    known_by: str = ""  # a key of ENDS, where there is a content
    wrong: Sequence[str] = ()


def steps_in(client: bytes, server: bytes) -> list[Step]:
    """Return the steps of a dialogue, each command before its reply."""
    steps: list[Step] = []
    replies = replies_in(server)
    left = iter(replies)
    reply = next(left, None)
    if reply is not None:  # the server speaks first
        steps.append(reply)
    at, waits, utf8, eight = 0, "", False, False
    while at < len(client) and len(steps) < MOST:
        if waits == "content":
            step, at = content_at(client, at, eight_bits=eight or utf8)
        elif waits == "tls" and client[at] in (0x14, 0x15, 0x16, 0x17):
            line = Line("TLS", at, client[at:], "what follows can be read by the two alone")
            steps.append(Step("tls", "client", (line,)))
            break
        else:
            found = _LINE.match(client, at)
            assert found is not None
            step = login_line(found[0], at) if waits == "login" else command_line(found[0], at, utf8=utf8)
            at = found.end()
        steps.append(step)
        reply = next(left, None)
        verb = step.lines[0].parts.get("verb", "").upper() if step.lines else ""
        if reply is not None:
            steps.append(reply)
        waits = _waits(verb, step.kind, reply)
        if verb == "MAIL":
            parameters = step.lines[0].parts.get("parameters", "").upper()
            utf8, eight = "SMTPUTF8" in parameters, "BODY=8BITMIME" in parameters
    steps += list(left)[: max(MOST - len(steps), 0)]
    return steps


def _waits(verb: str, kind: str, reply: Step | None) -> str:
    """Return what the client's next words are, after `verb` and its reply."""
    code = reply.lines[0].parts.get("reply code", "") if reply is not None and reply.lines else ""
    if code == "354":
        return "content"
    if code == "334" and (verb == "AUTH" or kind == "login"):
        return "login"
    return "tls" if verb == "STARTTLS" and code.startswith("2") else ""


def replies_in(server: bytes) -> list[Step]:
    """Return the replies in a server's stream; the lines of one that has several belong together."""
    replies: list[Step] = []
    lines: list[Line] = []
    for found in _LINE.finditer(server):
        raw = found[0]
        if not lines and raw[:1] in (b"\x14", b"\x15", b"\x16", b"\x17"):
            line = Line("TLS", found.start(), server[found.start() :], "what follows can be read by the two alone")
            return [*replies, Step("tls", "server", (line,))]
        line = reply_line(raw, found.start(), first=lines[0] if lines else None)
        lines.append(line)
        if line.parts.get("more") != "yes":
            replies.append(Step("reply", "server", tuple(lines)))
            lines = []
            if len(replies) >= MOST:
                break
    if lines:
        replies.append(Step("reply", "server", tuple(lines), wrong=("the reply's last line is missing",)))
    return replies


def command_line(raw: bytes, at: int = 0, *, utf8: bool = False) -> Step:
    """Return a client's line taken apart as a command."""
    body, wrong = _body(raw, COMMAND_LINE, "command")
    text = body.decode("utf-8", "backslashreplace")
    verb, _, rest = text.partition(" ")
    parts = {"verb": verb}
    meaning = COMMANDS.get(verb.upper(), "")
    if not meaning and not wrong:
        http = re.match(r"(GET|HEAD|POST|PUT|CONNECT|OPTIONS) ", text)
        wrong = "that is HTTP, and no mail" if http else "there is no such command (RFC 5321, 4.1.1)"
    match verb.upper():
        case "MAIL" | "RCPT":
            word, colon, path = rest.partition(":")
            name = "reverse-path" if verb.upper() == "MAIL" else "forward-path"
            try:
                if not colon or word.upper() != ("FROM" if verb.upper() == "MAIL" else "TO"):
                    raise PeerError(
                        f"{verb.upper()} is followed by {'FROM' if verb.upper() == 'MAIL' else 'TO'}:<path>"
                    )
                read = decode_path(path)
            except PeerError as broken:
                wrong = wrong or _told(broken)
            else:
                parts[name] = f"<{read.address}>"
                if read.parameters:
                    words = (f"{key}={value}" if value is not None else key for key, value in read.parameters.items())
                    parts["parameters"] = " ".join(words)
                    said = [f"{key}: {PARAMETERS[key]}" for key in read.parameters if key in PARAMETERS]
                    meaning = "; ".join([meaning, *said])
                allowed = utf8 or "SMTPUTF8" in read.parameters
                if not allowed and not read.address.isascii():
                    wrong = wrong or "an address beyond ASCII needs SMTPUTF8 (RFC 6531, 3.4)"
        case "AUTH":
            mechanism, _, first = rest.partition(" ")
            parts["mechanism"] = mechanism
            parts |= _login_parts(first) if mechanism.upper() == "PLAIN" and first else {}
        case "EHLO" | "HELO":
            parts["domain"] = rest
            wrong = wrong or ("" if rest.strip() else "the client's name is missing (RFC 5321, 4.1.1.1)")
        case _ if rest:
            parts["argument"] = rest
    return Step("command", "client", (Line("command", at, raw, meaning, parts, wrong),))


def login_line(raw: bytes, at: int = 0) -> Step:
    """Return a client's line taken apart as what a login's challenge is answered with."""
    body, wrong = _body(raw, 12288, "login")
    text = body.decode("utf-8", "backslashreplace")
    meaning = "the client gives up the login" if text == "*" else "the answer to the challenge, in base64 (RFC 4954, 4)"
    return Step("login", "client", (Line("login", at, raw, meaning, _login_parts(text), wrong),))


def _login_parts(text: str) -> dict[str, str]:
    """Return the user that a login names. A password is in the bytes for whoever looks, and not said again."""
    try:
        said = base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return {}
    parts = said.split("\0")
    return {"user": parts[1] or parts[0]} if len(parts) == 3 else {}


def reply_line(raw: bytes, at: int = 0, *, first: Line | None = None) -> Line:
    """Return one line of a reply taken apart; `first` is the first line of the same reply, if there is one."""
    body, wrong = _body(raw, REPLY_LINE, "reply")
    text = body.decode("utf-8", "backslashreplace")
    found = _REPLY.match(text)
    if found is None:
        return Line("reply", at, raw, "", {}, wrong or "a reply begins with three digits (RFC 5321, 4.2)")
    code, mark, detail, words = found[1], found[2], found[3], found[4]
    parts = {"reply code": code, **({"enhanced code": detail} if detail else {}), "text": words}
    if mark == "-":
        parts["more"] = "yes"
    if first is not None and code != first.parts.get("reply code"):
        wrong = wrong or "all lines of a reply have one code (RFC 5321, 4.2.1)"
    if detail and detail[0] != code[0]:
        wrong = wrong or "the enhanced code is of another class than the reply code (RFC 2034, 4)"
    if first is not None:  # the first line says what the code means; in the reply to EHLO these are extensions
        keyword, _, _ = words.partition(" ")
        meaning = EXTENSIONS.get(keyword.upper(), "") if code == "250" and not detail else ""
        return Line("reply", at, raw, meaning, parts, wrong)
    said = REPLIES.get(int(code), "")
    whole = CLASSES.get(code[0], "")
    meaning = f"{said} ({whole})" if said and said != whole else said or whole
    if detail:
        meaning += f"; {detail}: {DETAILS.get(detail.partition('.')[2], 'not in RFC 3463')}"
    return Line("reply", at, raw, meaning, parts, wrong)


def content_at(client: bytes, at: int, *, eight_bits: bool = False) -> tuple[Step, int]:
    """Return the content that begins at `at`, and where what follows it begins."""
    if client.startswith(b".\r\n", at):
        end, past, known_by = at, at + 3, "dot"
    else:
        place = client.find(END, at)
        known_by = "dot" if place >= 0 else "cut"
        end, past = (place + 2, place + 5) if place >= 0 else (len(client), len(client))
    stuffed = client[at:end]
    content = unstuff(stuffed)
    wrong: list[str] = []
    broken = breaches(stuffed)
    if broken:
        wrong.append(f"{broken}, at byte {at + _breach(stuffed)} (RFC 5321, 2.3.8)")
    longest = max((len(line) for line in stuffed.split(b"\n")), default=0) + 1
    if longest > TEXT_LINE:
        wrong.append(f"a line has {longest} octets, and {TEXT_LINE} is the limit (RFC 5321, 4.5.3.1.6)")
    if b"\0" in content:
        wrong.append(f"a NUL stands in it, at byte {at + stuffed.find(0)} (RFC 5322, 2.2 and 4)")
    if not eight_bits and not content.isascii():
        wrong.append("bytes above 127 need BODY=8BITMIME (RFC 6152) or SMTPUTF8")
    return Step("content", "client", tuple(_fields(content, at)), content, at, known_by, tuple(wrong)), past


def _breach(data: bytes) -> int:
    found = re.search(rb"\r(?!\n)|(?<!\r)\n", data)
    return found.start() if found is not None else 0


def _fields(content: bytes, at: int) -> Iterator[Line]:
    """Yield the fields of a content's head, and the blank line. Offsets are those of the head as it stands there."""
    for count, found in enumerate(_LINE.finditer(content)):
        raw, place = found[0], at + found.start()
        if raw in (b"\r\n", b"\n"):
            yield Line("blank line", place, raw, "the fields end here; what follows is the body")
            return
        if count >= MOST:
            return
        if raw[:1] in (b" ", b"\t"):
            lone = "" if count else "the first field cannot go on from an earlier one (RFC 5322, 2.2)"
            yield Line("field", place, raw, "goes on from the line before", {}, lone)
            continue
        name, colon, value = raw.rstrip(b"\r\n").partition(b":")
        label = name.decode("utf-8", "backslashreplace").strip()
        if not colon or not _FIELD_NAME.match(name):
            yield Line("field", place, raw, "", {}, "a field is a name, a colon and a value (RFC 5322, 2.2)")
            continue
        parts = {"name": label, "value": value.strip().decode("utf-8", "backslashreplace")}
        yield Line("field", place, raw, FIELDS.get(label.lower(), "a field of its own"), parts)


def _body(raw: bytes, longest: int, what: str) -> tuple[bytes, str]:
    """Return a line without its end, and the first rule that it breaks."""
    if raw.endswith(b"\r\n"):
        body, wrong = raw[:-2], ""
    elif raw.endswith(b"\n"):
        body, wrong = raw[:-1], "a line ends with CR LF, not with LF alone (RFC 5321, 2.3.8)"
    else:
        body, wrong = raw, "the line has no end (RFC 5321, 2.3.8)"
    control = _CONTROLS.search(body)
    if control is not None:
        wrong = wrong or f"a control character (0x{control[0][0]:02x}) stands in it (RFC 5321, 4.1.2)"
    if len(raw) > longest:
        wrong = wrong or f"a {what} line of {len(raw)} octets; {longest} is the limit (RFC 5321, 4.5.3.1)"
    try:
        body.decode()
    except UnicodeDecodeError as broken:
        wrong = wrong or f"byte {broken.start} (0x{body[broken.start]:02x}) is not UTF-8 (RFC 6531, 3.1)"
    return body, wrong


def _told(broken: PeerError) -> str:
    words = str(broken.args[0])
    return f"{words} ({broken.section})" if broken.section else words


def told(step: Step, whole: bool = False) -> Iterator[str]:
    """Yield the lines that show `step` to a person; nothing foreign reaches the terminal raw."""
    mark = ">" if step.by == "client" else "<"
    for line in step.lines:
        yield from told_line(line, mark)
    if step.kind == "content":
        body = step.content.partition(b"\r\n\r\n")[2]
        shown = body if whole else body[:SHOWN]
        for text in shown.splitlines():
            yield f"{mark} {visible(text, 2000)}".rstrip()
        if len(shown) < len(body):
            yield f"    ... and {len(body) - len(shown):,} B more"
        yield f"    : {len(step.content):,} B of content; {ENDS[step.known_by]}"
    for wrong in step.wrong:
        yield f"    ! {visible(wrong, 300)}"


def told_line(line: Line, mark: str) -> Iterator[str]:
    """Yield a line and, below it, what it is made of, what it means and which rule it breaks."""
    shown = visible(line.raw.removesuffix(b"\n").removesuffix(b"\r"), 2000) if line.role != "TLS" else "(TLS)"
    yield f"{mark} {shown}".rstrip()
    if line.role in ("command", "login") and len(line.parts) > 1 and not line.wrong:
        yield "    = " + ", ".join(f"{name} {visible(value, 200)}" for name, value in line.parts.items())
    if line.meaning:
        yield f"    : {line.meaning}"
    if line.wrong:
        yield f"    ! {visible(line.wrong, 300)}"


def as_dict(step: Step) -> dict[str, Any]:
    """Return `step` as JSON can say it. Bytes are text, with escapes for what is no UTF-8."""
    about: dict[str, Any] = {
        "kind": step.kind,
        "by": step.by,
        "lines": [
            {
                "role": line.role,
                "offset": line.offset,
                "text": "" if line.role == "TLS" else line.raw.decode("utf-8", "backslashreplace"),
                "meaning": line.meaning,
                "parts": dict(line.parts),
                **({"wrong": line.wrong} if line.wrong else {}),
            }
            for line in step.lines
        ],
        "wrong": list(step.wrong),
    }
    if step.kind == "content":
        about["content"] = {
            "offset": step.content_offset,
            "size": len(step.content),
            "text": step.content[:SHOWN].decode("utf-8", "backslashreplace"),
            "known_by": step.known_by,
            "end": ENDS[step.known_by],
        }
    return about
