"""Rows of connections from the journal's records, with a clock of the test's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from sockwright.console.desk import Counts
from sockwright.console.traffic import BURST, LOOK, UPDATES, Traffic
from sockwright.journal.batch import Batch
from sockwright.journal.journal import Journal
from sockwright.journal.records import ENDED, EXCHANGED, OPENED, RARE, RECEIVED, Ended, Opened, Record

OPENED_ = Opened("tcp", "echo", "tcp://127.0.0.1:7007", "127.0.0.1:7007", "127.0.0.1:5")
ENDED_ = Ended("peer", "fin", "", 3, 1, 3, 1)


@pytest.fixture
def journal() -> Iterator[Journal]:
    made = Journal(None)
    yield made
    made.close()


def _batch(*records: Record) -> Batch:
    return Batch(1, records, [one for one in records if one[0] in RARE])


def _traffic(journal: Journal) -> tuple[Traffic, dict[int, Counts]]:
    live: dict[int, Counts] = {}
    traffic = Traffic(journal, lambda: live)
    traffic.begin(0.0)
    return traffic, live


def _opened(number: int) -> Record:
    return (OPENED, number, 1.0, OPENED_, 0)


def _said(number: int, data: bytes) -> Record:
    return (RECEIVED, number, 1.0, data, len(data))


def _over(number: int) -> Record:
    return (ENDED, number, 2.0, ENDED_, 0)


def _told(rows: Sequence[Any]) -> list[tuple[int, str, str]]:
    return [(row["number"], row["state"], row["said"]) for row in rows]


def test_what_opens_and_ends_in_one_look_is_one_row(journal: Journal) -> None:
    traffic, _ = _traffic(journal)
    exchanged: Record = (EXCHANGED, 1, 1.0, b"\r\n hello\nmore", 13, None, 13)
    assert _told(traffic.take(_batch(_opened(1), exchanged, _over(1)), 0.0)) == [(1, "ended", " hello")]


def test_first_words_may_come_late_and_are_remembered(journal: Journal) -> None:
    traffic, live = _traffic(journal)
    assert _told(traffic.take(_batch(_opened(1)), 0.0)) == [(1, "open", "")]
    assert traffic.take(_batch(_said(1, b"\r\n")), 0.0) == []
    assert traffic.take(_batch(_said(1, b"hello\r\n"), _said(1, b"later")), 0.0) == []
    live[1] = Counts(14, 3, 0, 0)
    (row,) = traffic.due(LOOK)
    assert (row["said"], row["received"], row["received_chunks"]) == ("hello", 14, 3)
    assert traffic.said(1) == "hello"


def test_who_goes_on_is_told_four_times_a_second_at_most(journal: Journal) -> None:
    traffic, _ = _traffic(journal)
    traffic.take(_batch(_opened(1)), 0.0)
    told = 0
    for step in range(100):  # ten seconds
        now = 0.1 * step
        traffic.take(_batch(_said(1, b"x")), now)
        told += len(traffic.due(now))
    assert 30 <= told <= 40
    assert traffic.due(100.0) == [], "nothing new"


def test_a_crowd_that_goes_on_takes_turns(journal: Journal) -> None:
    traffic, _ = _traffic(journal)
    crowd = range(1, 3 * UPDATES + 1)
    traffic.take(_batch(*map(_opened, crowd)), 0.0)
    traffic.take(_batch(*(_said(number, b"x") for number in crowd)), 0.0)
    seen = [row["number"] for look in range(1, 4) for row in traffic.due(look * LOOK)]
    assert sorted(seen) == list(crowd)


def test_a_flood_is_counted_and_what_was_told_is_told_to_its_end(journal: Journal) -> None:
    traffic, _ = _traffic(journal)
    total = BURST + 1_000
    rows = traffic.take(_batch(*map(_opened, range(total))), 0.0)
    assert (len(rows), traffic.skipped) == (BURST, 1_000)
    ended = traffic.take(_batch(*map(_over, range(total))), 0.0)
    assert {row["number"] for row in ended} == {row["number"] for row in rows}
    assert not traffic._open
    assert not traffic._silent
