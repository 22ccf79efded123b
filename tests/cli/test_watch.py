"""`watch` as a person runs it."""

from __future__ import annotations

import json
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.programs import environment, run, running
from tests.sockets import read_exactly

WAIT = 10.0


class Watch:
    """A running `watch`, and its lines as they come."""

    def __init__(self, home: Path, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sockwright", "watch", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=environment(home),
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))

    def line(self) -> str:
        return self._lines.get(timeout=WAIT)

    def waits_for_a_run(self) -> None:
        """Return once it said that there is no journal yet; from then on it misses nothing."""
        assert self.process.stderr is not None
        assert "waiting for a run" in self.process.stderr.readline()

    def stop(self, number: int = signal.SIGINT) -> tuple[int, list[str], str]:
        """Return the exit code, the lines nobody read, and stderr."""
        self.process.send_signal(number)
        self.process.wait(WAIT)
        self._reading.join()
        assert self.process.stderr is not None
        return self.process.returncode, list(self._lines.queue), self.process.stderr.read()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(WAIT)
        self._reading.join()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


@contextmanager
def watching(home: Path, *words: str) -> Iterator[Watch]:
    watch = Watch(home, *words)
    try:
        watch.waits_for_a_run()
        yield watch
    finally:
        watch.close()


def dial(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=WAIT)


def talk(port: int, said: bytes) -> None:
    with dial(port) as sock:
        sock.sendall(said)
        read_exactly(sock, len(said))


def test_a_line_per_connection_soon_after_its_end(tmp_path: Path) -> None:
    with watching(tmp_path) as watch, running(tmp_path, "serve", "tcp://:0", "--do", "echo") as program:
        talk(program.port("echo"), b"hello")
        assert "#1 tcp echo 127.0.0.1:" in (line := watch.line())
        assert "  5 B in 1 chunk -> 5 B, peer closed first (FIN), " in line
        talk(program.port("echo"), b"again")
        said = time.monotonic()
        assert "#2 tcp echo" in watch.line()
        assert time.monotonic() - said < 5.0  # 0.1 s on a machine that has nothing else to do
        code, rest, err = watch.stop()
        assert (code, rest, err.strip()) == (130, [], "")


def test_an_open_connection_is_told_before_it_ends(tmp_path: Path) -> None:
    with watching(tmp_path) as watch, running(tmp_path, "serve", "tcp://:0", "--do", "echo") as program:
        with dial(program.port("echo")) as sock:
            sock.sendall(b"hello")
            read_exactly(sock, 5)
            assert watch.line().endswith("  5 B in 1 chunk -> 5 B, still open")
        assert "peer closed first (FIN)" in watch.line()


def test_only_what_is_asked_for_is_told(tmp_path: Path) -> None:
    with (
        watching(tmp_path, "text~привет", "-end:rst") as watch,
        running(tmp_path, "serve", "tcp://:0", "--do", "echo") as program,
    ):
        for said in ("hello", "привет"):
            talk(program.port("echo"), said.encode())
        assert "#2 tcp echo" in watch.line()
        assert watch.stop(signal.SIGTERM) == (0, [], "")


def test_json_lines(tmp_path: Path) -> None:
    with watching(tmp_path, "--json") as watch, running(tmp_path, "serve", "tcp://:0", "--do", "echo") as program:
        talk(program.port("echo"), b"hello")
        about = json.loads(watch.line())
        assert (about["number"], about["service"], about["received"], about["state"]) == (1, "echo", 5, "ended")


def test_chunks_as_they_come(tmp_path: Path) -> None:
    with (
        watching(tmp_path, "--chunks", "service:echo") as watch,
        running(tmp_path, "serve", "tcp://:0", "udp://:0", "--do", "echo") as program,
    ):
        with dial(program.port("echo")) as sock:
            sock.sendall("мир\x1b[2J\n".encode())
            read_exactly(sock, 11)
            lines = [watch.line() for _ in range(3)]
            assert "#1 opened  tcp echo 127.0.0.1:" in lines[0]
            assert lines[1].endswith("#1 peer  11 B  мир\\x1b[2J\\n")
            assert lines[2].endswith("#1 us    11 B  мир\\x1b[2J\\n")
            sock.sendall(b"\0\xff" * 50)
            read_exactly(sock, 100)
            assert watch.line().endswith("#1 peer  100 B  " + "00 ff " * 16 + "...")
            watch.line()
        assert watch.line().endswith("#1 peer  has said all (FIN)")
        assert watch.line().endswith("#1 ended   peer closed first (FIN)")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(WAIT)
            sock.sendto(b"", ("127.0.0.1", program.port("echo", "udp")))
            assert "#2 opened  udp echo" in watch.line()
            assert watch.line().endswith("#2 peer  0 B  ")


def test_chunks_as_json(tmp_path: Path) -> None:
    with (
        watching(tmp_path, "--chunks", "--json") as watch,
        running(tmp_path, "serve", "tcp://:0", "--do", "echo") as program,
    ):
        talk(program.port("echo"), b"hi")
        lines = [json.loads(watch.line()) for _ in range(5)]
        assert [line["record"] for line in lines] == ["opened", "received", "sent", "half-closed", "ended"]
        assert (lines[1]["number"], lines[1]["text"]) == (1, "hi")


def test_several_runs_are_watched_at_once_and_a_new_file_is_found(tmp_path: Path) -> None:
    with watching(tmp_path) as watch:
        with (
            running(tmp_path, "serve", "tcp://:0", "--do", "echo") as one,
            running(tmp_path, "serve", "tcp://:0", "--do", "echo") as other,
        ):
            talk(one.port("echo"), b"x")
            first = watch.line()
            talk(other.port("echo"), b"y")
            second = watch.line()
            assert first.split()[1] != second.split()[1]
        for name in ("journal.db", "journal.db-wal", "journal.db-shm"):
            (tmp_path / "data" / name).unlink(missing_ok=True)
        with running(tmp_path, "serve", "tcp://:0", "--do", "echo") as third:
            talk(third.port("echo"), b"z")
            assert "#1 tcp echo" in watch.line()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("prto:tcp",), "Did you mean 'proto'?"),
        (("--jsn",), "No such option: --jsn"),
        (("-",), "nothing behind the minus"),
    ],
)
def test_a_bad_filter_is_refused(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = run(tmp_path, "watch", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_goes_away_ends_it_quietly(tmp_path: Path) -> None:
    watch = subprocess.Popen(
        [sys.executable, "-m", "sockwright", "watch"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(tmp_path),
    )
    assert watch.stderr is not None
    assert watch.stdout is not None
    assert "waiting for a run" in watch.stderr.readline()
    with running(tmp_path, "serve", "tcp://:0", "--do", "echo") as program:
        talk(program.port("echo"), b"x")
        watch.stdout.readline()
        watch.stdout.close()
        talk(program.port("echo"), b"x")
        watch.wait(WAIT)
    assert watch.stderr.read() == ""
    watch.stderr.close()
