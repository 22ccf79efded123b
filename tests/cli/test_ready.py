from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.client.test_http import saying
from tests.peers import blackhole, closed_port, echo, server
from tests.programs import environment, run, running


def test_all_that_answer_are_named(tmp_path: Path) -> None:
    with running(tmp_path, "up", "--quiet", "--only", "tcp,udp,http,https,xmlrpc") as bench:
        endpoints = [f"{scheme}://127.0.0.1:{port}" for (_, scheme), port in bench.ports.items()]
        assert {"tcp", "udp", "http", "https"} <= {scheme for _, scheme in bench.ports}
        result = run(tmp_path, "ready", *endpoints)
    assert result.returncode == 0, result.stderr
    assert sorted(line.removesuffix(" answers") for line in result.stdout.splitlines()) == sorted(endpoints)


def test_one_that_comes_later_is_waited_for(tmp_path: Path) -> None:
    with socket.socket() as late:
        late.bind(("127.0.0.1", 0))
        process = subprocess.Popen(
            [sys.executable, "-m", "sockwright", "ready", f"tcp://:{late.getsockname()[1]}"],
            env=environment(tmp_path), stdout=subprocess.PIPE,
        )  # fmt: skip
        time.sleep(0.5)  # it has asked by now, and must ask again
        assert process.poll() is None
        late.listen()
        assert process.wait(20) == 0
        process.communicate()


def test_those_that_do_not_answer_are_named_at_the_deadline(tmp_path: Path) -> None:
    closed = closed_port()
    with server(echo) as port, blackhole() as dead:
        urls = [f"tcp://:{port}", f"tcp://:{closed}", f"udp://:{closed}", f"http://:{dead}"]
        result = run(tmp_path, "ready", "--wait", "500ms", "--json", *urls)
    assert result.returncode == 4
    told = {row["endpoint"]: row["ready"] for row in map(json.loads, result.stdout.splitlines())}
    assert list(told.values()).count(True) == 1
    assert f"nobody listens at 127.0.0.1:{closed}" in result.stderr
    assert "3 of 4 endpoints do not answer" in result.stderr


def test_http_is_ready_when_it_answers_and_not_when_it_is_something_else(tmp_path: Path) -> None:
    with server(saying(b"HTTP/1.1 503 Not Yet\r\nContent-Length: 0\r\n\r\n")) as port:
        assert run(tmp_path, "ready", f"http://:{port}").returncode == 0
    with server(saying(b"SSH-2.0-x\r\n")) as port:
        result = run(tmp_path, "ready", "--wait", "300ms", f"http://:{port}")
    assert result.returncode == 4


def test_words_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    for words in (["tcp://:0"], ["--only", "nothing"], ["tcp://:1", "--only", "echo"], ["tpc://:1"]):
        assert run(tmp_path, "ready", *words).returncode == 2
