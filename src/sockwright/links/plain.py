"""URLs in plain text: what a reader would take for one, without the punctuation and brackets around it.

Only what has a scheme counts (`http`, `https`, `ftp`, `mailto`): a bare `example.org` is a word. Letters
beyond ASCII may belong to a URL; quotation marks and the full stops of other scripts do not.
"""

from __future__ import annotations

import re

from sockwright.links.extract import Harvest

# Quotation marks, brackets and stops that no URL has unencoded but texts put beside one.
_NEVER = '\\s<>"`{}|\\\\^\x00-\x1f\x7f«»“”„‟‘’‚‛‹›…。、，；：！？（）「」『』【】《》〈〉\u200b\ufeff'
URL_IN_TEXT = rf"(?:https?|ftp)://[^{_NEVER}]++"
_MAIL = r"mailto:[A-Za-z0-9.!#$%&'*+/=?^_~-]++@[A-Za-z0-9.-]++(?:\?[A-Za-z0-9.!$%&'*+/=_~@;:-]*+)?"
_FOUND = re.compile(rf"(?<![A-Za-z0-9+])(?:{URL_IN_TEXT}|{_MAIL})", re.IGNORECASE)
_BEHIND = ".,:;!?'*_~—–"
_PAIRS = {")": "(", "]": "["}
_BRACKET = re.compile(r"[()\[\]]")
_LIST = re.compile(r"\s*+(?>(?:https?://\S++[ \t]*+(?:\n\s*+|\Z)){2,})", re.IGNORECASE)


def read_text(harvest: Harvest) -> None:
    """Harvest the URLs of a text."""
    for match in _FOUND.finditer(harvest.text):
        if raw := trim(match[0]):
            harvest.add(raw, match.start(), "text", "", True)


def is_list(text: str) -> bool:
    """Tell whether a text is nothing but URLs, two or more, each on its line: a sitemap as text."""
    return _LIST.fullmatch(text) is not None


def read_list(harvest: Harvest) -> None:
    """Harvest a text that is a list of URLs: punctuation at their ends is their own."""
    for match in re.finditer(r"\S+", harvest.text):
        harvest.add(match[0], match.start(), "sitemap", "", True)


def trim(url: str) -> str:
    """Cut off what stands behind a URL in a text; "" where nothing but a scheme is left.

    It ends at a closing bracket that was not opened in it: `https://example.org/a_(b)` is one, `x)` is cut.
    """
    opened = dict.fromkeys(_PAIRS.values(), 0)
    for bracket in _BRACKET.finditer(url):
        if (opening := _PAIRS.get(bracket[0])) is None:
            opened[bracket[0]] += 1
        elif opened[opening]:
            opened[opening] -= 1
        else:
            url = url[: bracket.start()]
            break
    url = url.rstrip(_BEHIND)
    return "" if url.rstrip("/:").lower() in ("http", "https", "ftp") else url
