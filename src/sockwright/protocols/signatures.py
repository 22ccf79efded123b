"""A service's signature in XML-RPC's own words, as `system.methodSignature` tells it."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any

import msgspec

from sockwright.binding import Service

_WORDS: Mapping[Any, str] = {
    bool: "boolean",
    int: "int",
    float: "double",
    str: "string",
    bytes: "base64",
    bytearray: "base64",
    datetime: "dateTime.iso8601",
    None: "nil",
    type(None): "nil",
}
BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def type_word(annotation: Any) -> str:
    """Return XML-RPC's word for what `annotation` takes, "" where there is no one word for it."""
    if annotation in _WORDS:
        return _WORDS[annotation]
    origin = typing.get_origin(annotation) or annotation
    if origin is typing.Union or origin is types.UnionType:
        others = [one for one in typing.get_args(annotation) if one is not type(None)]
        return type_word(others[0]) if len(others) == 1 else ""
    if origin is typing.Literal:
        words = {_WORDS.get(type(value), "") for value in typing.get_args(annotation)}
        return words.pop() if len(words) == 1 else ""
    if not isinstance(origin, type):
        return ""
    if issubclass(origin, Enum):
        words = {_WORDS.get(type(member.value), "") for member in origin}
        return words.pop() if len(words) == 1 else ""
    for kind in (str, bool, int, float, bytes, datetime):
        if issubclass(origin, kind):
            return _WORDS[kind]
    if issubclass(origin, Mapping | msgspec.Struct) or dataclasses.is_dataclass(origin) or typing.is_typeddict(origin):
        return "struct"
    return "array" if issubclass(origin, Iterable) else ""


def signatures(service: Service) -> list[list[str]] | str:
    """Return each way to call `service`, its result's type first; the word `undef` where that cannot be said.

    A parameter that may be left out makes one signature more.
    """
    words = [type_word(service.returns), *(type_word(parameter.type) for parameter in service.parameters)]
    if not all(words) or any(parameter.kind not in BY_POSITION for parameter in service.parameters):
        return "undef"
    fewest = sum(parameter.required for parameter in service.parameters)
    return [words[: count + 1] for count in range(len(service.parameters), fewest - 1, -1)]
