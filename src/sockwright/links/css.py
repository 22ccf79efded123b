"""URLs in style sheets: `url()`, `@import` and `image-set()`, as CSS Syntax Level 3 reads them.

Comments, strings and escapes are told from what they may hide. Left out is what a browser would not load: an
`@import` after the first rule, the name in `@namespace`, an empty `url()`, and `url(#...)`, which means a
place in the same document. Whether a rule applies at all (media, selectors) is not asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

# raw URL (escapes decoded), where it stands in the sheet (characters from 0), origin
Take: TypeAlias = Callable[[str, int, str], None]


def _word(word: str) -> str:
    """Match a word in any spelling: each letter as it is, behind a backslash, or as its number."""
    letters = []
    for letter in word:
        code = f"0{{0,4}}(?:{ord(letter):x}|{ord(letter.upper()):x})[ \\t\\n\\f]?"
        letters.append(f"(?:{re.escape(letter)}|\\\\(?:{code}{'' if letter in 'abcdef' else '|' + re.escape(letter)}))")
    return "".join(letters)


_COMMENT = r"/\*[\s\S]*?(?:\*/|\Z)"
_DOUBLE = r'"(?>(?:[^"\\\n\f]|\\[\s\S])*)"?'
_SINGLE = r"'(?>(?:[^'\\\n\f]|\\[\s\S])*)'?"
_BARE = r"(?>(?:[^\"'()\\\s\x00-\x08\x0b\x0e-\x1f\x7f]|\\(?:[0-9a-fA-F]{1,6}[ \t\n\f]?|[^\n\f]))*)"
_BLANK = rf"(?>(?>\s+|{_COMMENT})*)"
_IN_URL = rf"(?P<value>{_DOUBLE}|{_SINGLE}|{_BARE}(?=\s*+(?:\)|\Z)))\s*+\)?"
_URL = rf"{_word('url')}\(\s*+{_IN_URL}"
_STRING_OR_URL = rf"(?:(?P<url>{_word('url')}\(\s*+)|(?=[\"'])){_IN_URL}"

# What certainly begins nothing of interest is jumped over; the rest is looked at token by token.
_IDLE = r"(?>(?:[^/\"'{uUiI@\\]++|[uU](?!rl|RL|[rR]?\\)|[iI](?!mage|MAGE|\w*\\)|/(?!\*))*)"
_TOKEN = re.compile(
    rf"{_IDLE}(?:{_COMMENT}|{_DOUBLE}|{_SINGLE}|(?P<block>\{{)|(?<![-\w])(?P<url>{_URL})"
    rf"|@(?P<import>{_word('import')})(?![-\w])|@(?P<namespace>{_word('namespace')})(?![-\w])"
    rf"|(?<!\w)(?P<set>{_word('image-set')}\()|\\[\s\S]|[\s\S])",
    re.IGNORECASE,
)
_AFTER_IMPORT = re.compile(rf"{_BLANK}{_STRING_OR_URL}", re.IGNORECASE)
_AFTER_NAMESPACE = re.compile(rf"{_BLANK}(?>(?:[-\w]++{_BLANK})?){_STRING_OR_URL}", re.IGNORECASE)
_IN_SET = re.compile(rf"{_COMMENT}|(?P<candidate>{_STRING_OR_URL})|(?P<open>\()|(?P<close>\))|\\[\s\S]", re.IGNORECASE)
_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})[ \t\n\f]?|(\n)|([\s\S]))")
_INSIDE = re.compile(r"(?:(?<=\")(?>(?:[^\"\\]|\\[\s\S])*)|(?<=')(?>(?:[^'\\]|\\[\s\S])*))")
_WORTH_READING = re.compile(r"[(@]")


def read_css(css: str, take: Take, *, sheet: bool = True) -> None:
    """Hand every URL of a style sheet to `take`; of the value of a style attribute where `sheet` is False."""
    if not _WORTH_READING.search(css):
        return
    at = 0
    importing = sheet
    while match := _TOKEN.match(css, at):
        at = match.end()
        match match.lastgroup:
            case "block":
                importing = False
            case "url":
                _take(match, "css url()", take)
            case "import" if after := _AFTER_IMPORT.match(css, at):
                at = after.end()
                if importing:
                    _take(after, "css @import", take)
            case "namespace" if after := _AFTER_NAMESPACE.match(css, at):
                at = after.end()
            case "set":
                at = _read_set(css, at, take)


def _read_set(css: str, at: int, take: Take) -> int:
    """Read the candidates of an `image-set()`, where a string of its own is a URL; return where it ends."""
    depth = 1
    while depth and (match := _IN_SET.search(css, at)):
        at = match.end()
        match match.lastgroup:
            case "open":
                depth += 1
            case "close":
                depth -= 1
            case "candidate" if match["url"] is not None:
                _take(match, "css url()", take)
            case "candidate":
                at = match.end("value")  # the parenthesis behind a string is not its own
                if depth == 1:
                    _take(match, "css image-set()", take)
    return at


def _take(match: re.Match[str], origin: str, take: Take) -> None:
    raw, start = match["value"], match.start("value")
    if raw[:1] in ('"', "'"):
        inside = _INSIDE.match(raw, 1)
        raw, start = inside[0] if inside else "", start + 1
    if "\\" in raw:
        raw = _ESCAPE.sub(_unescape, raw)
    if raw.strip() and not raw.startswith("#"):
        take(raw, start, origin)


def _unescape(match: re.Match[str]) -> str:
    if match[1]:
        code = int(match[1], 16)
        return "\ufffd" if code == 0 or 0xD800 <= code <= 0xDFFF or code > 0x10FFFF else chr(code)
    return "" if match[2] else match[3]
