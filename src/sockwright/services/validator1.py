"""The calls of the validation suite of 1999, so that its clients can be pointed here.

What each does is told in the suite's own documentation (1998.xmlrpc.com/validator1Docs.html); the names are its.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sockwright
from sockwright.binding import Service, service, service_of
from sockwright.errors import ServiceError
from sockwright.services import Context

STOOGES = ("moe", "larry", "curly")


def _number(struct: Any, name: str) -> int:
    """Return the integer member `name` of `struct`, whatever else is in it."""
    number = struct.get(name) if isinstance(struct, dict) else None
    if type(number) is not int:
        raise ServiceError(f"a struct with an int {name!r} was expected")
    return number


@service(name="arrayOfStructsTest", blocking=False)
def array_of_structs(structs: list[dict[str, Any]]) -> int:
    """Add up the members named curly."""
    return sum(_number(struct, "curly") for struct in structs)


@service(name="countTheEntities", blocking=False)
def count_the_entities(text: str) -> dict[str, int]:
    """Count the signs that XML has an entity for."""
    return {
        "ctLeftAngleBrackets": text.count("<"),
        "ctRightAngleBrackets": text.count(">"),
        "ctAmpersands": text.count("&"),
        "ctApostrophes": text.count("'"),
        "ctQuotes": text.count('"'),
    }


@service(name="easyStructTest", blocking=False)
def easy_struct(struct: dict[str, Any]) -> int:
    """Add moe, larry and curly."""
    return sum(_number(struct, name) for name in STOOGES)


@service(name="echoStructTest", blocking=False)
def echo_struct(struct: dict[str, Any]) -> dict[str, Any]:
    """Return the struct as it came."""
    return struct


@service(name="manyTypesTest", blocking=False)
def many_types(number: int, boolean: bool, string: str, double: float, date: datetime, base64: bytes) -> list[Any]:
    """Return all six values in an array."""
    return [number, boolean, string, double, date, base64]


@service(name="moderateSizeArrayCheck", blocking=False)
def moderate_size_array(strings: list[str]) -> str:
    """Return the first and the last string as one."""
    if not strings:
        raise ServiceError("an array of at least one string was expected")
    return strings[0] + strings[-1]


@service(name="nestedStructTest", blocking=False)
def nested_struct(calendar: dict[str, Any]) -> int:
    """Add moe, larry and curly of the first of April 2000 in a calendar of years, months and days."""
    day: Any = calendar
    for name in ("2000", "04", "01"):
        day = day.get(name) if isinstance(day, dict) else None
    return sum(_number(day, name) for name in STOOGES)


@service(name="simpleStructReturnTest", blocking=False)
def simple_struct_return(number: int) -> dict[str, int]:
    """Return the number times ten, a hundred and a thousand."""
    return {f"times{factor}": number * factor for factor in (10, 100, 1000)}


@service(name="whichToolkit", blocking=False)
def which_toolkit() -> dict[str, str]:
    """Say what answers here."""
    return {
        "toolkitDocsUrl": "docs/reference/xmlrpc.md",
        "toolkitName": "Sockwright",
        "toolkitVersion": sockwright.__version__,
        "toolkitOperatingSystem": platform.system(),
    }


def offer(context: Context) -> Sequence[Service]:
    suite = (
        array_of_structs,
        count_the_entities,
        easy_struct,
        echo_struct,
        many_types,
        moderate_size_array,
        nested_struct,
        simple_struct_return,
        which_toolkit,
    )
    return tuple(service_of(function, "validator1") for function in suite)
