"""`log` as a person runs it, beside a bench that goes on."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.programs import run, running
from tests.sockets import read_all


def talk(port: int, said: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        sock.sendall(said)
        sock.shutdown(socket.SHUT_WR)
        return read_all(sock)


def test_who_has_seen_an_effect_finds_its_record(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "tcp://:0", "--do", "echo") as program:
        port = program.port("echo")
        for turn in range(3):
            said = f"привет {turn}\n".encode()
            assert talk(port, said) == said
            done = run(tmp_path, "log", "list")
            assert done.returncode == 0, done.stderr
            assert len(done.stdout.splitlines()) == turn + 1
            assert f"#{turn + 1} tcp echo 127.0.0.1:" in done.stdout.splitlines()[-1]
            assert f"привет {turn}" in run(tmp_path, "log", "show", str(turn + 1)).stdout
    after = run(tmp_path, "log", "list")  # and when the bench is gone
    assert len(after.stdout.splitlines()) == 3


def test_list_show_export_clear(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "tcp://:0", "--do", "echo") as program:
        for said in (b"one\n", b"\x1b]0;evil\x07\n", b"three\n"):
            talk(program.port("echo"), said)
        listed = run(tmp_path, "log", "list", "--last", "2")
        assert [line.split()[1] for line in listed.stdout.splitlines()] == ["#2", "#3"]
        assert "there are earlier ones" in listed.stderr
        as_json = run(tmp_path, "log", "list", "--last", "0", "--json", "received>5").stdout.splitlines()
        assert [json.loads(line)["number"] for line in as_json] == [2, 3]
        assert run(tmp_path, "log", "list", "-#3", "text~/^t|^one/").stdout.split()[1] == "#1"
        assert "nothing in the journal matches" in run(tmp_path, "log", "list", "end:rst").stderr

        shown = run(tmp_path, "log", "show", "2", "#3")
        assert "\x1b" not in shown.stdout
        assert "\\x1b]0;evil\\x07\\n" in shown.stdout
        assert "\n\n#3 tcp echo" in shown.stdout
        assert "1b 5d 30" in run(tmp_path, "log", "show", "2", "--hex").stdout
        records = json.loads(run(tmp_path, "log", "show", "2", "--json").stdout)["records"]
        assert [record["text"] for record in records if "text" in record] == ["\x1b]0;evil\x07\n"] * 2

        out = run(tmp_path, "log", "export", "--as", "jsonl", "text~three")
        assert json.loads(out.stdout)["number"] == 3
        assert out.stderr == "1 connections\n" or "1 connection" in out.stderr
        file = tmp_path / "all.jsonl"
        assert run(tmp_path, "log", "export", "-o", str(file)).returncode == 0
        assert [json.loads(line)["number"] for line in file.read_text("utf-8").splitlines()] == [1, 2, 3]
        assert [path.name for path in tmp_path.glob("all*")] == ["all.jsonl"]

        cleared = run(tmp_path, "log", "clear")
        assert "3 connections forgotten" in cleared.stderr
        assert run(tmp_path, "log", "list").stdout == ""
        talk(program.port("echo"), b"four")
        assert "#4 tcp echo" in run(tmp_path, "log", "list").stdout
        elsewhere = run(tmp_path / "other", "log", "list", "--journal", str(tmp_path / "data" / "journal.db"))
        assert "#4 tcp echo" in elsewhere.stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("list",), 2, "there is no journal yet"),
        (("list", "prto:tcp"), 2, "filter, at character 1: there is no key 'prto'. Did you mean 'proto'?"),
        (("list", "--jsn"), 2, "No such option: --jsn"),
        (("show", "x"), 2, "'x' is not the number of a connection"),
        (("export",), 2, "Say --as jsonl, "),
        (("export", "--as", "pcap"), 2, "Did you mean 'pcapng'?"),
    ],
)
def test_mistakes_are_told_in_words(tmp_path: Path, words: tuple[str, ...], code: int, said: str) -> None:
    if (words[0] == "export" and "--as" in words) or words[0] == "show":
        with running(tmp_path, "serve", "tcp://:0", "--do", "echo"):
            pass
    done = run(tmp_path, "log", *words)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 3


def test_a_connection_that_is_not_there_is_wrong(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "tcp://:0", "--do", "echo") as program:
        talk(program.port("echo"), b"x")
        done = run(tmp_path, "log", "show", "99")
        assert (done.returncode, done.stdout) == (1, "")
        assert "there is no connection 99" in done.stderr
        assert "the newest is 1" in done.stderr
        unwritable = run(tmp_path, "log", "export", "-o", str(tmp_path / "no" / "x.har"))
        assert unwritable.returncode == 2
        assert "cannot write" in unwritable.stderr


@pytest.mark.stranger("tshark", "curl")
def test_real_traffic_as_packets_and_as_http_archive(tmp_path: Path, stranger: Callable[[str], str]) -> None:
    with running(tmp_path, "serve", "http://:0", "tcp://:0", "--do", "echo") as program:
        talk(program.port("echo"), "привет".encode())
        url = f"http://127.0.0.1:{program.port('echo', 'http')}/call/echo.echo?line=hi"
        subprocess.run([stranger("curl"), "-s", "-o", str(tmp_path / "x"), url, url], timeout=20, check=True)
        packets, archive = tmp_path / "out.pcapng", tmp_path / "out.har"
        for file in (packets, archive):
            assert run(tmp_path, "log", "export", "-o", str(file)).returncode == 0
    shark = [stranger("tshark"), "-r", str(packets), "-n"]
    followed = subprocess.run(
        [*shark, "-q", "-z", "follow,tcp,raw,0"], capture_output=True, text=True, timeout=60, check=True
    )
    assert followed.stdout.count("привет".encode().hex()) == 2
    entries = json.loads(archive.read_text("utf-8"))["log"]["entries"]
    assert [entry["request"]["url"] for entry in entries] == [url, url]
    assert {entry["request"]["method"] for entry in entries} == {"GET"}
    assert {entry["connection"] for entry in entries} <= {"2", "3"}
