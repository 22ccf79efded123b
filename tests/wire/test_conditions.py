"""Conditional requests, ranges and codings, case by case."""

from __future__ import annotations

import pytest

from sockwright.wire.conditions import RANGES, accepts, http_date, precondition, ranges, read_date
from sockwright.wire.fields import Fields

TAG = '"a-1"'
WHEN = 784111777  # Sun, 06 Nov 1994 08:49:37 GMT
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"


def fields(**given: str) -> Fields:
    return Fields((name.replace("_", "-").encode(), value.encode()) for name, value in given.items())


def test_dates_are_written_and_read_in_every_spelling() -> None:
    assert http_date(WHEN) == DATE
    for spelling in (DATE, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"):
        assert read_date(spelling) == WHEN
    assert read_date("yesterday") is None
    assert read_date("") is None


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({}, 0),
        ({"if_none_match": TAG}, 304),
        ({"if_none_match": "W/" + TAG}, 304),  # compared weakly
        ({"if_none_match": '"b", ' + TAG}, 304),
        ({"if_none_match": "*"}, 304),
        ({"if_none_match": '"b"'}, 0),
        ({"if_none_match": '"b"', "if_modified_since": DATE}, 0),  # the tag outweighs the date
        ({"if_modified_since": DATE}, 304),
        ({"if_modified_since": http_date(WHEN - 1)}, 0),
        ({"if_modified_since": "yesterday"}, 0),
        ({"if_match": TAG}, 0),
        ({"if_match": "W/" + TAG}, 412),  # compared strongly
        ({"if_match": '"b"'}, 412),
        ({"if_match": "*"}, 0),
        ({"if_match": TAG, "if_unmodified_since": http_date(WHEN - 9)}, 0),
        ({"if_unmodified_since": http_date(WHEN - 1)}, 412),
        ({"if_unmodified_since": DATE}, 0),
    ],
)
def test_preconditions_stand_in_their_order(given: dict[str, str], status: int) -> None:
    assert precondition(fields(**given), TAG, WHEN) == status


@pytest.mark.parametrize(
    ("asked", "parts"),
    [
        ("bytes=0-0", [(0, 1)]),
        ("bytes=0-", [(0, 100)]),
        ("bytes=90-200", [(90, 10)]),
        ("bytes=-10", [(90, 10)]),
        ("bytes=-1000", [(0, 100)]),
        ("BYTES = 1-2".replace(" ", ""), [(1, 2)]),
        ("bytes=0-1, 5-6,,-1", [(0, 2), (5, 2), (99, 1)]),
        ("bytes=0-1,500-600", [(0, 2)]),
        ("bytes=100-", []),
        ("bytes=-0", []),
        ("bytes=", None),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=+1-2", None),
        ("bytes=٣-٤", None),
        ("bytes=0x1-2", None),
        ("lines=0-1", None),
        ("bytes 0-1", None),
        ("bytes=" + ",".join(f"{n}-{n}" for n in range(RANGES + 1)), None),
        ("bytes=99999999999999999999-", None),
    ],
)
def test_ranges_are_parts_or_nothing(asked: str, parts: list[tuple[int, int]] | None) -> None:
    assert ranges(fields(range=asked), 100, TAG, WHEN) == parts


def test_an_empty_file_has_no_part() -> None:
    assert ranges(fields(range="bytes=0-"), 0, TAG, WHEN) == []
    assert ranges(fields(range="bytes=-5"), 0, TAG, WHEN) == []


@pytest.mark.parametrize(
    ("condition", "counts"),
    [(TAG, True), ("W/" + TAG, False), ('"b"', False), (DATE, True), (http_date(WHEN - 1), False), ("never", False)],
)
def test_if_range_asks_for_the_whole_where_something_changed(condition: str, counts: bool) -> None:
    found = ranges(fields(range="bytes=0-0", if_range=condition), 100, TAG, WHEN)
    assert found == ([(0, 1)] if counts else None)


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("gzip;q=2", False),
        ("*", True),
        ("*, gzip;q=0", False),
        ("identity", False),
        ("", False),
    ],
)
def test_codings_are_taken_by_their_weight(given: str, taken: bool) -> None:
    assert accepts(fields(accept_encoding=given), "gzip") is taken
