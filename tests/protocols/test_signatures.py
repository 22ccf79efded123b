"""Signatures in XML-RPC's own words."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypedDict

import msgspec
import pytest

from sockwright.binding import service_of
from sockwright.protocols.signatures import signatures, type_word


class Colour(enum.Enum):
    RED = "red"


class Day(TypedDict):
    moe: int


class Book(msgspec.Struct):
    name: str


@dataclass
class User:
    name: str


@pytest.mark.parametrize(
    ("annotation", "word"),
    [
        (int, "int"),
        (bool, "boolean"),
        (float, "double"),
        (str, "string"),
        (bytes, "base64"),
        (datetime, "dateTime.iso8601"),
        (None, "nil"),
        (list[int], "array"),
        (tuple[int, ...], "array"),
        (set[str], "array"),
        (Sequence[str], "array"),
        (Iterable[str], "array"),
        (list, "array"),
        (dict[str, int], "struct"),
        (Mapping[str, Any], "struct"),
        (Day, "struct"),
        (Book, "struct"),
        (User, "struct"),
        (int | None, "int"),
        (Literal["a", "b"], "string"),
        (Literal["a", 1], ""),
        (Colour, "string"),
        (int | str, ""),
        (Any, ""),
        (object, ""),
        (Callable[[], int], ""),
    ],
)
def test_words_for_types(annotation: Any, word: str) -> None:
    assert type_word(annotation) == word


def both(words: list[str], shift: int = 0, /) -> dict[str, str]:
    return {}


def bare(n) -> int:  # type: ignore[no-untyped-def]
    return int(n)


def several(*numbers: int) -> int:
    return sum(numbers)


def by_name(*, n: int) -> int:
    return n


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (both, [["struct", "array", "int"], ["struct", "array"]]),
        (bare, "undef"),
        (several, "undef"),
        (by_name, "undef"),
    ],
)
def test_signatures(function: Callable[..., Any], said: Any) -> None:
    assert signatures(service_of(function)) == said
