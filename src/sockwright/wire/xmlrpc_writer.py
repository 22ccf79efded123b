"""Writes calls, answers and faults in XML-RPC.

To the letter of the specification where it has one, so that the oldest reader understands: doubles without an
exponent, dates without a zone, `<int>` within 32 bits. What it has no word for goes out as everybody writes it: None
as `<nil/>`, larger integers as `<i8>`. What XML or XML-RPC cannot carry at all is refused, never bent.
"""

from __future__ import annotations

import math
import re
from binascii import b2a_base64
from collections.abc import Callable, Mapping, Sequence, Set
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec

from sockwright.wire.xmlrpc_scalars import excerpt

DEPTH = 64  # arrays and structs within each other: readers refuse more, and a list that holds itself has no end

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
_ANSWER = _DECLARATION + "<methodResponse><params><param>"
_ANSWER_END = "</param></params></methodResponse>\n"
# What cannot stand in text as it is. A CR would reach the reader as LF (XML 1.0, 2.11); the rest from the second NUL
# on has no spelling in XML at all (2.2).
_SPECIAL = re.compile("[&<>\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]").search
_UNSPEAKABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]").search


def write_call(method: str, values: Sequence[Any]) -> bytes:
    """Return the call of `method` with `values`.

    Raises: ValueError, TypeError for what cannot be written.
    """
    params = "".join([f"<param>{_value(value, DEPTH)}</param>" for value in values])
    name = _escaped(method)
    return f"{_DECLARATION}<methodCall><methodName>{name}</methodName><params>{params}</params></methodCall>\n".encode()


def write_answer(value: Any) -> bytes:
    """Return the answer that holds `value`.

    Raises: ValueError, TypeError for what cannot be written.
    """
    return f"{_ANSWER}{_value(value, DEPTH)}{_ANSWER_END}".encode()


def write_fault(code: int, message: str) -> bytes:
    """Return the fault. Characters that XML cannot carry are shown escaped, since a fault must always get through."""
    if _UNSPEAKABLE(message):
        message = "".join(ascii(sign)[1:-1] if _UNSPEAKABLE(sign) else sign for sign in message)
    held = _struct({"faultCode": code, "faultString": message}, DEPTH)
    return f"{_DECLARATION}<methodResponse><fault>{held}</fault></methodResponse>\n".encode()


def _value(value: Any, depth: int) -> str:
    write = _WRITERS.get(type(value))
    return write(value, depth) if write is not None else _other(value, depth)


def _int(value: int, _: int) -> str:
    if -0x8000_0000 <= value <= 0x7FFF_FFFF:
        return f"<value><int>{value}</int></value>"
    if -0x8000_0000_0000_0000 <= value <= 0x7FFF_FFFF_FFFF_FFFF:
        return f"<value><i8>{value}</i8></value>"
    raise ValueError(f"an integer of {value.bit_length()} bits exceeds XML-RPC's limits; send it as a string")


def _float(value: float, _: int) -> str:
    if not math.isfinite(value):
        raise ValueError(f"XML-RPC has no word for {value}; send it as a string")
    text = repr(value)
    if "e" in text:  # the specification knows no exponent
        text = format(Decimal(text), "f")
        if "." not in text:
            text += ".0"
    return f"<value><double>{text}</double></value>"


def _string(value: str, _: int) -> str:
    return f"<value><string>{_escaped(value) if _SPECIAL(value) else value}</string></value>"


def _escaped(text: str) -> str:
    wrong = _UNSPEAKABLE(text)
    if wrong is not None:
        raise ValueError(
            f"XML has no word for the character U+{ord(wrong[0]):04X} in {excerpt(text)}; send it as base64 (bytes)"
        )
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def _bytes(value: bytes | bytearray | memoryview, _: int) -> str:
    return f"<value><base64>{b2a_base64(bytes(value), newline=False).decode()}</base64></value>"


def _date_time(value: datetime, _: int) -> str:
    """Return the date and time to the second; one that knows its zone in UTC, since the zone cannot be said."""
    if value.tzinfo is not None:
        try:
            value = value.astimezone(UTC)
        except OverflowError:
            raise ValueError(f"{value} has no UTC within the years 1 to 9999") from None
    text = f"{value.year:04}{value.month:02}{value.day:02}T{value.hour:02}:{value.minute:02}:{value.second:02}"
    return f"<value><dateTime.iso8601>{text}</dateTime.iso8601></value>"


def _array(value: Sequence[Any] | Set[Any], depth: int) -> str:
    if depth <= 0:
        raise ValueError(f"arrays and structs are nested deeper than {DEPTH}, or hold themselves")
    depth -= 1
    return f"<value><array><data>{''.join([_value(item, depth) for item in value])}</data></array></value>"


def _struct(value: Mapping[Any, Any], depth: int) -> str:
    if depth <= 0:
        raise ValueError(f"arrays and structs are nested deeper than {DEPTH}, or hold themselves")
    depth -= 1
    members = [f"<member><name>{_name(name)}</name>{_value(item, depth)}</member>" for name, item in value.items()]
    return f"<value><struct>{''.join(members)}</struct></value>"


def _name(name: Any) -> str:
    if isinstance(name, Enum):
        name = name.value
    if isinstance(name, int) and not isinstance(name, bool):
        name = str(name)  # as in JSON
    if not isinstance(name, str):
        raise TypeError(f"the name of a struct's member is a string, not {type(name).__name__}")
    return _escaped(name) if _SPECIAL(name) else name


def _other(value: Any, depth: int) -> str:
    """Write what is no plain type but of a kind with one, or that msgspec can make plain (dataclass, UUID, ...)."""
    if isinstance(value, Enum):
        return _value(value.value, depth)
    for kind, write in _KINDS:
        if isinstance(value, kind):
            return write(value, depth)
    try:
        plain = msgspec.to_builtins(value, builtin_types=(bytes, bytearray, datetime), str_keys=True)
    except RecursionError:
        raise ValueError("a value holds itself") from None
    if type(plain) not in _WRITERS:
        raise TypeError(f"XML-RPC has no word for {type(value).__name__}")
    return _value(plain, depth)


_WRITERS: Mapping[type, Callable[[Any, int], str]] = {
    bool: lambda value, _: f"<value><boolean>{value:d}</boolean></value>",
    int: _int,
    str: _string,
    float: _float,
    type(None): lambda value, _: "<value><nil/></value>",
    list: _array,
    tuple: _array,
    dict: _struct,
    bytes: _bytes,
    datetime: _date_time,
    bytearray: _bytes,
    memoryview: _bytes,
    set: _array,
    frozenset: _array,
}
# The same for subclasses and look-alikes.
_KINDS: Sequence[tuple[Any, Callable[[Any, int], str]]] = (
    (str, lambda value, depth: _string(str(value), depth)),
    (int, lambda value, depth: _int(int(value), depth)),
    (float, lambda value, depth: _float(float(value), depth)),
    (bytes | bytearray, _bytes),
    (datetime, _date_time),
    (Mapping, _struct),
    (Sequence | Set, _array),
)
