"""What only the store in a file must stand: kill -9, a full disk, no leave to write, other people's files."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from bench.kills import Rounds, kill_rounds
from tests.sockets import ask, until
from tests.stores.test_conformance import Told

from sockwright.errors import ConfigError
from sockwright.services.books import DEFAULT, entry_of, table_of
from sockwright.stores import Unavailable, open_store
from sockwright.stores.sqlite import SqliteStore
from sockwright.workbench import BenchThread

# Rounds of kill -9: a few each time, fifty in `dev.py soak` and when asked for (SOCKWRIGHT_KILL_ROUNDS=50).
ROUNDS = int(os.environ.get("SOCKWRIGHT_KILL_ROUNDS", "6"))


def test_acknowledged_is_kept_through_kill_9(tmp_path: Path) -> None:
    """SIGKILL at random moments, on one and the same file; what was acknowledged in any round is there after each."""
    assert kill_rounds(tmp_path, ROUNDS, print) == []


def test_a_store_that_loses_what_it_acknowledged_is_seen(tmp_path: Path) -> None:
    rounds = Rounds(tmp_path / "state.db", 1)
    assert rounds.play() == []
    store = open_store(str(rounds.file))
    try:
        gone = max(rounds.sets[0])
        store.change("set0", drop=[b"%d" % gone])
        assert rounds.examine() == [f"round 1: 1 acknowledged and gone, the first is {gone}"]
        store.change("set0", {b"%d" % gone: b"v%d" % gone})
        store.change("import", {b"1": b"0"})
        assert "an import is there in part" in rounds.examine()[0]
        store.remove("import")
        rounds.imports = rounds.imports or 1
        assert "was acknowledged and is gone" in rounds.examine()[0]
    finally:
        store.close()


def test_a_full_disk_is_said_and_changes_nothing(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "state.db"))
    assert isinstance(store, SqliteStore)
    try:
        store.change("t", {b"a": b"1"})
        pages = store._writing.execute("PRAGMA page_count").fetchone()[0]
        store._writing.execute(f"PRAGMA max_page_count = {pages + 2}")  # SQLite then says what it says on ENOSPC
        with pytest.raises(Unavailable, match="the disk is full"):
            store.change("t", {b"%d" % n: b"x" * 100 for n in range(10_000)})
        assert store.read("t")[1] == {b"a": b"1"}
        store.change("t", {b"a": b"2"})  # small enough, and the store lives
        assert store.read("t")[1] == {b"a": b"2"}
    finally:
        store.close()


@pytest.mark.skipif(not os.path.exists("/dev/shm") or os.name == "nt", reason="needs a small file system")
def test_no_room_on_the_device_is_said(tmp_path: Path) -> None:
    """A process that may write 300 KiB to a file and no more (RLIMIT_FSIZE)."""
    code = (
        "import resource, signal, sys\n"
        "from sockwright.stores import open_store, Unavailable\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "store = open_store(sys.argv[1])\n"
        "store.change('t', {b'a': b'1'})\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n"
        "try:\n"
        "    store.change('t', {b'%d' % n: b'x' * 100 for n in range(20_000)})\n"
        "except Unavailable as wrong:\n"
        "    print('refused', wrong)\n"
        "print(store.read('t')[1], store.change('t', {b'a': b'2'}) > 0, store.read('t')[1])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "state.db")], capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("refused state unavailable: "), done.stderr
    assert "{b'a': b'1'} True {b'a': b'2'}" in done.stdout


def test_what_may_only_be_read_is_read_and_changes_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    first = open_store(str(file))
    first.change("t", {b"a": b"1"})
    store = open_store(f"sqlite:{file}?mode=ro")
    try:
        assert store.read("t")[1] == {b"a": b"1"}
        with pytest.raises(Unavailable, match="may be read but not written"):
            store.change("t", {b"a": b"2"})
        told = Told(store)
        first.change("t", {b"b": b"2"})
        until(lambda: told.changes)
    finally:
        store.close()
        first.close()


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.db"
    with sqlite3.connect(foreign) as db:
        db.execute("CREATE TABLE t (x)")
    db.close()
    before = foreign.read_bytes()
    with pytest.raises(ConfigError, match="somebody else's"):
        open_store(str(foreign))
    assert foreign.read_bytes() == before
    text = tmp_path / "notes.txt"
    text.write_text("это не база\n" * 100, "utf-8")
    with pytest.raises(ConfigError, match="is no database"):
        open_store(str(text))
    with pytest.raises(Unavailable, match="cannot make"):
        open_store(str(text / "state.db"))


def test_processes_that_come_and_go_do_not_part_the_others_from_the_file(tmp_path: Path) -> None:
    """Whoever opens the file a second time must not lose the locks of the first (POSIX: closing gives up all)."""
    file = str(tmp_path / "state.db")
    here, again = open_store(file), open_store(file)
    code = "import sys; from sockwright.stores import open_store as o; s = o(sys.argv[1]); "
    try:
        here.change("t", {b"a": b"1"})
        told = Told(again)

        def holds(count: int) -> bool:
            return len(told.tables.get("t", {})) == count

        for n in range(4):
            words = [sys.executable, "-c", code + f"s.change('t', {{b'{n}': b'x'}}); s.close()", file]
            subprocess.run(words, check=True)
            until(partial(holds, n + 2))
        assert len(here.read("t")[1]) == 5
    finally:
        here.close()
        again.close()


def test_a_store_of_an_unknown_kind_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'redis'"):
        open_store("reddis://127.0.0.1/0")


def test_only_the_user_may_read_the_file(tmp_path: Path) -> None:
    open_store(str(tmp_path / "state.db")).close()
    assert (tmp_path / "state.db").stat().st_mode & 0o077 == 0


def test_who_missed_what_the_log_has_forgotten_reads_the_table_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sockwright.stores.sqlite_tables.LOG", 100)
    store = open_store(str(tmp_path / "state.db"))
    assert isinstance(store, SqliteStore)
    try:
        for n in range(150):
            store.change("t", {b"%d" % n: b"x"})
        assert store._writing.execute("SELECT count(*) FROM change").fetchone()[0] <= 111
        store._seen = {"t": (1, 1)}  # as one that has slept since the first change
        told = Told(store)
        store._tell_changes()
        until(lambda: len(told.tables.get("t", ())) == 150)
        assert told.changes[0].whole
    finally:
        store.close()


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of a megabyte."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(words, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("needs leave to mount a file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_server_on_a_full_disk_answers_and_recovers(tiny: Path) -> None:
    """ENOSPC from the system itself, beneath a server that runs and an import that does not fit."""
    store = open_store(str(tiny / "state.db"))
    try:
        store.change(table_of(DEFAULT), dict([entry_of("khoor", "hello")]))
        with BenchThread(store=store) as bench:
            address = bench.serve("tcp://:0", "codebook")
            (tiny / "others").write_bytes(bytes(300_000))
            with pytest.raises(Unavailable, match=r"^state unavailable: the disk is full, and nothing was changed in "):
                store.change(table_of(DEFAULT), {b"%d" % n: b"x" * 100 for n in range(20_000)})
            assert ask(address, b"khoor 7\n") == b"hello ?7\n"
            kept = {b"khoor": b"hello"}

            def fill() -> None:
                for n in range(2_000):  # small ones, until not even they fit
                    store.change(table_of(DEFAULT), {b"n%d" % n: b"y" * 900})
                    kept[b"n%d" % n] = b"y" * 900

            with pytest.raises(Unavailable, match="the disk is full"):
                fill()
            assert store.read(table_of(DEFAULT))[1] == kept
            last = list(kept)[-1]
            until(lambda: ask(address, last + b" 7\n") == kept[last] + b" ?7\n")
            (tiny / "others").unlink()
            store.change(table_of(DEFAULT), {b"7": b"seven"})
            until(lambda: ask(address, b"khoor 7\n") == b"hello seven\n")
        with sqlite3.connect(tiny / "state.db") as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        db.close()
    finally:
        store.close()


def test_a_server_that_may_only_read_the_file_serves_and_sees_changes(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    writer = open_store(str(file))
    writer.change(table_of(DEFAULT), dict([entry_of("khoor", "hello")]))
    reader = open_store(f"sqlite:{file}?mode=ro")
    try:
        with BenchThread(store=reader) as bench:
            address = bench.serve("tcp://:0", "codebook")
            assert ask(address, b"khoor zruog\n") == b"hello ?zruog\n"
            writer.change(table_of(DEFAULT), dict([entry_of("zruog", "world")]))
            until(lambda: ask(address, b"khoor zruog\n") == b"hello world\n")
            people = bench.serve("tcp://:0", "people")
            assert b'"connected":1' in ask(people, b"Ann 30\n")
    finally:
        reader.close()
        writer.close()
