from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from sockwright.transport import ports

LISTENER = """\
import socket, sys
kind = socket.SOCK_DGRAM if sys.argv[1] == "udp" else socket.SOCK_STREAM
s = socket.socket(socket.AF_INET6 if sys.argv[2] == "::1" else socket.AF_INET, kind)
s.bind((sys.argv[2], 0))
if kind == socket.SOCK_STREAM: s.listen()
print(s.getsockname()[1], flush=True)
sys.stdin.read()
"""


@pytest.fixture(params=[("tcp", "127.0.0.1"), ("tcp", "::1"), ("udp", "127.0.0.1")], ids=" ".join)
def held(request: pytest.FixtureRequest) -> Iterator[tuple[int, bool, int]]:
    """A port held by another process: (port, whether UDP, pid)."""
    kind, host = request.param
    with subprocess.Popen(
        [sys.executable, "-c", LISTENER, kind, host], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline()), kind == "udp", process.pid
        process.communicate()


@pytest.mark.skipif(not os.path.exists("/proc/net/tcp") and not shutil.which("lsof"), reason="nobody tells it here")
def test_the_holder_of_a_port_is_named(held: tuple[int, bool, int]) -> None:
    port, udp, pid = held
    found = ports.holder(port, udp)
    assert found.endswith(f"(pid {pid})")
    assert "python" in found.lower()


@pytest.mark.skipif(shutil.which("lsof") is None, reason="lsof is not installed")
def test_lsof_names_the_same_one(held: tuple[int, bool, int]) -> None:
    port, udp, pid = held
    assert ports._by_lsof(port, udp).endswith(f"(pid {pid})")


def test_nobody_holds_a_free_port() -> None:
    with socket.socket() as bound:  # bound but not listening: nobody serves there, and nobody else may
        bound.bind(("127.0.0.1", 0))
        assert ports.holder(bound.getsockname()[1]) == ""


def test_a_free_port_is_the_next_hundred_that_both_tcp_and_udp_have_free() -> None:
    near = 40007
    first = ports.free_port("127.0.0.1", near)
    assert first > near
    assert first % 100 == 7
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as taken:
            taken.bind(("127.0.0.1", first))
            if kind == socket.SOCK_STREAM:
                taken.listen()
            assert not ports.is_free("127.0.0.1", first, udp=kind == socket.SOCK_DGRAM)
            assert ports.free_port("127.0.0.1", near) > first


def test_beyond_the_last_port_the_system_picks() -> None:
    assert 1024 <= ports.free_port("::1", 65500) <= 65535


def test_a_command_line_cannot_harm_the_terminal() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()", "\x1b[2J"], stdin=subprocess.PIPE
    ) as process:
        assert "\x1b" not in ports.command_of(process.pid)
        process.communicate()
