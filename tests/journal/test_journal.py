from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sockwright.journal.batch import Batch
from sockwright.journal.journal import Journal
from sockwright.journal.limits import Limits
from sockwright.journal.records import (
    ENDED,
    EXCHANGED,
    FIN,
    NOTE,
    OPENED,
    RECEIVED,
    SENT,
    Ended,
    Entry,
    Opened,
)
from sockwright.journal.transcript import Gap

OPEN = Opened("tcp", "echo", "tcp://127.0.0.1:7007", "127.0.0.1:7007", "127.0.0.1:51044")
END = Ended("peer", FIN, "", 5, 1, 5, 1)


@pytest.fixture
def journal() -> Iterator[Journal]:
    journal = Journal(None)
    yield journal
    journal.close()


def converse(journal: Journal, now: float = 1.0) -> int:
    number = journal.begin(now, OPEN)
    journal.append((RECEIVED, number, now, b"hello", 5))
    journal.append((SENT, number, now, b"hello", 5))
    journal.append((ENDED, number, now + 1, END, 0))
    return number


def test_what_is_appended_is_there_after_a_flush(journal: Journal) -> None:
    number = converse(journal)
    journal.flush()
    connection = journal.connection(number)
    assert connection is not None
    assert (connection.opened, connection.ended, connection.since, connection.until) == (OPEN, END, 1.0, 2.0)
    transcript = journal.transcript(connection)
    assert transcript.stream("received") == transcript.stream("sent") == b"hello"
    assert [one.number for one in journal.connections()] == [1]
    assert journal.connection(99) is None


def test_numbers_ascend_and_open_connections_are_listed(journal: Journal) -> None:
    first, second = converse(journal), journal.begin(3.0, OPEN)
    journal.flush()
    assert (first, second) == (1, 2)
    assert [(one.number, one.state) for one in journal.connections()] == [(2, "open"), (1, "ended")]


def test_a_follower_is_told_everything_in_order(journal: Journal) -> None:
    seen: list[Entry] = []
    rare: list[int] = []

    def follower(entries: object) -> None:
        assert isinstance(entries, Batch)
        seen.extend(entries)
        rare.extend(record[0] for record in entries.rare)
        assert entries[-1] == seen[-1]
        assert entries[:1] == seen[-len(entries) :][:1]

    stop = journal.follow(follower)
    for _ in range(3):
        converse(journal)
        journal.flush()
    stop()
    converse(journal)
    journal.flush()
    assert [sequence for sequence, _ in seen] == list(range(1, 13))
    assert [record[0] for _, record in seen] == [OPENED, RECEIVED, SENT, ENDED] * 3
    assert rare == [OPENED, ENDED] * 3


def test_a_follower_that_fails_is_told_nothing_more_and_harms_nobody() -> None:
    said: list[str] = []
    journal = Journal(None, complain=said.append)
    calls: list[int] = []

    def follower(entries: object) -> None:
        calls.append(1)
        raise RuntimeError("no more")

    journal.follow(follower)
    number = converse(journal)
    journal.flush()
    converse(journal)
    journal.flush()
    assert len(calls) == 1
    assert journal.connection(number) is not None
    assert said == ["a follower failed and is told nothing more: RuntimeError: no more"]
    journal.close()


def test_a_note_that_cannot_be_packed_is_kept_as_text(journal: Journal) -> None:
    number = journal.begin(1.0, OPEN)
    journal.append(
        (NOTE, number, 1.0, ("malformed", {"half": "\ud800", "long": 1 << 99, "odd": object, 7: b"\xff"}), 0)
    )
    journal.append((NOTE, number, 1.0, ("refused", {"message": "Привет"}), 0))
    journal.append((RECEIVED, number, 1.0, b"hello", 5))
    journal.flush()
    connection = journal.connection(number)
    assert connection is not None
    assert connection.remark == "refused: Привет"
    transcript = journal.transcript(connection)
    assert transcript.stream("received") == b"hello"
    odd, plain = (item for item in transcript.items if hasattr(item, "about"))
    assert odd.about == {"half": "'\\ud800'", "long": str(1 << 99), "odd": "<class 'object'>", "7": b"\xff"}
    assert plain.about == {"message": "Привет"}


def test_an_exchange_is_two_chunks(journal: Journal) -> None:
    number = journal.begin(1.0, OPEN)
    journal.append((EXCHANGED, number, 1.0, b"same", 4, None, 4))
    journal.append((EXCHANGED, number, 1.0, b"a", 1, b"bc", 2000))
    journal.flush()
    connection = journal.connection(number)
    assert connection is not None
    transcript = journal.transcript(connection)
    assert transcript.stream("received") == b"samea"
    assert transcript.stream("sent") == b"samebc"
    assert transcript.kept("sent") == (transcript.total("sent"))
    assert (transcript.kept("sent").size, transcript.kept("sent").chunks) == (2004, 2)


def test_a_flood_leaves_quiet_connections_whole_and_counts_what_it_left_out() -> None:
    limits = Limits(burst_records=100, records_per_second=100, tick=0.2)
    journal = Journal(None, limits=limits)
    quiet, loud = journal.begin(1.0, OPEN), journal.begin(1.0, OPEN)
    journal.append((RECEIVED, quiet, 1.0, b"question", 8))
    for _ in range(5000):
        journal.append((EXCHANGED, loud, 1.0, b"x" * 64, 64, None, 64))
    journal.append((SENT, quiet, 2.0, b"answer", 6))
    journal.append((ENDED, loud, 3.0, Ended("peer", FIN, "", 320_000, 5000, 320_000, 5000), 0))
    journal.append((ENDED, quiet, 3.0, Ended("peer", FIN, "", 8, 1, 6, 1), 0))
    journal.flush()
    one, other = journal.connection(quiet), journal.connection(loud)
    assert one is not None
    assert other is not None
    whole = journal.transcript(one)
    assert (whole.stream("received"), whole.stream("sent")) == (b"question", b"answer")
    assert one.omitted == 0
    thinned = journal.transcript(other)
    assert 4800 < other.omitted < 5000
    assert thinned.missing("received").chunks == other.omitted
    assert thinned.missing("received").size == other.omitted * 64
    assert thinned.total("sent").chunks == 5000
    journal.close()


def test_big_bodies_are_cut_before_records_are_left_out() -> None:
    journal = Journal(None, limits=Limits(burst_bytes=20_000, bytes_per_second=20_000, tick=0.2))
    number = journal.begin(1.0, OPEN)
    for _ in range(10):
        journal.append((RECEIVED, number, 1.0, b"y" * 50_000, 50_000))
    journal.flush()
    connection = journal.connection(number)
    assert connection is not None
    transcript = journal.transcript(connection)
    assert [len(chunk.data) for chunk in transcript.chunks()] == [1024] * 10
    assert transcript.kept("received").size == 500_000
    assert transcript.stream("received") == b"y" * 1024
    journal.close()


def test_a_flood_of_small_bodies_is_thinned_to_what_may_be_kept() -> None:
    journal = Journal(None, limits=Limits(burst_bytes=20_000, bytes_per_second=1, tick=0.2))
    quiet, loud = journal.begin(1.0, OPEN), journal.begin(1.0, OPEN)
    journal.append((RECEIVED, quiet, 1.0, b"question", 8))
    for _ in range(990):  # one look of the writer
        journal.append((EXCHANGED, loud, 1.0, b"x" * 100, 100, b"y" * 100, 100))
    journal.flush()
    one, other = journal.connection(quiet), journal.connection(loud)
    assert one is not None
    assert other is not None
    assert one.omitted == 0
    kept = 990 - other.omitted
    assert 30 < kept < 120  # of 215 bytes each; half of the room is for those who say less
    assert journal.transcript(other).kept("received").size == kept * 100
    journal.close()


def test_too_many_connections_are_counted_not_kept() -> None:
    journal = Journal(None, limits=Limits(burst_connections=10, connections_per_second=1))
    for _ in range(50):
        converse(journal)
    journal.flush()
    assert 10 <= len(journal.connections()) < 50
    assert journal.unlisted == 50 - len(journal.connections())
    journal.close()


def test_memory_is_bounded() -> None:
    journal = Journal(None, limits=Limits(memory=100_000, connections=5))
    for _ in range(20):
        number = journal.begin(1.0, OPEN)
        journal.append((RECEIVED, number, 1.0, b"z" * 20_000, 20_000))
        journal.append((ENDED, number, 1.0, END, 0))
        journal.flush()
    assert [one.number for one in journal.connections()] == [20, 19, 18, 17, 16]
    journal.close()


def test_a_ring_that_overflows_is_told_and_what_is_left_is_kept() -> None:
    said: list[str] = []
    journal = Journal(None, limits=Limits(ring=100), complain=said.append)
    release = threading.Event()
    journal.follow(lambda entries: [release.wait(10)].clear())
    number = journal.begin(1.0, OPEN)
    deadline = time.monotonic() + 5
    while journal._ring and time.monotonic() < deadline:  # until the writer holds the first record and waits
        time.sleep(0.001)
    for place in range(500):
        journal.append((RECEIVED, number, 1.0, b"%03d" % place, 3))
    release.set()
    journal.flush()
    assert said == ["the journal's writer stood still for too long, and the oldest records were lost"]
    connection = journal.connection(number)
    assert connection is not None
    assert b"".join(chunk.data for chunk in journal.transcript(connection).chunks()).endswith(b"498499")
    journal.close()


def test_a_beginning_that_memory_has_let_go_is_a_gap() -> None:
    journal = Journal(None, limits=Limits(memory=60_000))
    number = journal.begin(1.0, OPEN)
    for said in (b"beginning" * 5_000, b"rest"):
        journal.append((RECEIVED, number, 1.0, said, len(said)))
        journal.flush()
    journal.append((RECEIVED, number, 1.0, b"!" * 50_000, 50_000))
    journal.flush()
    connection = journal.connection(number)
    assert connection is not None
    transcript = journal.transcript(connection)
    assert transcript.items[0] == Gap(1.0, 0)
    assert transcript.stream("received") == b""
    assert transcript.pieces("received") == [b"rest" + b"!" * 50_000]
    journal.close()


def test_path_is_optional(tmp_path: Path) -> None:
    with_file = Journal(tmp_path / "deep" / "journal.db")
    assert with_file.trouble == ""
    assert converse(with_file) == 1
    with_file.flush()
    with_file.close()
    assert (tmp_path / "deep" / "journal.db").stat().st_mode & 0o077 == 0
