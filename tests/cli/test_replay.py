"""A recording played again: as client, as server, against each other."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.programs import run, running
from tests.sockets import WAIT, dial, read_all, read_exactly

from sockwright.endpoint import Peer

TAKE = (
    '["sockwright recording",1,{"listen":"tcp://127.0.0.1:1","target":"tcp://127.0.0.1:2"}]\n'
    '[4,1000000,"open",{"peer":"127.0.0.1:50000","proto":"tcp"}]\n'
    '[4,1000100,"<","220 привет\\r\\n"]\n'
    '[4,1100000,">","один"]\n'
    '[4,1300000,">","два"]\n'
    '[4,1400000,"<","о"]\n'
    '[4,1600000,"<",null,"AP8="]\n'
    '[4,1700000,">",""]\n'
    '[4,1710000,"<","end"]\n'
    '[4,1720000,"<",""]\n'
    '[4,1720100,"end",{"how":"fin","by":"client"}]\n'
)


def test_one_side_plays_against_the_other(tmp_path: Path) -> None:
    tape = tmp_path / "запись.jsonl"
    tape.write_text(TAKE, "utf-8")
    with running(tmp_path, "serve", "tcp://:0", "--do", str(tape), "-q") as server:
        port = next(iter(server.ports.values()))
        for flags, least, most in (((), 0.7, 4.0), (("--fast",), 0.1, 4.0)):
            began = time.monotonic()
            done = run(tmp_path, "replay", str(tape), "--to", f":{port}", "--same", "--json", *flags)
            took = time.monotonic() - began
            assert (done.returncode, done.stderr) == (0, "")
            assert json.loads(done.stdout)["differs_at"] is None
            assert least < took < most


def test_a_server_that_answers_otherwise_is_told(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    tape.write_text(TAKE, "utf-8")
    with running(tmp_path, "serve", "tcp://:0", "--do", "echo", "-q") as server:
        words = ("replay", str(tape), "--to", f":{server.port('echo')}", "--fast", "--same", "--wait", "300ms")
        done = run(tmp_path, *words)
    assert done.returncode == 1
    assert "differs at byte 0" in done.stdout


def test_gaps_and_chunks_of_the_server_are_kept(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    tape.write_text(TAKE, "utf-8")
    with (
        running(tmp_path, "serve", "tcp://:0", "--do", str(tape), "-q") as server,
        dial(Peer("127.0.0.1", next(iter(server.ports.values())))) as sock,
    ):
        read_exactly(sock, len("220 привет\r\n".encode()))
        sock.sendall("одиндва".encode())
        began = time.monotonic()
        assert sock.recv(100) == "о".encode()
        assert sock.recv(100) == b"\x00\xff"
        assert 0.25 < time.monotonic() - began < 1.0
        sock.shutdown(1)
        assert read_all(sock) == b"end"


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text("{}\n", "utf-8")
    done = run(tmp_path, "replay", str(tmp_path / "x.jsonl"))
    assert done.returncode == 2
    assert "x.jsonl, line 1" in done.stderr


def test_the_journal_s_export_is_a_recording_too(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "tcp://:0", "--do", "echo", "-q") as server:
        with dial(Peer("127.0.0.1", server.port("echo"))) as sock:
            sock.sendall("привет".encode())
            read_exactly(sock, 12)
            sock.shutdown(1)
            read_all(sock)
        done = run(tmp_path, "log", "export", "--as", "recording", "-o", str(tmp_path / "was.recording"))
        assert (done.returncode, "Traceback" in done.stderr) == (0, False)
        words = ("replay", str(tmp_path / "was.recording"), "--to", f":{server.port('echo')}", "--same", "--fast")
        assert run(tmp_path, *words).returncode == 0


OVER_UDP = (
    '["sockwright recording",1,{"listen":"udp://127.0.0.1:1","target":"udp://127.0.0.1:2"}]\n'
    '[1,0,"open",{"peer":"127.0.0.1:50000","proto":"udp"}]\n'
    '[1,1000,">","кто там?"]\n'
    '[1,3000,"<","почтальон"]\n'
    '[1,303000,"<",null,"AP8="]\n'
    '[1,400000,">",""]\n'
    '[1,401000,"<","печкин"]\n'
    '[1,500000,"end",{"how":"time-out","by":"client"}]\n'
    '[2,600000,"open",{"peer":"127.0.0.1:50001","proto":"udp"}]\n'
    '[2,601000,">","и снова"]\n'
    '[2,602000,"<","здравствуйте"]\n'
)


@contextmanager
def datagrams(port: int) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(WAIT)
        sock.connect(("127.0.0.1", port))
        yield sock


def test_over_udp_a_recording_answers_each_address_with_its_gaps(tmp_path: Path) -> None:
    tape = tmp_path / "запись.jsonl"
    tape.write_text(OVER_UDP, "utf-8")
    with running(tmp_path, "serve", "udp://:0", "--do", str(tape), "-q") as server:
        port = next(iter(server.ports.values()))
        with datagrams(port) as first, datagrams(port) as second:
            first.send(b"whatever it is")
            assert first.recv(100) == "почтальон".encode()
            began = time.monotonic()
            assert first.recv(100) == b"\x00\xff"
            assert 0.2 < time.monotonic() - began < 2.0
            second.send(b"")
            assert second.recv(100) == "здравствуйте".encode()
            first.send(b"")
            assert first.recv(100) == "печкин".encode()
            first.send(b"more than was recorded")
            first.settimeout(0.2)
            with pytest.raises(TimeoutError):
                first.recv(100)


def test_over_udp_one_side_plays_against_the_other(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    tape.write_text(OVER_UDP, "utf-8")
    for flags in ((), ("--fast",)):
        with running(tmp_path, "serve", "udp://:0", "--do", str(tape), "-q") as server:
            port = next(iter(server.ports.values()))
            done = run(tmp_path, "replay", str(tape), "--to", f"udp://:{port}", "--same", "--json", *flags)
            told = [json.loads(line) for line in done.stdout.splitlines()]
            assert (done.returncode, done.stderr) == (0, ""), told
            assert [(one["number"], one["differs_at"], one["trouble"]) for one in told] == [
                (1, None, ""),
                (2, None, ""),
            ]


def test_what_a_tap_recorded_of_udp_is_played_as_client_and_as_server(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    said = ["привет".encode(), b"", bytes(range(256)) * 100, b"x"]
    with running(tmp_path, "serve", "udp://:0", "--do", "echo", "-q") as echo:
        target = f"udp://:{echo.port('echo', 'udp')}"
        with running(tmp_path, "tap", "udp://:0", target, "--record", str(tape), "-q") as tap:
            with datagrams(tap.port("tap", "udp")) as sock:
                for data in said:
                    sock.send(data)
                    assert sock.recv(65535) == data
            assert tap.stop()[0] == 0
        done = run(tmp_path, "replay", str(tape), "--same", "--fast")  # to where it was recorded
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
    with (
        running(tmp_path, "serve", "udp://:0", "--do", str(tape), "-q") as server,
        datagrams(next(iter(server.ports.values()))) as sock,
    ):
        for data in said:
            sock.send(b"?")
            assert sock.recv(65535) == data


def test_a_recording_of_tcp_is_not_played_over_udp(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    tape.write_text(TAKE, "utf-8")
    done = run(tmp_path, "serve", "udp://:0", "--do", str(tape))
    assert (done.returncode, "tcp" in done.stderr) == (2, True)
