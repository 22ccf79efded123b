"""How XML-RPC spells single values: the text of `<int>`, `<dateTime.iso8601>` and the rest, read as Python values.

Exactly one reading for each type, shared by whoever takes the markup apart. Blanks around a number or a date are
forgiven, since many senders indent; anything else that a type does not allow is refused.
"""

from __future__ import annotations

import binascii
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from sockwright.errors import PeerError

RULE = "XML-RPC, scalars"
BLANK = " \t\r\n"  # what XML calls white space: less than Python does
DIGITS = 20  # of an integer: 64 bits have 19, and reading a million takes minutes
DOUBLE_SIGNS = 1_100  # of a double: the smallest written out in full has 1,077
_SHOWN = 40  # characters of foreign text in a message of ours

_INTEGER = re.compile(rf"[{BLANK}]*+([+-]?[0-9]+)[{BLANK}]*+").fullmatch
_DOUBLE = re.compile(r"[+-]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]{1,5})?").fullmatch
_DATE_TIME = re.compile(
    r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})[T ]([0-9]{2}):?([0-9]{2}):?([0-9]{2})(?:[.,]([0-9]{1,9}))?"
    r"(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?"
).fullmatch
_BLANKS = str.maketrans("", "", BLANK)


def excerpt(text: str) -> str:
    """Return foreign text for a message of ours: quoted, escaped, cut to size."""
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "...")


def _integer(tag: str, bits: int) -> Callable[[str], int]:
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    cure = "; send it as <i8>" if bits < 64 else ""

    def read(text: str) -> int:
        found = _INTEGER(text)
        if found is None:
            raise PeerError(f"<{tag}> holds {excerpt(text)}, which is no integer", section=RULE)
        digits = found[1]
        if len(digits) > DIGITS:
            raise PeerError(f"<{tag}> has {len(digits)} digits; {DIGITS} are the limit", section=RULE)
        value = int(digits)
        if not low <= value <= high:
            raise PeerError(f"<{tag}> holds {value}, which does not fit {bits} bits{cure}", section=RULE)
        return value

    return read


def _boolean(text: str) -> bool:
    bare = text.strip(BLANK)
    if bare == "1":
        return True
    if bare == "0":
        return False
    raise PeerError(f"<boolean> holds {excerpt(text)}; it is 0 or 1", section=RULE)


def _double(text: str) -> float:
    bare = text.strip(BLANK)
    value = float(bare) if len(bare) <= DOUBLE_SIGNS and _DOUBLE(bare) else math.nan
    if not math.isfinite(value):
        raise PeerError(f"<double> holds {excerpt(text)}, which is no finite number", section=RULE)
    return value


def _date_time(text: str) -> datetime:
    """Return the date; without a zone where none is said, as the specification has it."""
    found = _DATE_TIME(text.strip(BLANK))
    if found is None:
        raise PeerError(f"<dateTime.iso8601> holds {excerpt(text)}; it looks like 19980717T14:08:55", section=RULE)
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    fraction = int((found[7] or "").ljust(6, "0")[:6])
    try:
        return datetime(year, month, day, hour, minute, second, fraction, _zone(found[8]))
    except ValueError as wrong:
        raise PeerError(f"<dateTime.iso8601> holds {excerpt(text)}: {wrong}", section=RULE) from None


def _zone(mark: str | None) -> timezone | None:
    if not mark:
        return None
    if mark == "Z":
        return UTC
    digits = mark[1:].replace(":", "").ljust(4, "0")
    distance = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-distance if mark[0] == "-" else distance)


def _base64(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text.translate(_BLANKS), strict_mode=True)
    except ValueError as wrong:  # binascii.Error is one; so is a letter beyond ASCII
        raise PeerError(f"<base64> holds {excerpt(text)}: {wrong}", section=RULE) from None


def _nil(text: str) -> None:
    if text.strip(BLANK):
        raise PeerError(f"<nil> holds {excerpt(text)}; it is empty", section=RULE)


# The element that spells a value -> how its text is read.
SCALARS: Mapping[str, Callable[[str], Any]] = {
    "int": _integer("int", 32),
    "i4": _integer("i4", 32),
    "boolean": _boolean,
    "string": str,
    "double": _double,
    "dateTime.iso8601": _date_time,
    "base64": _base64,
    "nil": _nil,
    "i8": _integer("i8", 64),
    "i1": _integer("i1", 8),
    "i2": _integer("i2", 16),
    "float": _double,
}
# Those that came later (ws.apache.org/xmlrpc/types.html), and may stand in a namespace: `ex:nil`.
EXTENSIONS = frozenset({"nil", "i8", "i1", "i2", "float"})
