"""`decode` as a process: words and standard input, every protocol, what goes wrong."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.peers import closed_port, hang_up, server
from tests.programs import environment, run
from tests.terminal import Terminal, at_terminal

from sockwright.services.books import DEFAULT, entry_of, table_of
from sockwright.stores import open_store
from sockwright.workbench import BenchThread


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BenchThread]:
    store = open_store(str(tmp_path_factory.mktemp("state") / "state.db"))
    words = {"khoor": "hello", "zruog": "world", "тулезх": "привет", "two": "two words", "[x]": "bracket"}
    store.change(table_of(DEFAULT), dict(entry_of(*each) for each in words.items()))
    store.change(table_of("other"), dict([entry_of("khoor", "other")]))
    with BenchThread(store=store) as running:
        yield running
    store.close()


@pytest.fixture(scope="module")
def at(bench: BenchThread) -> str:
    return f"tcp://{bench.serve('tcp://:0', 'codebook')}"


def test_words_come_back_on_one_line(tmp_path: Path, at: str) -> None:
    done = run(tmp_path, "decode", "--at", at, "khoor", "zruog", "Тулезх")
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello world Привет\n", "")


def test_what_is_unknown_is_marked_and_the_exit_code_says_so(tmp_path: Path, at: str) -> None:
    done = run(tmp_path, "decode", "--at", at, "khoor", "nope", "a b", "two", "[x]")
    assert (done.returncode, done.stdout) == (1, "hello ?nope ?a b two words bracket\n")
    assert done.stderr == "2 of 5 words are not in the book\n"


@pytest.mark.parametrize("scheme", ["tcp", "udp", "xmlrpc", "http"])
def test_every_protocol_gives_the_same(tmp_path: Path, bench: BenchThread, scheme: str) -> None:
    place = f"{scheme}://{bench.serve(f'{scheme}://:0', 'codebook')}"
    done = run(tmp_path, "decode", "--at", place, "--json", "khoor", "nope", "тулезх")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["word"], row["plain"]) for row in rows] == [("khoor", "hello"), ("nope", None), ("тулезх", "привет")]
    assert run(tmp_path, "decode", "--at", place, "--book", "other", "khoor").stdout == "other\n"
    assert run(tmp_path, "decode", "--at", place, "--encode", "hello").stdout == "khoor\n"


def test_lines_of_standard_input_stay_lines(tmp_path: Path, at: str) -> None:
    said = "\ufeffkhoor zruog\r\n\n  тулезх\nnope\n"
    done = run(tmp_path, "decode", "--at", at, "-", stdin=said)
    assert (done.returncode, done.stdout) == (1, "hello world\n\nпривет\n?nope\n")
    assert run(tmp_path, "decode", "--at", at, "-", stdin="khoor").stdout == "hello\n"
    assert run(tmp_path, "decode", "--at", at, "-", stdin="").stdout == ""
    assert run(tmp_path, "decode", "--at", at, "-", stdin="\n\n").stdout == "\n\n"


def test_a_long_file_comes_back_whole_and_in_order(tmp_path: Path, at: str) -> None:
    words = ["khoor" if n % 7 else f"nope{n}" for n in range(100_000)]
    done = run(tmp_path, "decode", "--at", at, "-", stdin="\n".join(words))
    assert done.returncode == 1
    assert done.stdout.splitlines() == ["hello" if word == "khoor" else f"?{word}" for word in words]


@pytest.mark.parametrize("before", ["<in.txt", "cat in.txt |"])
def test_a_progress_bar_is_shown_beside_the_file_and_not_in_it(tmp_path: Path, at: str, before: str) -> None:
    words = ["khoor" if n % 7 else f"nope{n}" for n in range(100_000)]
    (tmp_path / "in.txt").write_text("\n".join(words), "utf-8")
    decode = f"{sys.executable} -m sockwright decode --at {at} -"
    script = f"cd {tmp_path} && {before} {decode} > out.txt; echo exit $?"
    with Terminal(["/bin/sh", "-c", script], {**environment(tmp_path, TERM="xterm")}) as terminal:
        terminal.until("deciphering")
        terminal.until("14286 of 100000 words are not in the book")
        terminal.until("exit 1")
        assert b"hello" not in terminal.shown
    came = (tmp_path / "out.txt").read_text("utf-8").splitlines()
    assert came == ["hello" if word == "khoor" else f"?{word}" for word in words]


def test_bytes_that_are_not_utf8_are_named_with_their_line(tmp_path: Path, at: str) -> None:
    done = run(tmp_path, "decode", "--at", at, "-", stdin=b"khoor\n" + "привет".encode("cp1251") + b"\n")
    assert done.returncode == 2
    assert "line 2: byte 0xef is not UTF-8" in done.stderr
    assert "iconv" in done.stderr


def test_what_cannot_be_asked_is_a_usage_error(tmp_path: Path, at: str) -> None:
    assert run(tmp_path, "decode").returncode == 2
    assert run(tmp_path, "decode", "-", "khoor").returncode == 2
    done = run(tmp_path, "decode", "--at", f"smtp://:{at.rpartition(':')[2]}", "khoor")
    assert (done.returncode, "has no codebook" in done.stderr) == (2, True)
    done = run(tmp_path, "decode", "--at", at, "--book", "othr", "khoor")
    assert (done.returncode, "Did you mean 'other'" in done.stderr) == (1, True)


def test_nobody_there_and_nobody_answering(tmp_path: Path) -> None:
    done = run(tmp_path, "decode", "--at", f":{closed_port()}", "khoor")
    assert (done.returncode, "sockwright up has a codebook" in done.stderr) == (3, True)

    def silent(client: socket.socket) -> None:
        client.recv(1000)
        client.recv(1000)

    with server(silent) as port:
        done = run(tmp_path, "decode", "--at", f":{port}", "--wait", "300ms", "khoor")
    assert (done.returncode, "did not answer within 0.3 s" in done.stderr) == (4, True)


@pytest.mark.parametrize("answer", [b"hello world\n", b"\xff\n", b'["a", 1]\n', b"[\n"])
def test_a_peer_that_is_no_codebook_breaks_the_protocol(tmp_path: Path, answer: bytes) -> None:
    def other(client: socket.socket) -> None:
        client.recv(1000)
        client.sendall(answer)

    with server(other) as port:
        assert run(tmp_path, "decode", "--at", f":{port}", "khoor").returncode == 5


def test_a_peer_that_hangs_up_without_an_answer(tmp_path: Path) -> None:
    with server(hang_up) as port:
        done = run(tmp_path, "decode", "--at", f":{port}", "khoor")
    assert (done.returncode, "hung up" in done.stderr) == (5, True)


def test_what_a_book_says_cannot_control_the_terminal(tmp_path: Path) -> None:
    def evil(client: socket.socket) -> None:
        client.recv(1000)
        client.sendall(b"\x1b]0;owned\x07\x1b[31m\n")

    with server(evil) as port, at_terminal(tmp_path, "decode", "--at", f":{port}", "khoor") as terminal:
        terminal.until("\\x1b]0;owned\\x07\\x1b[31m")
        assert terminal.end() == 0
        assert b"\x1b]0" not in terminal.shown
