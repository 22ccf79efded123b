"""How the bytes of a document become text: mark, header, declaration, guess, in the order of browsers.

The order is HTML's (13.2.3) for pages, CSS Syntax's (3.2) for style sheets and XML's (4.3.3) for XML; labels
mean what the Encoding Standard says, so `latin1` is windows-1252 and `gb2312` is GBK. The tables and the
guessing are turbohtml's. A declaration is looked for in the first 64 KiB only.
"""

from __future__ import annotations

import codecs
import importlib
import re
from collections.abc import Iterator
from functools import lru_cache

from msgspec import Struct

HEAD = 1_024  # bytes in which a page should declare its encoding (HTML, 4.2.5.4)
SNIFF = 65_536  # bytes in which it is looked for, and which are guessed from

_MARKS = ((b"\xef\xbb\xbf", "UTF-8"), (b"\xff\xfe", "UTF-16LE"), (b"\xfe\xff", "UTF-16BE"))
_META = re.compile(rb"charset\s*=\s*[\"']?\s*([^\s\"'/>;]+)", re.IGNORECASE)
_CONTENT = re.compile(r"charset\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s;\"']+))", re.IGNORECASE)
_CSS = re.compile(rb'@charset "([^"]{1,64})";')
_XML = re.compile(rb"\s*<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z][A-Za-z0-9._-]{0,63})[\"']")

# Python's names for encodings where the web's name is another's or none's.
_PYTHON = {
    "Big5": "big5hkscs",
    "EUC-KR": "cp949",
    "ISO-8859-8-I": "iso8859_8",
    "Shift_JIS": "cp932",
    "macintosh": "mac_roman",
    "windows-874": "cp874",
    "x-mac-cyrillic": "mac_cyrillic",
}


class Decoded(Struct, frozen=True, gc=False):
    """A document's text, and how it was found."""

    text: str  # with its line ends as they came, without the byte order mark
    encoding: str  # the name the Encoding Standard gives it

    @property
    def codec(self) -> str:
        """Python's codec for what browsers encode the query of a link with: always UTF-8 for UTF-16."""
        return codec_of(self.encoding)


def decode(content: bytes, charset: str = "", *, kind: str = "text") -> Decoded:
    """Decode a document of a kind ("html", "xml", "css", or any other) whose header told `charset`."""
    for mark, name in _MARKS:
        if content.startswith(mark):
            return Decoded(_decode(content[len(mark) :], name), name)
    if name := canonical(charset):
        return Decoded(_decode(content, name), name)
    if name := _wide(content):
        return Decoded(_decode(content, name), name)
    match kind:
        case "html":
            name = _declared_in_html(content)
        case "css":
            name = _named(_CSS.match(content)) or "UTF-8"
        case "xml":
            name = _named(_XML.match(content, 0, HEAD)) or "UTF-8"
    if name:
        return Decoded(_decode(content, name), name)
    try:
        # Without "final": a document cut by a limit may end inside a character.
        return Decoded(codecs.getincrementaldecoder("utf-8")().decode(content), "UTF-8")
    except UnicodeDecodeError:
        name = _guessed(content)
        return Decoded(_decode(content, name), name)


@lru_cache(maxsize=200)
def canonical(label: str) -> str:
    """Return the standard's name for the encoding a label means ("UTF-8" for `utf8`), "" for none."""
    import turbohtml

    label = label.strip("\t\n\f\r ")
    if not label or len(label) > 64:
        return ""
    try:
        return turbohtml.parse(b"", encoding=label).encoding or ""
    except (LookupError, ValueError):
        return ""


def codec_of(encoding: str) -> str:
    """Return Python's codec for what browsers encode with in such a page (4.3, "get an output encoding")."""
    if encoding.startswith("UTF-") or encoding in ("", "replacement", "x-user-defined"):
        return "utf-8"
    return _PYTHON.get(encoding, encoding)


def _decode(content: bytes, name: str) -> str:
    if name.startswith("UTF-"):
        return content.decode({"UTF-8": "utf-8", "UTF-16LE": "utf-16-le"}.get(name, "utf-16-be"), "replace")
    importlib.import_module("turbohtml.detect")  # makes the codecs of the standard known
    return content.decode(f"whatwg-{name}", "replace")


def _wide(content: bytes) -> str:
    """Tell UTF-16 without its mark by the NULs of its first ASCII characters."""
    start = content[:64]
    half = len(start) // 4  # of either half
    if half and start[::2].count(0) > half and 0 not in start[1::2]:
        return "UTF-16BE"
    if half and start[1::2].count(0) > half and 0 not in start[::2]:
        return "UTF-16LE"
    return ""


def _named(match: re.Match[bytes] | None) -> str:
    return _ascii_compatible(match[1]) if match is not None else ""


def _ascii_compatible(label: bytes) -> str:
    """Return the encoding a declaration names; one that could be read as ASCII cannot be UTF-16."""
    name = canonical(label.decode("latin-1"))
    return "UTF-8" if name.startswith("UTF-16") else name


def _declared_in_html(content: bytes) -> str:
    """Return what the page's own `<meta>` says: as text where that is certain, else as the parser sees it."""
    found = list(_labels_near_the_start(content))
    if found and all(_ascii_compatible(label) == "UTF-8" for label in found):
        return "UTF-8"
    if not found:
        if not _META.search(content, HEAD, SNIFF):
            return _named(_XML.match(content, 0, HEAD))
        try:
            content.decode("ascii")
        except UnicodeDecodeError:
            pass
        else:
            return "UTF-8"  # no declaration could make a difference
    import turbohtml

    document = turbohtml.parse(content[:SNIFF].decode("latin-1"), positions=False)
    for meta in document.select("meta"):
        label = meta.attr("charset")
        if label is None and (meta.attr("http-equiv") or "").lower() == "content-type":
            stated = _CONTENT.search(meta.attr("content") or "")
            label = next((part for part in stated.groups() if part), None) if stated else None
        if label and (name := canonical(label)):
            return {"UTF-16LE": "UTF-8", "UTF-16BE": "UTF-8", "x-user-defined": "windows-1252"}.get(name, name)
    return ""


def _labels_near_the_start(content: bytes) -> Iterator[bytes]:
    head = content[:HEAD].lower()
    at = head.find(b"charset")
    while at >= 0:  # many times quicker than to search for the pattern itself
        if match := _META.match(content, at, HEAD):
            yield match[1]
        at = head.find(b"charset", at + 1)


def _guessed(content: bytes) -> str:
    from turbohtml.detect import detect

    name = canonical(detect(content[:SNIFF]).encoding or "")
    return "windows-1252" if name in ("", "UTF-8") else name
