"""Clients in clear at ports that speak TLS: each is told so in its own words."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.programs import run, running
from tests.sockets import dial, ended, read_all

from sockwright.endpoint import parse
from sockwright.transport import tls
from sockwright.transport.wrong_door import ALERT
from sockwright.workbench import BenchThread, Posting


@pytest.fixture(params=["serve", "tap"])
def door(request: pytest.FixtureRequest, bench: BenchThread) -> int:
    """The port of an HTTPS server, or of a tap that speaks TLS to its clients."""
    if request.param == "serve":
        return bench.serve("https://:0", "hello").port
    target = bench.serve("http://:0", "hello")
    posting = Posting(parse("tcp+tls://:0"), (), target=parse(f"tcp://{target}"))
    return bench.listen(posting).server.addresses[0].port


@pytest.mark.stranger("curl")
def test_curl_in_clear_reads_what_it_did_wrong(bench: BenchThread, door: int, stranger: Callable[[str], str]) -> None:
    words = [stranger("curl"), "-sS", "-m", "5", "-w", " %{http_code}", f"http://127.0.0.1:{door}/"]
    done = subprocess.run([*words, "-d", "x" * 100_000], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "speaks TLS" in done.stdout
    assert done.stdout.endswith(" 400")
    assert "TLS handshake failed" in ended(bench.journal).reason


def test_others_get_the_alert(bench: BenchThread, door: int) -> None:
    with dial(bench.workbench.listening[-1].server.addresses[0]) as sock:
        sock.sendall("привет\n".encode())
        assert read_all(sock) == ALERT


def test_a_client_that_does_speak_tls_gets_no_word_in_clear(bench: BenchThread, door: int) -> None:
    peer = bench.workbench.listening[-1].server.addresses[0]
    with dial(peer) as plain, pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context(cafile=None).wrap_socket(plain, server_hostname="localhost")
    with dial(peer) as plain:
        context = ssl.create_default_context(cafile=str(tls.ensure_ca()))
        with context.wrap_socket(plain, server_hostname="localhost") as sock:
            sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert read_all(sock).startswith(b"HTTP/1.1 200")
    with dial(peer) as plain:
        plain.shutdown(socket.SHUT_WR)
        assert read_all(plain) == b""


def test_call_says_that_it_looks_like_tls(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "https://:0", "--do", "hello", "-q") as program:
        port = program.port("hello", "https")
        done = run(tmp_path, "call", f"tcp://:{port}", "hello")
        assert (done.returncode, "looks like TLS" in done.stderr) == (5, True), done.stderr
        done = run(tmp_path, "call", f"http://:{port}/", "--json")
        assert json.loads(done.stdout.splitlines()[-1])["status"] == 400, done
