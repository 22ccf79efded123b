"""The nine calls of the validation suite, as its own documentation tells them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

import sockwright
from sockwright import services
from sockwright.binding import Arguments, Refusal, attempt

OFFERED = {one.name: one for one in services.offered("validator1", services.Context(now=lambda: 0.0))}
DAY = {"moe": 1, "larry": 2, "curly": 3}


def call(name: str, *values: Any) -> Any:
    return attempt(OFFERED[name], Arguments(values=values))


def test_all_nine_are_there_and_are_called_by_name_alone() -> None:
    assert list(OFFERED) == [
        "arrayOfStructsTest",
        "countTheEntities",
        "easyStructTest",
        "echoStructTest",
        "manyTypesTest",
        "moderateSizeArrayCheck",
        "nestedStructTest",
        "simpleStructReturnTest",
        "whichToolkit",
    ]
    assert {one.group for one in OFFERED.values()} == {"validator1"}
    assert not any(one.blocking for one in OFFERED.values())


@pytest.mark.parametrize(
    ("name", "values", "value"),
    [
        ("arrayOfStructsTest", [[DAY, DAY | {"curly": -10}, DAY | {"shemp": "extra"}]], -4),
        ("arrayOfStructsTest", [[]], 0),
        (
            "countTheEntities",
            ['<<a>>>& \' """'],
            {
                "ctLeftAngleBrackets": 2,
                "ctRightAngleBrackets": 3,
                "ctAmpersands": 1,
                "ctApostrophes": 1,
                "ctQuotes": 3,
            },
        ),
        ("easyStructTest", [DAY | {"shemp": "extra"}], 6),
        (
            "echoStructTest",
            [{"a": {"b": [1, b"x", datetime(2000, 1, 1)]}}],
            {"a": {"b": [1, b"x", datetime(2000, 1, 1)]}},
        ),
        (
            "manyTypesTest",
            [1, True, "я", 2.5, datetime(1998, 7, 17, 14, 8, 55), b"\x00\xff"],
            [1, True, "я", 2.5, datetime(1998, 7, 17, 14, 8, 55), b"\x00\xff"],
        ),
        ("moderateSizeArrayCheck", [["first", *map(str, range(150)), "last"]], "firstlast"),
        ("moderateSizeArrayCheck", [["only"]], "onlyonly"),
        ("nestedStructTest", [{"1999": {}, "2000": {"04": {"01": DAY, "02": {"moe": 100}}}}], 6),
        ("simpleStructReturnTest", [-3], {"times10": -30, "times100": -300, "times1000": -3000}),
    ],
)
def test_what_each_answers(name: str, values: list[Any], value: Any) -> None:
    assert call(name, *values) == value


def test_which_toolkit_this_is() -> None:
    told = call("whichToolkit")
    assert told.keys() == {"toolkitDocsUrl", "toolkitName", "toolkitVersion", "toolkitOperatingSystem"}
    assert told["toolkitVersion"] == sockwright.__version__
    assert all(told.values())


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("arrayOfStructsTest", [[{}]], "int 'curly'"),
        ("easyStructTest", [DAY | {"moe": "1"}], "int 'moe'"),
        ("easyStructTest", [DAY | {"moe": True}], "int 'moe'"),
        ("easyStructTest", [[]], "wants dict"),
        ("nestedStructTest", [{"2000": {"04": [DAY]}}], "int 'moe'"),
        ("moderateSizeArrayCheck", [[]], "at least one string"),
        ("manyTypesTest", [1], "is missing"),
        ("whichToolkit", [1], "takes nothing"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, values: list[Any], words: str) -> None:
    refusal = call(name, *values)
    assert isinstance(refusal, Refusal)
    assert words in refusal.message
    assert not refusal.trace
