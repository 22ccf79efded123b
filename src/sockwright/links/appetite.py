"""How much of an answer's body is worth its transfer, told from its head. The same for every engine."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from sockwright.links.asking import Ask, Body, Limits
from sockwright.links.policy import WALL_CONTENT_MAX, readable

DISCARD_TIME = 1.0  # seconds that a body nobody needs may take, or one that only says more of an error


class Appetite(Struct, frozen=True):
    """What to do with a body."""

    keep: int = 0  # bytes of it that are wanted
    spare: bool = False  # nobody wants it now, but it is short and may be wanted later: keep it if it is whole
    hang_up: bool = False  # nobody wants it, and reading it to save the connection would cost more than a new one


_NOTHING = Appetite()
_SPARE = Appetite(spare=True)
_HANG_UP = Appetite(hang_up=True)
_WALL = Appetite(keep=WALL_CONTENT_MAX)


def appetite(ask: Ask, status: int, fields: Iterable[tuple[str, str]], limits: Limits) -> Appetite:
    """Decide what to do with the body behind this head."""
    if ask.method == "HEAD" or status in (204, 304):
        return _NOTHING
    length, kind, closes = -1, "", False
    for name, value in fields:
        if name == "content-length" and value.isdigit():
            length = int(value[:18])
        elif name == "content-type":
            kind = kind or value
        elif name == "connection":
            closes = value.lower() == "close"
    if 200 <= status < 300:
        if ask.body is Body.ALL or (ask.body is not Body.NONE and readable(kind)):
            return Appetite(keep=limits.body)
        if length <= limits.discard and readable(kind):
            return _SPARE
    elif status >= 400:
        return _WALL
    return _HANG_UP if length > limits.discard or (closes and length != 0) else _NOTHING
