"""What is written is read alike by the standard library and by ourselves."""

from __future__ import annotations

import collections
import enum
import math
import types
import uuid
import xmlrpc.client
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple
from xml.parsers import expat

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sockwright.wire.xmlrpc import Call, Fault, read_answer, read_call
from sockwright.wire.xmlrpc_writer import write_answer, write_call, write_fault


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 7


class Point(NamedTuple):
    x: int
    y: int


class Text(str):
    __slots__ = ()


@dataclass
class User:
    name: str
    age: int
    seen: datetime | None = None


class Struct(msgspec.Struct):
    data: bytes
    tags: set[str]


CARRIED = st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff").filter(
    lambda sign: sign >= " " or sign in "\t\n\r"
)
VALUES = st.recursive(
    st.integers(-(2**63), 2**63 - 1)
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(CARRIED)
    | st.none()
    | st.binary()
    | st.datetimes().map(lambda when: when.replace(microsecond=0, fold=0)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(CARRIED), inner),
    max_leaves=15,
)


def stranger_reads(body: bytes) -> Any:
    values, _ = xmlrpc.client.loads(body, use_builtin_types=True)
    return values[0]


@settings(deadline=None, max_examples=60)
@given(VALUES)
def test_the_standard_library_reads_what_it_writes(value: Any) -> None:
    assert stranger_reads(write_answer(value)) == value


@settings(deadline=None, max_examples=60)
@given(st.lists(VALUES, max_size=3), st.text(CARRIED, min_size=1, max_size=50))
def test_calls_are_read_by_both(values: list[Any], method: str) -> None:
    body = write_call(method, values)
    assert read_call(body) == Call(method, values)
    assert xmlrpc.client.loads(body, use_builtin_types=True) == (tuple(values), method)


@settings(deadline=None, max_examples=60)
@given(VALUES)
def test_it_reads_what_it_writes_to_the_last_bit(value: Any) -> None:
    assert repr(read_answer(write_answer(value))) == repr(value)


@given(st.integers(-(2**31), 2**31 - 1), st.text())
def test_a_fault_always_gets_through(code: int, message: str) -> None:
    read = read_answer(write_fault(code, message))
    assert read.code == code
    with pytest.raises(xmlrpc.client.Fault) as fault:
        xmlrpc.client.loads(write_fault(code, message))
    assert fault.value.faultString == read.message


def test_what_xml_cannot_carry_is_shown_in_a_fault() -> None:
    assert read_answer(write_fault(1, "a\x00b\x1b[2J\ud800я")) == Fault(1, r"a\x00b\x1b[2J\ud800я")


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        (True, "<boolean>1</boolean>"),
        (False, "<boolean>0</boolean>"),
        (0, "<int>0</int>"),
        (2**31 - 1, "<int>2147483647</int>"),
        (-(2**31), "<int>-2147483648</int>"),
        (2**31, "<i8>2147483648</i8>"),
        (-(2**63), "<i8>-9223372036854775808</i8>"),
        (1.0, "<double>1.0</double>"),
        (-0.0, "<double>-0.0</double>"),
        (1e22, "<double>10000000000000000000000.0</double>"),
        (1.5e-7, "<double>0.00000015</double>"),
        ("", "<string></string>"),
        ("a<b>&\"'\r\n\t", "<string>a&lt;b&gt;&amp;\"'&#13;\n\t</string>"),
        ("]]>", "<string>]]&gt;</string>"),
        (None, "<nil/>"),
        (b"hello", "<base64>aGVsbG8=</base64>"),
        (bytearray(b"hi"), "<base64>aGk=</base64>"),
        (memoryview(b"hxi")[::2], "<base64>aGk=</base64>"),
        (datetime(1998, 7, 17, 14, 8, 55, 999_999), "<dateTime.iso8601>19980717T14:08:55</dateTime.iso8601>"),
        (datetime(7, 1, 1), "<dateTime.iso8601>00070101T00:00:00</dateTime.iso8601>"),
        (datetime(1998, 7, 17, tzinfo=UTC), "<dateTime.iso8601>19980717T00:00:00</dateTime.iso8601>"),
        (
            datetime(1998, 7, 17, tzinfo=timezone(timedelta(hours=3))),
            "<dateTime.iso8601>19980716T21:00:00</dateTime.iso8601>",
        ),
        (date(1998, 7, 17), "<string>1998-07-17</string>"),
        ([], "<array><data></data></array>"),
        ((1,), "<array><data><value><int>1</int></value></data></array>"),
        ({}, "<struct></struct>"),
        ({"<я>": 1}, "<struct><member><name>&lt;я&gt;</name><value><int>1</int></value></member></struct>"),
        ({4: 1}, "<struct><member><name>4</name><value><int>1</int></value></member></struct>"),
        (Colour.RED, "<string>red</string>"),
        (Level.HIGH, "<int>7</int>"),
        ({Colour.RED: None}, "<struct><member><name>red</name><value><nil/></value></member></struct>"),
        (Text("t"), "<string>t</string>"),
        (Decimal("1.10"), "<string>1.10</string>"),
        (uuid.UUID(int=1), "<string>00000000-0000-0000-0000-000000000001</string>"),
    ],
)
def test_spellings(value: Any, spelled: str) -> None:
    body = write_answer(value).decode()
    assert body.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<methodResponse><params><param><value>')
    assert body.partition("<param><value>")[2].rpartition("</value></param>")[0] == spelled
    expat.ParserCreate().Parse(body.encode(), True)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Point(1, 2), [1, 2]),
        ({1}, [1]),
        (frozenset({"a"}), ["a"]),
        (range(3), [0, 1, 2]),
        (collections.deque([1, 2]), [1, 2]),
        (collections.OrderedDict(a=1), {"a": 1}),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
        (User("Анна", 30, datetime(2000, 1, 1)), {"name": "Анна", "age": 30, "seen": datetime(2000, 1, 1)}),
        ([User("Ann", 30)], [{"name": "Ann", "age": 30, "seen": None}]),
        (Struct(b"x", {"t"}), {"data": b"x", "tags": ["t"]}),
    ],
)
def test_kinds_of_values(value: Any, plain: Any) -> None:
    assert stranger_reads(write_answer(value)) == plain


def itself() -> list[Any]:
    ring: list[Any] = []
    ring.append(ring)
    return ring


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (2**63, "64 bits exceeds XML-RPC's limits"),
        (-(2**63) - 1, "exceeds XML-RPC's limits"),
        pytest.param(10**10_000, "exceeds XML-RPC's limits", id="10**10000"),
        (math.nan, "no word for nan"),
        ([-math.inf], "no word for -inf"),
        ("a\x00", "character U\\+0000 in 'a\\\\x00'; send it as base64"),
        ("\x1b[2J", "U\\+001B"),
        ({"\ufffe": 1}, "U\\+FFFE"),
        ("\ud800", "U\\+D800"),
        ({(1, 2): 3}, "is a string, not tuple"),
        ({None: 3}, "is a string, not NoneType"),
        (object(), "object"),
        (1j, "complex"),
        (len, "builtin_function"),
        (itself(), "hold themselves"),
        (nested(65), "nested deeper than 64"),
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))), "no UTC"),
    ],
)
def test_what_cannot_be_written_is_refused_with_its_cause(value: Any, words: str) -> None:
    for write in (write_answer, lambda value: write_call("f", [value])):
        with pytest.raises((ValueError, TypeError), match=words):
            write(value)


def test_64_levels_are_written_and_read() -> None:
    assert read_answer(write_answer(nested(64))) == nested(64)


@pytest.mark.parametrize("value", [2**31, 2**40, -(2**63)])
def test_long_integers_survive_a_journey_both_ways(value: int) -> None:
    assert stranger_reads(write_answer(value)) == value
    assert read_answer(write_answer([value])) == [value]
