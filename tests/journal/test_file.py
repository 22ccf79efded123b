"""The file, with real processes that share it, die, and get in each other's way."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sockwright.errors import ConfigError
from sockwright.journal.journal import Journal
from sockwright.journal.limits import Limits
from sockwright.journal.reader import Reader
from sockwright.journal.records import ENDED, FIN, RECEIVED, Ended, Opened
from sockwright.journal.schema import APPLICATION

OPEN = Opened("tcp", "echo", "tcp://127.0.0.1:7007", "127.0.0.1:7007", "127.0.0.1:51044")
NOW = float(int(time.time()))  # what is a week old would be trimmed
QUICK = Limits(busy=0.2, retry=0.05, tick=0.01, idle_tick=0.01)

# A run in a process of its own: one connection per line on stdin, whose number it prints when that is in the file.
OTHER = """
import sys
from pathlib import Path
from time import time
from sockwright.journal.journal import Journal
from sockwright.journal.records import ENDED, FIN, RECEIVED, Ended, Opened
opened = Opened("tcp", "greet", "tcp://127.0.0.1:7017", "127.0.0.1:7017", "127.0.0.1:6")
journal = Journal(Path(sys.argv[1]), command="other", seed=7)
print("trouble", journal.trouble, flush=True)
for line in sys.stdin:
    said = line.encode()
    number = journal.begin(time(), opened)
    journal.append((RECEIVED, number, time(), said, len(said)))
    journal.append((ENDED, number, time(), Ended("us", FIN, "", len(said), 1, 0, 0), 0))
    journal.flush()
    print(number, flush=True)
journal.close()
"""


class Other:
    """The other run; ended or killed with its block."""

    def __init__(self, path: Path, script: str = OTHER) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline().strip() == "trouble"

    def __enter__(self) -> Other:
        return self

    def __exit__(self, *raised: object) -> None:
        if self.process.poll() is None:
            self.kill()

    def read_number(self) -> int:
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())

    def converse(self, text: str = "hello") -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def end(self) -> None:
        self.process.communicate(timeout=10)
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=10)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def converse(journal: Journal, said: bytes = b"hello", now: float = NOW) -> int:
    number = journal.begin(now, OPEN)
    journal.append((RECEIVED, number, now, said, len(said)))
    journal.append((ENDED, number, now + 1, Ended("peer", FIN, "", len(said), 1, 0, 0), 0))
    return number


def numbers(path: Path) -> list[int]:
    with Reader(path) as reader:
        return [connection.number for connection in reader.connections()]


def wait_until(true: Callable[[], object], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.005)


def test_another_process_reads_what_was_flushed(path: Path) -> None:
    journal = Journal(path, command="up", seed=42)
    converse(journal, "Привет".encode())
    journal.flush()
    with Reader(path) as reader:
        (connection,) = reader.connections()
        assert connection == reader.connection(1)
        assert (connection.opened, connection.since, connection.until) == (OPEN, NOW, NOW + 1)
        assert connection.ended == Ended("peer", FIN, "", 12, 1, 0, 0)
        assert reader.transcript(connection).stream("received").decode() == "Привет"
        assert reader.connection(2) is None
    journal.close()


def test_numbers_go_on_without_a_hole_over_restarts(path: Path) -> None:
    told = []
    for _ in range(3):
        journal = Journal(path)
        told += [converse(journal), converse(journal)]
        journal.close()
    assert told == [1, 2, 3, 4, 5, 6]
    assert numbers(path) == [6, 5, 4, 3, 2, 1]


def test_more_numbers_are_reserved_before_they_run_out(path: Path) -> None:
    journal = Journal(path, limits=Limits(numbers=10))
    told = []
    for _ in range(40):
        told.append(converse(journal))
        journal.flush()
    told += [converse(journal) for _ in range(2000)]  # faster than anybody can reserve
    journal.flush()
    assert told == list(range(1, 2041))
    assert len(numbers(path)) == 2040
    journal.close()


def test_runs_that_share_the_file_never_use_a_number_twice(path: Path) -> None:
    journal = Journal(path, limits=Limits(numbers=10))
    ours, theirs = [], []
    with Other(path) as other:
        for _ in range(30):
            ours.append(converse(journal))
            journal.flush()
            theirs.append(other.converse())
        other.end()
    assert ours == sorted(ours)
    assert theirs == sorted(theirs)
    assert len({*ours, *theirs}) == 60
    assert sorted(ours + theirs, reverse=True) == numbers(path)
    with Reader(path) as reader:
        assert {reader.connection(n).opened.service for n in theirs} == {"greet"}  # type: ignore[union-attr]
    journal.close()
    last = Journal(path)
    assert converse(last) == max(*ours, *theirs) + 1
    last.close()


def test_numbers_used_without_asking_never_take_somebody_else_s(path: Path) -> None:
    journal = Journal(path, limits=Limits(numbers=10, tick=0.2, idle_tick=0.2))
    with Other(path) as other:  # has the thousand behind ours
        mine = [converse(journal) for _ in range(3000)]  # faster than anybody can reserve
        theirs = [other.converse() for _ in range(30)]
        journal.flush()
        theirs.append(other.converse())
        other.end()
    mine.append(converse(journal))
    journal.flush()
    assert mine == sorted(mine)
    with Reader(path) as reader:
        listed = {one.number: one.opened.service for one in reader.connections()}
    assert {number for number, service in listed.items() if service == "greet"} == set(theirs)
    assert {number for number, service in listed.items() if service == "echo"} == set(mine) & set(listed) - set(theirs)
    assert mine[-1] in listed
    assert journal.unlisted == len(mine) + len(theirs) - len(listed)
    journal.close()


def test_a_run_that_was_killed_leaves_a_whole_file_and_its_numbers(path: Path) -> None:
    """kill -9, again and again: what was committed is there, and the next run goes on behind it."""
    told = []
    for turn in range(5):
        with Other(path) as other:
            told += [other.converse(f"{turn}.{place}") for place in range(3)]
            other.kill()
        with Reader(path) as reader:
            assert reader._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            for number in told:
                connection = reader.connection(number)
                assert connection is not None
                said = reader.transcript(connection).stream("received")
                assert said == b"%d.%d\n" % divmod(number - 1, 3)
    assert told == list(range(1, 16))


def test_sigkill_in_the_middle_of_writing(path: Path) -> None:
    """The writer is killed at odd moments, with batches under way: nothing that was acknowledged is missing."""
    script = OTHER.replace("for line in sys.stdin:", "import itertools\nfor line in map(str, itertools.count()):")
    for turn in range(6):
        with Other(path, script) as other:
            acknowledged = 0
            deadline = time.monotonic() + 0.05 + 0.02 * turn
            while time.monotonic() < deadline:
                acknowledged = other.read_number()
            other.kill()
        with Reader(path) as reader:
            assert reader._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            connection = reader.connection(acknowledged)
            assert connection is not None
            assert connection.state == "ended"
            assert reader.transcript(connection).stream("received")


def test_what_was_open_when_its_run_was_killed_is_lost_not_open(path: Path) -> None:
    script = OTHER.replace("    journal.append((ENDED", "    0 and ((ENDED")
    with Other(path, script) as other:
        assert other.converse("half") == 1
        with Reader(path) as reader:
            assert [one.state for one in reader.open_connections()] == ["open"]
        other.kill()
    with Reader(path) as reader:
        (connection,) = reader.connections()
        assert connection.state == "lost"
        assert reader.open_connections() == []
        assert reader.catch_up()
    journal = Journal(path)  # buries it
    assert converse(journal) == 2
    journal.flush()
    with Reader(path) as reader:
        assert [one.state for one in reader.connections()] == ["ended", "lost"]
        assert reader.transcript(connection).stream("received") == b"half\n"
    journal.close()


def test_a_reader_has_the_living_runs_write_at_once(path: Path) -> None:
    journal = Journal(path, limits=Limits(tick=0.2, idle_tick=0.2))
    with Reader(path) as reader:
        assert reader.catch_up()
        for _ in range(3):
            number = converse(journal)
            assert reader.catch_up(5.0)
            connection = reader.connection(number)
            assert connection is not None
            assert connection.state == "ended"
    journal.close()
    with Reader(path) as reader:
        began = time.monotonic()
        assert reader.catch_up()
        assert time.monotonic() - began < 0.5


def test_a_reader_does_not_wait_for_ever_for_a_run_that_stands_still(path: Path) -> None:
    with Other(path) as other, Reader(path) as reader:
        other.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        assert not reader.catch_up(0.3)
        assert time.monotonic() - began < 2


def test_a_foreign_database_is_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE precious (thing TEXT)")
    db.close()
    before = path.read_bytes()
    said: list[str] = []
    journal = Journal(path, limits=QUICK, complain=said.append)
    assert "some other program" in journal.trouble
    assert "SOCKWRIGHT_HOME" in journal.trouble
    number = converse(journal)
    journal.flush()
    assert journal.connection(number) is not None
    time.sleep(0.2)  # some attempts more
    journal.close()
    assert path.read_bytes() == before
    assert said == [journal.trouble]
    with pytest.raises(ConfigError, match="some other program"):
        Reader(path)


@pytest.mark.parametrize(
    "content", [b"no database at all, but long enough to be looked at " * 30, b"SQLite format 3\0xx"]
)
def test_a_broken_file_is_told_and_a_new_one_is_made_once_it_is_gone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    journal = Journal(path, limits=QUICK)
    assert "broken" in journal.trouble
    first = converse(journal)
    journal.flush()
    assert journal.connection(first) is not None
    path.unlink()
    wait_until(lambda: not journal.trouble)
    second = converse(journal)
    journal.flush()
    assert second == first + 1
    assert second in numbers(path)
    journal.close()


def test_a_file_that_is_damaged_inside_is_told_once(path: Path) -> None:
    journal = Journal(path)
    for _ in range(20):
        converse(journal, b"x" * 50_000)
        journal.flush()
    journal.close()
    with path.open("r+b") as file:
        file.seek(16384)
        file.write(os.urandom(path.stat().st_size - 16384))
    said: list[str] = []
    journal = Journal(path, limits=QUICK, complain=said.append)
    number = converse(journal)
    journal.flush()
    wait_until(lambda: said)
    for _ in range(20):
        journal.flush()
        time.sleep(0.01)  # some attempts more
    assert len(said) == 1
    assert "is broken, or not a journal; records stay in memory" in said[0]
    assert journal.connection(number) is not None
    journal.close()


def test_a_newer_version_is_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA application_id = {APPLICATION}")
        db.execute("PRAGMA user_version = 99")
    db.close()
    journal = Journal(path)
    assert "newer sockwright" in journal.trouble
    journal.close()


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    journal = Journal(tmp_path / "file" / "journal.db")
    assert "stay in memory" in journal.trouble
    number = converse(journal)
    journal.flush()
    assert journal.connection(number) is not None
    journal.close()
    is_a_folder = Journal(tmp_path)
    assert "stay in memory" in is_a_folder.trouble
    is_a_folder.close()


def test_a_full_disk_is_told_once_and_forgotten_when_there_is_room(path: Path) -> None:
    said: list[str] = []
    journal = Journal(path, limits=QUICK, complain=said.append)
    converse(journal)
    journal.flush()
    assert journal._writer is not None
    assert journal._writer._file is not None
    db = journal._writer._file._db
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages + 1}")  # SQLite's own "disk full", for this connection alone
    number = converse(journal, b"x" * 200_000)
    wait_until(lambda: said)
    assert "no space is left" in said[0]
    wait_until(lambda: not journal.trouble)  # opened anew, without that limit
    journal.flush()
    assert said[1:] == [""]
    with Reader(path) as reader:
        connection = reader.connection(number)
        assert connection is not None
        assert reader.transcript(connection).stream("received") == b"x" * 200_000
    assert converse(journal) == number + 1
    journal.close()


def test_a_locked_file_delays_nobody_but_the_file(path: Path) -> None:
    said: list[str] = []
    journal = Journal(path, limits=QUICK, complain=said.append)
    lock = sqlite3.connect(path, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    seen = threading.Event()
    journal.follow(lambda entries: seen.set())
    number = converse(journal)
    assert seen.wait(2)
    wait_until(lambda: said)
    assert "another program holds" in said[0]
    lock.execute("ROLLBACK")
    lock.close()
    wait_until(lambda: not journal.trouble)
    assert said[1:] == [""]
    assert number in numbers(path)
    journal.close()


def test_what_waits_for_a_locked_file_is_bounded_and_what_was_let_go_is_counted(path: Path) -> None:
    journal = Journal(path, limits=Limits(busy=0.05, tick=0.01, idle_tick=0.01, memory=100_000))
    lock = sqlite3.connect(path, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    number = journal.begin(NOW, OPEN)
    for _ in range(30):
        journal.append((RECEIVED, number, NOW, b"z" * 20_000, 20_000))
        journal.flush()
    lock.execute("ROLLBACK")
    lock.close()
    journal.append((ENDED, number, NOW, Ended("peer", FIN, "", 600_000, 30, 0, 0), 0))
    wait_until(lambda: not journal.trouble)
    journal.close()
    with Reader(path) as reader:
        connection = reader.connection(number)
        assert connection is not None
        transcript = reader.transcript(connection)
        assert transcript.kept("received").chunks < 10
        assert connection.omitted == transcript.missing("received").chunks


def test_a_file_that_is_removed_under_us_is_made_anew(path: Path) -> None:
    journal = Journal(path, limits=QUICK)
    open_one = journal.begin(NOW, OPEN)
    converse(journal)
    journal.flush()
    for name in ("journal.db", "journal.db-wal", "journal.db-shm"):
        (path.parent / name).unlink(missing_ok=True)
    wait_until(lambda: path.exists() and path.stat().st_size > 0)
    converse(journal)
    journal.flush()
    journal.append((ENDED, open_one, NOW + 9, Ended("peer", FIN, "", 0, 0, 0, 0), 0))
    journal.flush()
    with Reader(path) as reader:
        connection = reader.connection(open_one)
        assert connection is not None
        assert connection.until == NOW + 9
    journal.close()


def test_the_oldest_go_when_there_is_too_much(path: Path) -> None:
    journal = Journal(path, limits=Limits(file=2_000_000, tick=0.01, idle_tick=0.01))
    for _ in range(60):
        number = converse(journal, os.urandom(100_000))
        journal.flush()
    wait_until(lambda: len(numbers(path)) < 25)
    kept = numbers(path)
    assert kept == list(range(number, number - len(kept), -1))
    with Reader(path) as reader:
        connection = reader.connection(number)
        assert connection is not None
        assert len(reader.transcript(connection).stream("received")) == 100_000
    journal.close()
    wait = Journal(path, limits=Limits(file=200_000, tick=0.01, idle_tick=0.01))
    wait_until(lambda: path.stat().st_size < 1_500_000)
    assert converse(wait) == number + 1
    wait.close()


def test_what_is_too_old_goes_and_numbers_are_not_used_again(path: Path) -> None:
    journal = Journal(path)
    assert [converse(journal, now=1.0) for _ in range(5)][-1] == 5  # long ago
    journal.close()
    journal = Journal(path, limits=Limits(tick=0.01, idle_tick=0.01))
    wait_until(lambda: numbers(path) == [])
    journal.close()
    journal = Journal(path)
    assert converse(journal) == 6
    journal.close()


def test_clear_forgets_what_has_ended(path: Path) -> None:
    journal = Journal(path)
    open_one = journal.begin(NOW, OPEN)
    for _ in range(20):
        converse(journal, b"y" * 100_000)
        journal.flush()
    with Reader(path) as reader:
        gone, freed = reader.clear()
        assert gone == 20
        assert freed > 1_500_000
        assert [one.number for one in reader.connections()] == [open_one]
    assert converse(journal) == 22
    journal.close()
    with Reader(path) as reader:
        assert [one.number for one in reader.connections()] == [22, 1]
        assert [one.state for one in reader.connections()] == ["ended", "lost"]


def test_a_reader_says_where_there_is_no_journal(path: Path) -> None:
    with pytest.raises(ConfigError, match="no journal yet"):
        Reader(path)
    path.write_bytes(b"")
    with pytest.raises(ConfigError, match="is empty"):
        Reader(path)


def test_batches_come_one_by_one(path: Path) -> None:
    journal = Journal(path)
    with Reader(path) as reader:
        start = reader.last_batch()
        assert reader.has_changed()
        assert not reader.has_changed()
        for _ in range(12):
            converse(journal)
            journal.flush()
        assert reader.has_changed()
        batches = list(reader.batches(start))
        assert [record[1] for batch in batches for record in batch.records if record[0] == ENDED] == list(range(1, 13))
        newest = reader.last_batch()
        assert batches[-1].id == newest
        assert [one.number for one in reader.ended_since(start, newest)] == list(range(1, 13))
        assert reader.ended_since(newest, newest + 5) == []
    journal.close()
