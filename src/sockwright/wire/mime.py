"""What is in a mail, for eyes: subject, texts, attachments, links and codes. It may be anything at all: a mail is kept
as it came, and shown as far as it can be understood; nothing here raises.

MIME itself is the standard library's; here are the limits, and what to do where it gives up on hostile input.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import policy
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.parser import BytesParser

# Bytes of the head in which the headline is looked for.
HEAD = 64 * 1024
# Multiparts in each other, and parts in all: mails of people have a dozen.
DEPTH = 100
PARTS = 1000
# Characters of text and HTML that are shown, links and codes that are listed.
SHOWN = 1024 * 1024
LISTED = 1000

_HEADLINE = frozenset((b"subject", b"from", b"to", b"cc", b"date"))
_BEGINNINGS = frozenset(bytes((sign,)) for sign in b"sSfFtTcCdD")
_FOLD = re.compile(r"\r?\n[ \t]+")
_LINK = re.compile(r"""https?://[^\s<>"'`{}|\\^\x00-\x20\x7f]{1,2000}""", re.IGNORECASE)
_HREF = re.compile(r"""\b(?:href|src)\s*=\s*(?:"([^"]{1,2000})"|'([^']{1,2000})'|([^\s"'>]{1,2000}))""", re.IGNORECASE)
_CODE = re.compile(r"(?<![\w.,:/+-])([0-9]{4,8}|[0-9]{3}[ -][0-9]{3}|[A-Z0-9]{3,5}-[A-Z0-9]{3,5})(?![\w/-]|[.,:][0-9])")
_ABOUT_CODES = re.compile(
    r"\b(?:code|pin|otp|passcode|token|verif\w*|confirm\w*|код\w*|парол\w*|подтвержд\w*)\b", re.IGNORECASE
)
_TAG = re.compile(
    r"<(?:style|script)\b.*?(?:</(?:style|script)\s*>|\Z)|<!--.*?(?:-->|\Z)|<[^>]{0,10000}>", re.DOTALL | re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Headline:
    """What a list shows of a mail; each decoded, on one line."""

    subject: str = ""
    author: str = ""
    to: str = ""
    date: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    name: str
    type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Understood:
    """What could be understood of a mail. `defects` says what could not."""

    headline: Headline
    fields: tuple[tuple[str, str], ...]
    text: str
    html: str
    attachments: tuple[Attachment, ...]
    links: tuple[str, ...]
    codes: tuple[str, ...]
    defects: tuple[str, ...]


def headline_of(content: bytes) -> Headline:
    """Return the headline, found without parsing the rest: this is done for every mail that comes."""
    end = content.find(b"\r\n\r\n", 0, HEAD)
    lines = content[: end if end >= 0 else HEAD].split(b"\n")
    found: dict[bytes, str] = {}
    for place, line in enumerate(lines):
        if line[:1] not in _BEGINNINGS:
            continue
        name, colon, value = line.partition(b":")
        name = name.lower()
        if not colon or name not in _HEADLINE:
            continue
        value = value.partition(b"\r")[0]
        for folded in lines[place + 1 :]:
            if folded[:1] not in b" \t" or not folded[:1]:
                break
            value += b" " + folded.partition(b"\r")[0].lstrip(b" \t")
        text = decoded(value.decode("utf-8", "replace"))
        if name == b"cc":
            name = b"to"
            found[name] = f"{found[name]}, {text}" if name in found else text
        else:
            found.setdefault(name, text)
    return Headline(found.get(b"subject", ""), found.get(b"from", ""), found.get(b"to", ""), found.get(b"date", ""))


def decoded(value: str) -> str:
    """Return a field's value unfolded, its encoded words (RFC 2047) as text where they make sense."""
    value = _FOLD.sub(" ", value).strip()
    if "=?" not in value:
        return value
    try:
        return str(make_header(decode_header(value))).encode("utf-8", "replace").decode()
    except Exception:  # noqa: BLE001 - the library raises whatever comes of odd input; the value is shown as it came
        return value


def understood(content: bytes) -> Understood:
    """Return what can be understood of a mail's content."""
    defects: list[str] = []
    headline = headline_of(content)
    try:
        message: Message | EmailMessage = BytesParser(policy=policy.default).parsebytes(content)
        parts = list(_parts(message, defects))
    except Exception as wrong:  # noqa: BLE001 - as above; RecursionError is among what it raises
        defects.append(f"not to be parsed as MIME: {type(wrong).__name__}")
        _, _, body = content.partition(b"\r\n\r\n")
        text = body.decode("utf-8", "replace")[:SHOWN]
        return Understood(headline, (), text, "", (), _links(text, ""), _codes(text), tuple(defects))
    texts: list[str] = []
    pages: list[str] = []
    attachments: list[Attachment] = []
    for part in parts:
        kind = _asked(part.get_content_type, "application/octet-stream")
        name = _asked(part.get_filename, None)
        attached = _asked(part.get_content_disposition, None) == "attachment"
        if kind in ("text/plain", "text/html") and not attached and not name:
            (texts if kind == "text/plain" else pages).append(_text_of(part, defects))
        else:
            attachments.append(Attachment(str(name or ""), str(kind), _bytes_of(part)))
    text, page = "\n".join(texts)[:SHOWN], "\n".join(pages)[:SHOWN]
    plain = text or text_of_html(page)
    fields = tuple((name, decoded(str(value))) for name, value in _raw_fields(message))
    return Understood(
        headline,
        fields,
        text,
        page,
        tuple(attachments),
        _links(text, page),
        _codes(plain),
        tuple(dict.fromkeys(defects)),
    )


def _raw_fields(message: Message) -> Iterator[tuple[str, str]]:
    for name, value in list(message.raw_items())[:PARTS]:
        yield str(name), str(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _asked(question: object, otherwise: object) -> object:
    try:
        return question()  # type: ignore[operator]
    except Exception:  # noqa: BLE001 - a header that the library cannot make sense of
        return otherwise


def _parts(message: Message, defects: list[str]) -> Iterator[Message]:
    """Yield the parts that hold something, in order, never deeper or more than the limits say."""
    waiting: list[tuple[Message, int]] = [(message, 0)]
    count = 0
    while waiting:
        part, depth = waiting.pop()
        count += 1
        defects.extend(type(one).__name__ for one in part.defects[:LISTED])
        if count > PARTS or depth > DEPTH:
            defects.append(f"more than {PARTS} parts" if count > PARTS else f"nested deeper than {DEPTH}")
            return
        payload = part.get_payload()
        if isinstance(payload, list) and part.get_content_maintype() == "multipart":
            waiting += [(one, depth + 1) for one in reversed(payload) if isinstance(one, Message)]
        else:
            yield part


def _bytes_of(part: Message) -> bytes:
    try:
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes):
            return payload
        inner = part.get_payload()
        if isinstance(inner, list) and inner and isinstance(inner[0], Message):
            return inner[0].as_bytes()
    except Exception:  # noqa: BLE001 - as above
        pass
    return b""


def _text_of(part: Message, defects: list[str]) -> str:
    data = _bytes_of(part)
    charset = str(_asked(part.get_content_charset, None) or "utf-8")
    try:
        text = data.decode(charset)
    except (LookupError, ValueError, UnicodeError):
        defects.append(f"not {charset[:40]}")
        text = data.decode("utf-8", "replace")
    return text.replace("\r\n", "\n").replace("\0", "\ufffd")


def text_of_html(page: str) -> str:
    """Return the words of a page, without any claim to beauty."""
    return html.unescape(_TAG.sub(" ", page))


def _links(text: str, page: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for one in _HREF.finditer(page):
        link = html.unescape(one[1] or one[2] or one[3]).strip()
        if re.match(r"https?://|mailto:", link, re.IGNORECASE):
            found.setdefault(link)
        if len(found) >= LISTED:
            break
    for one in _LINK.finditer(text):
        if len(found) >= LISTED:
            break
        found.setdefault(one[0].rstrip(".,;:!?)]»"))
    return tuple(found)


def _codes(text: str) -> tuple[str, ...]:
    """Return what looks like a code to be typed somewhere: digits on a line about codes, or on the next one."""
    found: dict[str, None] = {}
    about = 0
    for line in text.splitlines():
        if not line.strip():
            continue
        if _ABOUT_CODES.search(line[:10_000]):
            about = 2
        if about:
            about -= 1
            for one in _CODE.finditer(line[:10_000]):
                if any(sign.isdigit() for sign in one[1]):
                    found.setdefault(one[1])
            if len(found) >= LISTED:
                break
    return tuple(found)
