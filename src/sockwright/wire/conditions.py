"""What a request asks of a representation: only where it changed, only parts of it, in which coding (RFC 9110, 12-14).

Of a file it takes no more than its size, its time and its entity-tag.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import formatdate, parsedate_to_datetime

from sockwright.wire.fields import Fields

# More parts than this are nobody's honest wish; the whole is sent instead (RFC 9110, 14.2 allows it).
RANGES = 8

_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\U0010ffff]*"')
_RANGE = re.compile(r"[ \t]*(\d{0,18})-(\d{0,18})[ \t]*", re.ASCII)
_WEIGHT = re.compile(r"q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.IGNORECASE)


def http_date(seconds: float) -> str:
    """Return seconds since the epoch as HTTP writes them."""
    return formatdate(int(seconds), usegmt=True)


def read_date(text: str) -> int | None:
    """Return a field's date in seconds since the epoch, None where it is none."""
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return int((when - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())


def _names(given: str, tag: str, *, weakly: bool) -> bool:
    """Tell whether `tag` is among the entity-tags of a field (RFC 9110, 8.8.3.2)."""
    if given.strip() == "*":
        return True
    found = _TAG.findall(given)
    if weakly:
        return tag.removeprefix("W/") in {one.removeprefix("W/") for one in found}
    return not tag.startswith("W/") and tag in found


def precondition(fields: Fields, tag: str, modified: int) -> int:
    """Return 304 or 412 where that is to be answered instead, in the order of RFC 9110, 13.2.2; else 0."""
    if "if-match" in fields:
        if not _names(fields.get("if-match"), tag, weakly=False):
            return 412
    elif "if-unmodified-since" in fields:
        since = read_date(fields.get("if-unmodified-since"))
        if since is not None and modified > since:
            return 412
    if "if-none-match" in fields:
        return 304 if _names(fields.get("if-none-match"), tag, weakly=True) else 0
    since = read_date(fields.get("if-modified-since")) if "if-modified-since" in fields else None
    return 304 if since is not None and modified <= since else 0


def ranges(fields: Fields, size: int, tag: str, modified: int) -> Sequence[tuple[int, int]] | None:
    """Return the parts that are asked for as (offset, count); None for the whole, empty where no part exists (416).

    What cannot be understood, and more parts than `RANGES`, is as if nothing had been asked (RFC 9110, 14.2).
    """
    asked = fields.get("range")
    unit, equals, wanted = asked.partition("=")
    if not equals or unit.strip().lower() != "bytes":
        return None
    if "if-range" in fields:
        given = fields.get("if-range").strip()
        if given.startswith(('"', "W/")):
            if given != tag or given.startswith("W/"):
                return None
        elif read_date(given) != modified:
            return None
    found: list[tuple[int, int]] = []
    members = [member for member in wanted.split(",") if member.strip()]
    if not members or len(members) > RANGES:
        return None
    for member in members:
        parts = _RANGE.fullmatch(member)
        if parts is None or not (parts[1] or parts[2]):
            return None
        if not parts[1]:
            count = min(int(parts[2]), size)
            first, last = size - count, size - 1
        else:
            first = int(parts[1])
            last = min(int(parts[2]), size - 1) if parts[2] else size - 1
            if parts[2] and int(parts[2]) < first:
                return None
        if first <= last and first < size:
            found.append((first, last - first + 1))
    return found


def accepts(fields: Fields, coding: str) -> bool:
    """Tell whether the client takes content in `coding` (RFC 9110, 12.5.3)."""
    weights: dict[str, float] = {}
    for member in fields.tokens("accept-encoding"):
        name, _, parameters = member.partition(";")
        weight = _WEIGHT.fullmatch(parameters.strip()) if parameters else None
        weights[name.strip()] = float(weight[1]) if weight is not None else 0.0 if parameters else 1.0
    return weights.get(coding, weights.get("*", 0.0)) > 0
