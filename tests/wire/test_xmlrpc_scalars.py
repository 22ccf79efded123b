"""How single values are spelled."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from sockwright.errors import PeerError
from sockwright.wire.xmlrpc_scalars import SCALARS

EAST = timezone(timedelta(hours=1, minutes=30))


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("int", "4", 4),
        ("int", "-1", -1),
        ("int", "+12", 12),
        ("int", "-0", 0),
        ("int", "007", 7),
        ("int", "\n 4\t", 4),
        ("int", "2147483647", 2**31 - 1),
        ("i4", "-2147483648", -(2**31)),
        ("i8", "9223372036854775807", 2**63 - 1),
        ("i8", "-9223372036854775808", -(2**63)),
        ("i1", "-128", -128),
        ("i2", "32767", 32767),
        ("boolean", "0", False),
        ("boolean", " 1 ", True),
        ("string", " два\n ", " два\n "),
        ("string", "", ""),
        ("double", "-12.53", -12.53),
        ("double", " 4 ", 4.0),
        ("double", ".5", 0.5),
        ("double", "1e16", 1e16),
        ("double", "0." + "0" * 323 + "5", 5e-324),
        ("float", "1.", 1.0),
        ("dateTime.iso8601", "19980717T14:08:55", datetime(1998, 7, 17, 14, 8, 55)),
        ("dateTime.iso8601", "1998-07-17T14:08:55", datetime(1998, 7, 17, 14, 8, 55)),
        ("dateTime.iso8601", "19980717T140855", datetime(1998, 7, 17, 14, 8, 55)),
        ("dateTime.iso8601", " 19980717T14:08:55Z\n", datetime(1998, 7, 17, 14, 8, 55, tzinfo=UTC)),
        ("dateTime.iso8601", "19980717T14:08:55+0130", datetime(1998, 7, 17, 14, 8, 55, tzinfo=EAST)),
        ("dateTime.iso8601", "19980717T14:08:55.25-03:00", datetime(1998, 7, 17, 17, 8, 55, 250_000, tzinfo=UTC)),
        ("base64", "aGVsbG8=", b"hello"),
        ("base64", "\n aGVs\r\n\tbG8 =\n", b"hello"),
        ("base64", "", b""),
        ("nil", "", None),
        ("nil", "\n", None),
    ],
)
def test_right_spellings(name: str, text: str, value: Any) -> None:
    read = SCALARS[name](text)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("int", "", "no integer"),
        ("int", "four", "'four', which is no integer"),
        ("int", "1_000", "no integer"),
        ("int", "٣", "no integer"),
        ("int", "4.0", "no integer"),
        ("int", "0x10", "no integer"),
        ("int", "- 1", "no integer"),
        ("int", "\x0c4", "no integer"),
        ("int", "2147483648", "does not fit 32 bits; send it as <i8>"),
        ("i4", "-2147483649", "does not fit 32 bits"),
        ("i8", "9223372036854775808", "does not fit 64 bits"),
        ("i1", "128", "does not fit 8 bits"),
        ("int", "1" * 21, "has 21 digits; 20 are the limit"),
        pytest.param("int", "-" + "1" * 1_000_000, "20 are the limit", id="a million digits"),
        ("boolean", "true", "it is 0 or 1"),
        ("boolean", "2", "it is 0 or 1"),
        ("boolean", "", "it is 0 or 1"),
        ("double", "nan", "no finite number"),
        ("double", "-inf", "no finite number"),
        ("double", "1e999", "no finite number"),
        ("double", "1,5", "no finite number"),
        ("double", "0x1p3", "no finite number"),
        ("double", "1_0", "no finite number"),
        ("double", ".", "no finite number"),
        ("double", "", "no finite number"),
        pytest.param("double", "1" * 1_000_000, "no finite number", id="a double of a million digits"),
        ("dateTime.iso8601", "17.07.1998", "looks like 19980717T14:08:55"),
        ("dateTime.iso8601", "19980717", "looks like 19980717T14:08:55"),
        ("dateTime.iso8601", "20000230T00:00:00", "day is out of range"),
        ("dateTime.iso8601", "19981717T14:08:55", "month must be in"),
        ("dateTime.iso8601", "19980717T24:08:55", "hour must be in"),
        ("dateTime.iso8601", "00000717T14:08:55", "year 0 is out of range"),
        ("dateTime.iso8601", "19980717T14:08:55+9900", "offset must be"),
        ("base64", "aGk", "padding"),
        ("base64", "a=Gk", "padding|excess|Excess|Discontinuous"),
        ("base64", "aG!k", "[Oo]nly base64"),
        ("base64", "привет==", "ASCII"),
        ("nil", "null", "it is empty"),
    ],
)
def test_wrong_spellings_are_refused_with_their_cause(name: str, text: str, words: str) -> None:
    with pytest.raises(PeerError, match=words) as refused:
        SCALARS[name](text)
    assert len(str(refused.value)) < 250


def test_minus_nought_keeps_its_sign() -> None:
    assert math.copysign(1, SCALARS["double"]("-0.0")) == -1


@pytest.mark.parametrize("text", ["\x1b[2J", "\u202e", "ы" * 10_000, "\x00"], ids=["escape", "bidi", "long", "nul"])
def test_foreign_text_in_a_refusal_is_harmless(text: str) -> None:
    for name in ("int", "double", "boolean", "dateTime.iso8601", "base64", "nil"):
        with pytest.raises(PeerError) as refused:
            SCALARS[name](text)
        assert str(refused.value).isprintable()
        assert len(str(refused.value)) < 250
