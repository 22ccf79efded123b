"""`serve` as a person runs it: a process, its words, its signals, its limits."""

from __future__ import annotations

import json
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.programs import environment, run, running
from tests.sockets import read_all, read_exactly


def dial(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


@pytest.mark.stranger("nc")
def test_netcat_hears_its_echo(tmp_path: Path, stranger: Callable[[str], str]) -> None:
    with running(tmp_path, "serve", "tcp://:0", "udp://:0", "--do", "echo") as program:
        said = "привет\n".encode()
        nc = [stranger("nc"), "-N", "127.0.0.1", str(program.port("echo"))]
        assert subprocess.run(nc, input=said, capture_output=True, timeout=10, check=True).stdout == said


def test_sigterm_drains_and_exits_0(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "tcp://:0", "--do", "echo") as program, dial(program.port("echo")) as sock:
        sock.sendall(b"hi")
        read_exactly(sock, 2)
        program.process.send_signal(signal.SIGTERM)
        assert read_all(sock) == b""  # our FIN, not a reset
        sock.close()
        _, err = program.process.communicate(timeout=10)
        assert (program.process.returncode, "Traceback" in err) == (0, False)


def test_ctrl_c_exits_130_without_a_traceback(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "tcp://:0", "--do", "echo") as program:
        code, _, err = program.stop(signal.SIGINT)
        assert (code, "Traceback" in err) == (130, False)


def test_a_second_ctrl_c_ends_at_once(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "tcp://:0", "--do", "symbols") as program, dial(program.port("symbols")) as sock:
        sock.sendall(b"x")
        sock.recv(1)  # and never read again: draining would take its whole grace
        time.sleep(0.3)
        program.process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        began = time.monotonic()
        program.process.send_signal(signal.SIGINT)
        program.process.wait(10)
        assert time.monotonic() - began < 2
        assert program.process.returncode == 130


def test_a_restart_gets_the_same_port_at_once(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "tcp://:0", "--do", "greet") as program:
        port = program.port("greet")
        with dial(port) as sock:
            read_all(sock)  # our side ended first: its TIME_WAIT stays on our port
    with running(tmp_path, "serve", f"tcp://:{port}", "--do", "greet") as program:
        assert program.port("greet") == port


def test_a_busy_port_names_its_holder_and_a_free_one(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "tcp://:0", "--do", "echo") as program:
        port = program.port("echo")
        done = run(tmp_path, "serve", f"tcp://:{port}", "--do", "echo")
    assert done.returncode == 3
    assert f"port {port} is taken" in done.stderr
    assert str(program.process.pid) in done.stderr
    assert " is free: tcp://127.0.0.1:" in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("serve", "tcp://:0", "--do", "nowhere:f"), "there is no module 'nowhere'"),
        (("serve", "tcp://:0", "--do", "ehco"), "Did you mean 'echo'?"),
        (("serve", "tpc://:0", "--do", "echo"), "Did you mean 'tcp'?"),
        (("serve", "tcp://:0", "--do", "echo", "--frame", "lines"), "there is no framing 'lines'"),
        (("serve", "tcp://:0", "--do", "echo", "--idle", "soon"), "'soon' is not a duration"),
        (("serve", "udp+tls://:0", "--do", "echo"), "DTLS"),
        (("serve", "udp://:0", "--do", "symbols"), "UDP has none"),
        (("serve", "tcp://192.0.2.1:0", "--do", "echo"), "not an address of this machine"),
        (("serve", "tcp+tls://:0?cert=nowhere.pem", "--do", "echo"), "there is no file 'nowhere.pem'"),
    ],
)
def test_mistakes_are_told_in_words(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = run(tmp_path, *words)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == (3 if "address" in said else 2)
    assert len(done.stderr.strip().splitlines()) <= 3


def test_json_says_what_listens(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "sockwright", "serve", "tcp://:0", "--do", "echo", "--json"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(tmp_path),
    )
    assert process.stdout is not None
    about = json.loads(process.stdout.readline())
    with dial(about["endpoints"][0]["port"]) as sock:
        sock.sendall(b"x")
        read_exactly(sock, 1)
    ended = json.loads(process.stdout.readline())
    assert (ended["service"], ended["received"], ended["sent"]) == ("echo", 1, 1)
    process.terminate()
    process.communicate(timeout=10)


def test_a_line_per_connection_is_printed(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "tcp://:0", "--do", "echo") as program:
        with dial(program.port("echo")) as sock:
            sock.sendall(b"hello")
            read_exactly(sock, 5)
        time.sleep(0.3)
        _, out, _ = program.stop()
    assert "#1 tcp echo 127.0.0.1:" in out
    assert "5 B in 1 chunk -> 5 B, peer closed first (FIN)" in out


def test_out_of_descriptors_accepting_pauses_and_recovers(tmp_path: Path) -> None:
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (80, 80)); "
        "from sockwright.transport import doors, limits; import sockwright.workbench as w; "
        "w.most_connections = lambda wanted, descriptors: 10000; "
        "sys.argv = ['sockwright', 'serve', 'tcp://127.0.0.1:0', '--do', 'echo', '--json']; "
        "from sockwright.cli import main; main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(tmp_path),
    )
    assert process.stdout is not None
    port = json.loads(process.stdout.readline())["endpoints"][0]["port"]
    crowd = [dial(port) for _ in range(120)]
    time.sleep(0.7)
    spent = sum(float(part) for part in Path(f"/proc/{process.pid}/stat").read_text().split()[13:15])
    time.sleep(1.0)
    after = sum(float(part) for part in Path(f"/proc/{process.pid}/stat").read_text().split()[13:15])
    assert after - spent < 50, "a storm: half a core spent on failing to accept"  # ticks of 10 ms in one second
    for sock in crowd:
        sock.close()
    with dial(port) as sock:
        sock.sendall(b"recovered")
        assert read_exactly(sock, 9) == b"recovered"
    process.terminate()
    _, err = process.communicate(timeout=20)
    assert "accepting pauses" in err
    assert err.count("accepting pauses") <= 2


def test_limits_are_raised_to_what_the_system_allows() -> None:
    from sockwright.transport.limits import most_connections, raise_descriptor_limit

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        now = raise_descriptor_limit()
        assert now == min(65_536, before[1]) or before[0] >= now
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert most_connections(10_000, 1024) == 755
    assert most_connections(10_000, 100) == 16
    assert most_connections(10_000, 20) == 1
