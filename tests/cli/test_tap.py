"""`tap` as a person runs it, between strangers."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.programs import run, running
from tests.sockets import dial, read_all, read_exactly

from sockwright.endpoint import Peer
from sockwright.journal.recording import read


def test_what_goes_through_is_recorded_in_file_and_journal(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    with running(tmp_path, "serve", "tcp://:0", "--do", "echo", "-q") as echo:
        listen, target = "tcp://:0", f":{echo.port('echo')}"
        with running(tmp_path, "tap", listen, target, "--record", str(tape), "--json") as tap:
            with dial(Peer("127.0.0.1", tap.port("tap"))) as sock:
                sock.sendall("привет\n".encode())
                assert read_exactly(sock, 13) == "привет\n".encode()
                sock.shutdown(1)
                assert read_all(sock) == b""
            code, out, err = tap.stop()
    assert (code, err) == (0, "")
    about = json.loads(out.splitlines()[1])
    assert (about["proto"], about["role"], about["end"], about["by"]) == ("lines", "tap", "fin", "peer")
    (take,) = read(tape)
    assert take.bytes_from("client") == take.bytes_from("server") == "привет\n".encode()
    assert take.end == "fin"


@pytest.mark.stranger("curl", "nginx")
def test_curl_to_nginx(tmp_path: Path, stranger: Callable[[str], str]) -> None:
    (tmp_path / "page.html").write_text("здравствуй, мир\n" * 20_000, "utf-8")
    config = tmp_path / "nginx.conf"
    config.write_text(
        f"daemon off; pid {tmp_path}/nginx.pid; error_log stderr; events {{}} user root;"
        f"http {{ access_log off; client_body_temp_path {tmp_path}; proxy_temp_path {tmp_path};"
        f" fastcgi_temp_path {tmp_path}; uwsgi_temp_path {tmp_path}; scgi_temp_path {tmp_path};"
        f" server {{ listen 127.0.0.1:PORT; root {tmp_path}; }} }}"
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config.write_text(config.read_text().replace("PORT", str(port)))
    server = subprocess.Popen([stranger("nginx"), "-c", str(config), "-p", str(tmp_path)], stderr=subprocess.PIPE)
    try:
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.02)
        with running(tmp_path, "tap", ":0", f":{port}", "--json") as tap:
            url = f"http://127.0.0.1:{tap.port('tap')}/page.html"
            done = subprocess.run([stranger("curl"), "-sS", url, url], capture_output=True, timeout=20, check=True)
            assert done.stdout == (tmp_path / "page.html").read_bytes() * 2
            assert tap.process.stdout is not None
            told = [json.loads(tap.process.stdout.readline()) for _ in range(2)]  # the second when it has ended
        assert told[1]["proto"] == "http"
    finally:
        server.terminate()
        server.communicate()


@pytest.mark.stranger("redis")
def test_redis_cli_to_redis_server(tmp_path: Path, stranger: Callable[[str], str]) -> None:
    cli = shutil.which("redis-cli")
    if cli is None:
        pytest.skip("redis-cli is missing (apt-get install redis-tools)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [stranger("redis"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)],
        stdout=subprocess.DEVNULL,
    )
    try:
        with running(tmp_path, "tap", ":0", f":{port}", "-q") as tap:
            commands = "".join(f"SET k{n} {'x' * n}\n" for n in range(1, 200)) + "DBSIZE\n"
            words = [cli, "-p", str(tap.port("tap"))]
            for _ in range(100):
                done = subprocess.run(words, input=commands, capture_output=True, timeout=20, text=True, check=False)
                if done.stdout.count("OK") == 199:
                    break
            assert done.stdout.split()[-1] == "199"
    finally:
        server.terminate()
        server.wait()


def test_a_target_that_is_ourselves_is_refused(tmp_path: Path) -> None:
    done = run(tmp_path, "tap", ":7999", ":7999")
    assert done.returncode == 2
    assert "its own target" in done.stderr
