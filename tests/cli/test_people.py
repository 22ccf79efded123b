"""`join` and `people` as processes, the server's screen, and the lecture's second exercise both ways."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.examples import lecture
from tests.peers import closed_port, echo, server
from tests.programs import environment, run, running
from tests.sockets import until
from tests.terminal import at_terminal


@contextmanager
def joined(home: Path, port: int, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Run `sockwright join` while the block lasts, from the moment it has joined."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "sockwright", "join", *words, "--at", f":{port}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=environment(home),
    )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert "joined as #" in first or '"joined"' in first, first
        yield process
    finally:
        process.kill()
        process.communicate()


def names(home: Path, port: int) -> list[str]:
    done = run(home, "people", "--at", f":{port}", "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(row)["name"] for row in done.stdout.splitlines()]


def test_several_join_and_all_are_seen(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "tcp://:0", "--do", "people") as bench:
        port = bench.port("people")
        done = run(tmp_path, "people", "--at", f":{port}")
        assert (done.returncode, done.stdout) == (0, "")
        assert "nobody is connected" in done.stderr
        with joined(tmp_path, port, "Анна", "30") as ann, joined(tmp_path, port, "Bob", "41", "--quiet") as bob:
            assert names(tmp_path, port) == ["Анна", "Bob"]
            assert run(tmp_path, "people", "--at", f":{port}").stdout == "#1      Анна  30\n#2      Bob   41\n"
            assert ann.stdout is not None
            assert ann.stdout.readline() == "+ Bob, 41, joins (#2); 2 connected\n"
            bob.kill()
            assert ann.stdout.readline() == "- Bob, 41, leaves (#2); 1 connected\n"
            ann.send_signal(signal.SIGINT)
            assert ann.wait(10) == 130
        until(lambda: names(tmp_path, port) == [])
        code, out, _ = bench.stop()
    assert code == 0
    assert "+ Анна, 30  #1  127.0.0.1:" in out
    assert "- Bob, 41  #2  127.0.0.1:" in out


def test_a_join_that_hangs_is_gone_within_ten_seconds(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "tcp://:0", "--do", "people") as bench:
        port = bench.port("people")
        with joined(tmp_path, port, "Ice", "1", "--quiet") as frozen:
            os.kill(frozen.pid, signal.SIGSTOP)
            began = time.monotonic()
            until(lambda: names(tmp_path, port) == [], 12)
            assert time.monotonic() - began < 10


def test_people_follow_shows_who_is_there_and_who_comes(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "tcp://:0", "--do", "people") as bench:
        port = bench.port("people")
        with (
            joined(tmp_path, port, "Ann", "30"),
            at_terminal(tmp_path, "people", "--follow", "--at", f":{port}") as terminal,
        ):
            terminal.until("#1      Ann  30")
            with joined(tmp_path, port, "Bob", "41"):
                terminal.until("+ Bob, 41, joins (#2); 2 connected")
            terminal.until("- Bob, 41, leaves (#2); 1 connected")
            terminal.type("\x03")
            assert terminal.end() == 130


def test_the_server_on_a_terminal_shows_a_live_table(tmp_path: Path) -> None:
    port = closed_port()
    with at_terminal(tmp_path, "serve", f"tcp://:{port}", "--do", "people") as terminal:
        terminal.until("nobody is connected")
        with joined(tmp_path, port, "Анна [bold]", "30"):
            terminal.until("1 person is connected")
            terminal.until("Анна [bold]")
        terminal.shown = b""
        terminal.until("nobody is connected")
        terminal.type("\x03")
        assert terminal.end() == 130


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("Ann", "thirty"), "'thirty' came"),
        (("Ann", "-1"), "nobody is -1"),
        (("Ann", "151"), "nobody is 151"),
        (("", "7"), "the name is empty"),
        (("x" * 65, "7"), "65 characters"),
        (("\x1b[2J", "7"), "cannot be shown"),
    ],
)
def test_who_nobody_is_is_a_usage_error(tmp_path: Path, words: tuple[str, str], why: str) -> None:
    done = run(tmp_path, "join", *words)
    assert done.returncode == 2
    assert why in done.stderr
    assert "\x1b" not in done.stderr


def test_nobody_there_and_somebody_else(tmp_path: Path) -> None:
    assert run(tmp_path, "join", "Ann", "30", "--at", f":{closed_port()}").returncode == 3
    with server(echo) as port:
        assert run(tmp_path, "join", "Ann", "30", "--at", f":{port}").returncode == 5
    with server(lambda client: client.sendall(b"220 mail\r\n")) as port:
        assert run(tmp_path, "people", "--at", f":{port}").returncode == 5


# -- our examples of the lecture's exercises, against us and each other


def test_example_people(tmp_path: Path) -> None:
    client = str(lecture.PROGRAMS / "people_client.py")

    def stays(port: int, name: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-X", "utf8", client, name, "30", str(port)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert '"connected": ' in process.stdout.readline().replace('":', '": ').replace("  ", " ")
        return process

    with running(tmp_path, "serve", "tcp://:0", "--do", "people") as bench:
        port = bench.port("people")
        guests = [stays(port, name) for name in ("Анна", "Bob")]
        assert names(tmp_path, port) == ["Анна", "Bob"]
        for guest in guests:
            guest.kill()
            guest.communicate()
        until(lambda: names(tmp_path, port) == [])
    port = closed_port()
    with lecture.background(lecture.PROGRAMS / "people_server.py", str(port), output=tmp_path / "server.txt"):
        until(lambda: _answers(port))
        guest = stays(port, "Анна")
        with at_terminal(tmp_path, "join", "Борис", "41", "--at", f":{port}") as ours:
            ours.until("another program's server")
            ours.until('{"connected": 2}')
            until(lambda: "2 connected: Анна (30), Борис (41)" in (tmp_path / "server.txt").read_text("utf-8"))
            guest.kill()
            guest.communicate()
            until(lambda: "\n1 connected: Борис (41)" in (tmp_path / "server.txt").read_text("utf-8"))
            ours.type("\x03")
            assert ours.end() == 130


def _only_user(client: socket.socket) -> None:
    """A server with a class that takes a name and an age alone, and answers in pieces, without an end of line."""

    class User:
        def __init__(self, name: str, age: int) -> None:
            self.name = name
            self.age = age

    user = User(**json.loads(client.recv(1024).decode()))
    for piece in ("Привет, ", f"{user.name}! \x1b[2J\n", "Пока"):
        client.sendall(piece.encode())
    client.recv(1024)


def test_a_server_whose_user_has_a_name_and_an_age_alone(tmp_path: Path) -> None:
    with server(_only_user) as port, at_terminal(tmp_path, "join", "Ann", "30", "--at", f":{port}") as terminal:
        terminal.until("Пока")
        assert "Привет, Ann! \\x1b[2J".encode() in terminal.shown
        terminal.type("\x03")
        assert terminal.end() == 130


def test_a_server_that_prints_and_says_nothing(tmp_path: Path) -> None:
    def silent(client: socket.socket) -> None:
        while client.recv(1024):
            pass

    with (
        server(silent) as port,
        at_terminal(tmp_path, "join", "Ann", "30", "--at", f":{port}", "--wait", "200ms") as terminal,
    ):
        terminal.until("another program's server, and has our user")
        terminal.type("\x03")
        assert terminal.end() == 130


def test_by_hand_with_nc(tmp_path: Path, stranger: Callable[[str], str]) -> None:
    nc = stranger("nc")
    with running(tmp_path, "serve", "tcp://:0", "--do", "people") as bench:
        port = bench.port("people")
        words = [nc, "127.0.0.1", str(port)]
        with subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        ) as hand:
            assert hand.stdin is not None
            assert hand.stdout is not None

            def say(text: str) -> str:
                assert hand.stdin is not None
                assert hand.stdout is not None
                hand.stdin.write(text + "\n")
                hand.stdin.flush()
                return hand.stdout.readline()

            assert say("hello") == 'error: say who you are: {"name": "Ann", "age": 30} or Ann 30, and \'hello\' came\n'
            assert say("Анна thirty") == "error: an age is a whole number of years, and 'thirty' came\n"
            assert json.loads(say("Анна 30"))["connected"] == 1
            assert json.loads(say("follow"))["people"][0]["name"] == "Анна"
            with joined(tmp_path, port, "Bob", "41", "--quiet"):
                assert json.loads(hand.stdout.readline())["event"] == "join"
            assert json.loads(hand.stdout.readline())["event"] == "leave"
            hand.stdin.close()
            hand.kill()
        until(lambda: names(tmp_path, port) == [])


def test_example_codebook(tmp_path: Path) -> None:
    client = lecture.PROGRAMS / "codebook_client.py"
    with running(tmp_path, "serve", "tcp://:0", "--do", "codebook") as bench:
        port = bench.port("codebook")
        assert lecture.run_file(client, str(port)) == "['hello', 'привет', '?unknown']\n"
    port = closed_port()
    with lecture.background(lecture.PROGRAMS / "codebook_server.py", str(port)):
        until(lambda: _answers(port))
        assert lecture.run_file(client, str(port)) == "['hello', 'привет', '?unknown']\n"
        done = run(tmp_path, "decode", "--at", f":{port}", "khoor", "плу", "nope")
        assert (done.returncode, done.stdout) == (1, "hello мир ?nope\n")


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
