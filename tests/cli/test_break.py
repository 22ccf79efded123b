"""`break` on a bench that runs in another process, and faults by flag and file."""

from __future__ import annotations

import json
import os
import smtplib
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.programs import run, running
from tests.sockets import dial, read_all, read_exactly

from sockwright.endpoint import Peer
from sockwright.journal.reader import Reader


def local(port: int) -> Peer:
    return Peer("127.0.0.1", port)


def test_a_running_bench_is_broken_listed_and_healed(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "tcp://:0", "udp://:0", "--do", "echo", "-q") as program:
        done = run(tmp_path, "break", "echo", "cut=3", "loss=100%", "--seed", "7")
        assert (done.returncode, done.stderr) == (0, "")
        assert "cut=3" in done.stdout
        assert "loss=100%" in done.stdout
        with dial(local(program.port("echo"))) as sock:
            sock.sendall(b"abcdef")
            assert read_all(sock) == b"abc"
        listed = [json.loads(line) for line in run(tmp_path, "break", "--list", "--json").stdout.splitlines()]
        assert [[one["fault"] for one in place["faults"]] for place in listed] == [["cut=3"], ["loss=100%"]]
        assert run(tmp_path, "break", "--heal").returncode == 0
        with dial(local(program.port("echo"))) as sock:
            sock.sendall(b"abcdef")
            assert read_exactly(sock, 6) == b"abcdef"
        assert "no faults" in run(tmp_path, "break", "--list").stdout
    assert list((tmp_path / "state").rglob("*.json")) == []
    done = run(tmp_path, "break", "--list")
    assert (done.returncode, "no bench runs" in done.stderr) == (3, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("echo", "latncy=3ms"), "Did you mean 'latency'?"),
        (("echo", "latency=3parsecs"), "latency=200ms"),
        (("echo", "status=503"), "makes no sense for tcp"),
        (("ecko", "cut=3"), "Did you mean 'echo'?"),
        (("echo", "cut=3", "--rate", "300%"), "more than all"),
        (("echo", "cut=3", "--for", "soon"), "not a duration"),
        (("echo", "--profile", "4g"), "Did you mean '3g'?"),
        (("echo",), "say what shall be done"),
        (("--heal", "--list"), "say what shall be done"),
    ],
)
def test_mistakes_are_told_and_change_nothing(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    with running(tmp_path, "serve", "tcp://:0", "--do", "echo", "-q"):
        done = run(tmp_path, "break", *words)
        assert done.returncode == 2
        assert said in done.stderr
        assert "Traceback" not in done.stderr
        assert "no faults" in run(tmp_path, "break", "--list").stdout


def test_the_channel_is_for_its_user_alone(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "tcp://:0", "--do", "echo", "-q"):
        (about,) = (tmp_path / "state" / "benches").glob("*.json")
        assert about.stat().st_mode & 0o077 == 0
        way = json.loads(about.read_text())
        if way["socket"]:
            assert os.stat(way["socket"]).st_mode & 0o077 == 0
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(way["socket"])
        else:
            sock = dial(local(way["port"]))
        with sock:
            sock.sendall(b'{"token": "guess", "do": "list"}\n')
            assert json.loads(read_all(sock)) == {"ok": False, "error": "the token is wrong"}


def test_a_fault_by_flag_says_its_seed_and_a_bad_one_is_refused(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "tcp://:0", "--do", "echo", "-q", "--fault", "cut=2", "--seed", "7") as program:
        with dial(local(program.port("echo"))) as sock:
            sock.sendall(b"abc")
            assert read_all(sock) == b"ab"
        _, _, err = program.stop()
    assert "--seed 7" in err
    with Reader(tmp_path / "data" / "journal.db") as reader:
        (connection,) = reader.connections()
        assert (connection.opened.seed, connection.faults) == (8, 1)
    done = run(tmp_path, "serve", "tcp://:0", "--do", "echo", "--fault", "cutt=2")
    assert (done.returncode, "Did you mean 'cut'?" in done.stderr) == (2, True)
    assert len(done.stderr.strip().splitlines()) <= 3
    done = run(tmp_path, "serve", "tcp://:0", "--do", "echo", "--up")
    assert (done.returncode, "none is named" in done.stderr) == (2, True)


def test_faults_stand_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "sockwright.toml").write_text('[faults]\necho = ["cut=2", {fault = "latency=1ms", up = true}]\n')
    words = ("serve", "tcp://:0", "--do", "echo", "-q")
    with running(tmp_path, *words, cwd=tmp_path) as program, dial(local(program.port("echo"))) as sock:
        sock.sendall(b"abc")
        assert read_all(sock) == b"ab"
    (tmp_path / "sockwright.toml").write_text('[faults]\necho = {falt = "cut=2"}\n')
    done = run(tmp_path, "serve", "tcp://:0", "--do", "echo", cwd=tmp_path)
    assert (done.returncode, "Did you mean 'fault'?" in done.stderr) == (2, True)


@pytest.mark.stranger("curl")
def test_curl_meets_http_faults(tmp_path: Path, stranger: Callable[[str], str]) -> None:
    def curl(port: int, *words: str) -> subprocess.CompletedProcess[str]:
        command = [stranger("curl"), "-sS", "-m", "2", *words, f"http://127.0.0.1:{port}/"]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    with running(tmp_path, "serve", "http://:0", "--do", "hello", "-q") as program:
        port = program.port("hello", "http")
        assert curl(port).returncode == 0
        for fault, code in (("length=+10", 28), ("bad-chunk", 56), ("cut-body=3", 18)):
            run(tmp_path, "break", "hello", fault)
            assert curl(port).returncode == code, fault
            run(tmp_path, "break", "--heal")
        run(tmp_path, "break", "hello", "status=503")
        assert curl(port, "-o", "/dev/null", "-w", "%{http_code}").stdout == "503"
        run(tmp_path, "break", "--heal")
        run(tmp_path, "break", "hello", "fail-first=2")
        assert curl(port, "--retry", "3", "-w", "%{http_code}").stdout.endswith("200")
        run(tmp_path, "break", "--heal")
        assert curl(port).returncode == 0


def mail_server(listener: socket.socket, kept: list[bytes]) -> None:
    """Take one mail the simplest way."""
    client, _ = listener.accept()
    with client, client.makefile("rwb") as wire:

        def say(text: str) -> None:
            wire.write(text.encode() + b"\r\n")
            wire.flush()

        say("220 mail ESMTP")
        while line := wire.readline():
            kept.append(line)
            match line[:4].upper():
                case b"EHLO":
                    say("250 mail")
                case b"DATA":
                    say("354 go")
                    while (line := wire.readline()) != b".\r\n":
                        kept.append(line)
                    say("250 kept")
                case b"QUIT":
                    say("221 bye")
                    return
                case _:
                    say("250 ok")


def test_smtplib_meets_a_refusal_behind_a_tap(tmp_path: Path) -> None:
    kept: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=mail_server, args=(listener, kept))
        thread.start()
        target = f":{listener.getsockname()[1]}"
        to = [f"u{number}@y" for number in range(10)]
        words = ("tap", ":0", target, "-q", "--fault", "reject=rcpt:452:50%", "--seed", "3")
        with running(tmp_path, *words) as tap, smtplib.SMTP("127.0.0.1", tap.port("tap"), timeout=10) as client:
            refused = client.sendmail("a@x", to, "Subject: hi\r\n\r\nпривет".encode())
    thread.join(10)
    assert 0 < len(refused) < 10
    assert {code for code, _ in refused.values()} == {452}
    heard = b"".join(kept)
    assert [name for name in to if f"<{name}>".encode() in heard] == [name for name in to if name not in refused]


def test_a_tap_ends_tls_on_either_side(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "tcp+tls://:0", "--do", "echo", "-q") as server:
        target = f"tcp+tls://localhost:{server.port('echo')}"
        with running(tmp_path, "tap", "tcp+tls://:0", target, "-q") as tap:
            context = ssl.create_default_context(cafile=str(tmp_path / "data" / "tls" / "ca.pem"))
            with (
                dial(local(tap.port("tap"))) as plain,
                context.wrap_socket(plain, server_hostname="localhost") as sock,
            ):
                sock.sendall("привет".encode() * 5000)
                assert read_exactly(sock, 60000) == "привет".encode() * 5000


def test_a_tap_refuses_a_console(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "benches"
    folder.mkdir(parents=True)
    about = {"pid": os.getpid(), "born": "", "command": "up", "socket": "", "port": 1, "token": "x"}
    (folder / "1.json").write_text(json.dumps(about | {"console": "http://127.0.0.1:7070"}))
    done = run(tmp_path, "tap", ":0", ":7070")
    assert (done.returncode, "is the console" in done.stderr) == (2, True)
