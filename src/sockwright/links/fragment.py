"""Fragments: whether `#fragment` finds its place on a page, and whether the text it quotes is there.

The rules are those of a browser that scrolls to a fragment (HTML, 7.4.6.4, "find a potential indicated
element", and the URL Fragment Text Directives draft for `:~:text=`). What a script on the page makes of its
fragment (`#/route`, `#!state`) is not decided here.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import unquote, unquote_to_bytes

DIRECTIVE = ":~:"

_TEXT = re.compile(
    r"text=(?:(?P<prefix>[^,&]*)-,)?(?P<start>[^,&]+)(?:,(?!-)(?P<end>[^,&]+))?(?:,-(?P<suffix>[^,&]*))?$"
)
_NO_SPACES = "\u2e80"  # from here on scripts are written without blanks between words


def fragment_found(fragment: str, anchors: Collection[str]) -> bool:
    """Tell whether a browser finds `fragment` (without its `#`) among the ids and names of a page.

    Empty and `top` are always there, as every page has a top. A fragment is looked for as it stands, then
    percent-decoded; upper and lower case differ. A text directive (`:~:text=...`) is no part of the id.
    """
    fragment = fragment.partition(DIRECTIVE)[0]
    if not fragment or fragment in anchors:
        return True
    decoded = unquote_to_bytes(fragment).decode("utf-8", "replace")
    return decoded in anchors or decoded.lower() == "top"


def missing_texts(fragment: str, text: str) -> list[str]:
    """Return the text directives of a fragment that quote what `text`, a page's visible text, does not have.

    Words count whole, capitals do not count, and blanks are all alike, as in browsers.
    """
    directives = [part for part in fragment.partition(DIRECTIVE)[2].split("&") if part.startswith("text=")]
    if not directives:
        return []
    folded = _folded(text)
    return [directive for directive in directives if not _quotes(directive, folded)]


def _quotes(directive: str, text: str) -> bool:
    match = _TEXT.match(directive)
    if match is None:
        return True  # no directive a browser understands, so none that it misses
    prefix, start, end, suffix = (_folded(unquote(match[part] or "")) for part in ("prefix", "start", "end", "suffix"))
    begin = (_words(prefix) + " ?" if prefix else "") + _words(start)
    finish = " ?" + _words(suffix) if suffix else ""
    if not end:
        return re.search(begin + finish, text) is not None
    first = re.search(begin, text)
    return first is not None and re.compile(_words(end) + finish).search(text, first.end()) is not None


def _words(text: str) -> str:
    """Match words that stand by themselves, where their script has such a thing."""
    before = r"(?<!\w)" if text[:1] < _NO_SPACES else ""
    behind = r"(?!\w)" if text[-1:] < _NO_SPACES else ""
    return before + re.escape(text) + behind


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
