"""The lecture runs: its programs against our servers, our clients against its servers, and our examples of each topic.

All at the lecture's own ports, so one after the other.
"""

from __future__ import annotations

import socket
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.examples import lecture
from tests.programs import run, running
from tests.sockets import until

PORTS = {"tcp": 12345, "udp": 12345, "threaded": 5555, "http": 8080, "xmlrpc": 8000}


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    with lecture.the_lectures_ports():
        yield


def wait_for(port: int, udp: bool = False) -> None:
    def answers() -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM) as sock:
            if udp:  # who can bind it has found nobody there
                try:
                    sock.bind(("127.0.0.1", port))
                except OSError:
                    return True
                return False
            return sock.connect_ex(("127.0.0.1", port)) == 0

    until(answers, 10)


# -- the lecture's clients against us


def test_the_lectures_clients_run_unchanged_against_us(tmp_path: Path) -> None:
    with running(tmp_path, "up", "--lecture"):
        assert lecture.run_code(lecture.program("tcp client"), tmp_path) == "Thank you for the connection\n"
        assert lecture.run_code(lecture.program("udp client"), tmp_path) == "Thank you for the data\n"
        said = lecture.run_code(lecture.program("threaded client"), tmp_path)
        assert said.startswith("Received: Python client ")
        said = lecture.run_code(lecture.program("xmlrpc client"), tmp_path)
        assert said == "3 is even: False\n100 is even: True\n"
        fetch = lecture.program("urllib").replace("http://google.com", "http://127.0.0.1:8080/")
        assert lecture.run_code(fetch, tmp_path) == "b'Hello World!'\n"


def test_our_example_clients_run_against_us(tmp_path: Path) -> None:
    with running(tmp_path, "up", "--lecture"):
        assert lecture.run_file(lecture.PROGRAMS / "tcp_client.py") == "Thank you for the connection\n"
        assert lecture.run_file(lecture.PROGRAMS / "udp_client.py") == "Thank you for the data\n"
        assert lecture.run_file(lecture.PROGRAMS / "threaded_client.py").startswith("Received: Python client ")
        assert lecture.run_file(lecture.PROGRAMS / "xmlrpc_client.py") == "3 is even: False\n100 is even: True\n"
        said = lecture.run_file(lecture.PROGRAMS / "fetch_page.py").splitlines()
        assert said[0].startswith("200 text/html")
        assert said[1] == "Hello World!"


# -- our client against servers: the lecture's, and our examples of them

CALLS = {
    "tcp server": ("tcp", ("call", "tcp://:12345"), "Thank you for the connection"),
    "udp server": ("udp", ("call", "udp://:12345", "client data"), "Thank you for the data"),
    "threaded server": ("threaded", ("call", "tcp://:5555", "hello"), "hello"),
    "http server": ("http", ("call", "http://127.0.0.1:8080/"), "Hello World!"),
    "xmlrpc server": ("xmlrpc", ("call", "xmlrpc://localhost:8000", "is_even", "3"), "false"),
}


@pytest.mark.parametrize("topic", list(CALLS))
@pytest.mark.parametrize("whose", ["the lecture's", "our example"])
def test_our_client_against_a_server(tmp_path: Path, topic: str, whose: str) -> None:
    kind, words, answer = CALLS[topic]
    if whose == "our example":
        file = lecture.PROGRAMS / f"{topic.replace(' ', '_')}.py"
    else:
        code = lecture.program(topic)
        if topic == "threaded server":
            code = lecture.program("threads") + "\n" + code
        file = tmp_path / "server.py"
        # The lecture's first servers do not set SO_REUSEADDR; what another test left in TIME_WAIT is not their fault.
        file.write_text(textwrap.dedent(REUSE) + code, "utf-8")
    with lecture.background(file):
        wait_for(PORTS[kind], udp=kind == "udp")
        done = run(tmp_path, *words)
    assert (done.returncode, done.stdout.strip().lower()) == (0, answer.lower()), done.stderr


REUSE = """
import socket as _socket
_bind = _socket.socket.bind
def _reuse(self, address):
    if self.type == _socket.SOCK_STREAM:
        self.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    return _bind(self, address)
_socket.socket.bind = _reuse
"""


def test_the_directory_server_of_the_standard_library(tmp_path: Path) -> None:
    import subprocess

    (tmp_path / "страница.txt").write_text("мир", "utf-8")
    words = [sys.executable, "-m", "http.server", "8888", "--bind", "127.0.0.1", "--directory", str(tmp_path)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(8888)
        done = run(tmp_path, "call", "http://127.0.0.1:8888/")
        assert (done.returncode, "страница.txt" in done.stdout) == (0, True)
    finally:
        process.kill()
        process.wait()


def test_every_example_is_named_in_its_readme() -> None:
    about = (lecture.PROGRAMS / "README.md").read_text("utf-8")
    for file in lecture.PROGRAMS.glob("*.py"):
        assert f"`{file.name}`" in about
