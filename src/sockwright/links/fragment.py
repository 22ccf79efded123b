"""Fragments: whether `#fragment` finds its place on a page.

The rules are those of a browser that scrolls to a fragment (HTML, 7.4.6.4, "find a potential indicated
element", and the URL Fragment Text Directives draft for `:~:`). What a script on the page makes of its
fragment (`#/route`, `#!state`) is not decided here.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import unquote_to_bytes

DIRECTIVE = ":~:"


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
