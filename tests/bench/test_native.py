"""The programs in C: they compile, count what comes back, and see what came back wrong or not at all."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bench.machine import Cores, Server, Stage, StartError, free_port

from bench import native

pytestmark = pytest.mark.stranger("cc")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A stage whose servers end with the test."""
    made = Stage(tmp_path, Cores(None, None), 0.2)
    yield made
    made.clear()


@pytest.fixture
def serve(stage: Stage) -> Callable[..., Server]:
    """`serve("tcp_echo", "--spoil", "3")` starts one of the native servers."""

    def start(name: str, *words: str) -> Server:
        port = free_port()
        command = [str(native.program(name)), "--port", str(port), *words]
        server = stage.start(command, port, datagrams=name.startswith("udp"))
        stage.servers[str(port)] = server
        return server

    return start


def load(tool: str, port: int, *words: str) -> tuple[int, dict[str, float], str]:
    """Run a load generator for a fifth of a second; return its exit code, its figures, its stderr."""
    command = [str(native.program(tool)), "--port", str(port), "--seconds", "0.2", "--warmup", "0", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr


@pytest.mark.parametrize("depth", ["1", "16"])
@pytest.mark.parametrize("size", ["1", "64", "5000"])
def test_tcp_echo_comes_back(serve: Callable[..., Server], depth: str, size: str) -> None:
    server = serve("tcp_echo")
    code, figures, err = load("tcp_load", server.port, "--connections", "5", "--depth", depth, "--size", size)
    assert (code, err) == (0, "")
    assert figures["messages"] > 100
    assert figures["wrong"] == figures["lost"] == 0
    assert figures["rate"] == pytest.approx(figures["messages"] / 0.2, rel=0.01)
    assert 0 < figures["p50_us"] <= figures["p99_us"] <= figures["max_us"] * 1.04


@pytest.mark.parametrize("depth", ["1", "16"])
def test_one_wrong_bit_is_seen_over_tcp(serve: Callable[..., Server], depth: str) -> None:
    server = serve("tcp_echo", "--spoil", "50")
    code, figures, err = load("tcp_load", server.port, "--connections", "3", "--depth", depth)
    assert code == 1
    assert figures["wrong"] > 0
    assert "wrong bytes on connection" in err


def test_an_echo_of_somebody_elses_message_is_seen(serve: Callable[..., Server]) -> None:
    # Messages of two connections, and two messages of one, differ: swapped answers cannot pass.
    from tests.bench.shuffler import shuffled

    with shuffled() as port:
        code, figures, _ = load("tcp_load", port, "--connections", "2")
    assert code == 1
    assert figures["wrong"] > 0


def test_a_server_that_breaks_off_is_seen(serve: Callable[..., Server]) -> None:
    from tests.bench.shuffler import hanging_up

    with hanging_up() as port:
        code, figures, err = load("tcp_load", port, "--connections", "2")
    assert code == 1
    assert figures["lost"] == 2
    assert "broke off" in err


def test_nobody_there_is_told(stage: Stage) -> None:
    code, _, err = load("tcp_load", free_port())
    assert code == 3
    assert "connect" in err


def test_a_crowd_gets_its_answers(serve: Callable[..., Server]) -> None:
    code, figures, _ = load("tcp_load", serve("tcp_echo").port, "--mode", "burst", "--connections", "200")
    assert (code, figures["messages"], figures["lost"]) == (0, 200, 0)
    assert figures["max_us"] > 0


def test_idle_connections_are_all_answered_once(serve: Callable[..., Server]) -> None:
    code, figures, _ = load("tcp_load", serve("tcp_echo").port, "--mode", "idle", "--connections", "100")
    assert (code, figures["messages"]) == (0, 100)


def test_datagrams_come_back(serve: Callable[..., Server]) -> None:
    code, figures, err = load("udp_load", serve("udp_echo").port, "--connections", "5")
    assert (code, err) == (0, "")
    assert figures["messages"] > 100
    assert figures["wrong"] == figures["lost"] == 0


def test_a_lost_datagram_is_counted_and_sent_again(serve: Callable[..., Server]) -> None:
    server = serve("udp_echo", "--swallow", "50")
    code, figures, _ = load("udp_load", server.port, "--connections", "5", "--wait", "0.01")
    assert code == 0
    assert figures["lost"] > 1
    assert figures["messages"] > figures["lost"]


def test_one_wrong_bit_is_seen_over_udp(serve: Callable[..., Server]) -> None:
    code, figures, err = load("udp_load", serve("udp_echo", "--spoil", "50").port, "--connections", "3")
    assert code == 1
    assert figures["wrong"] > 0
    assert "wrong bytes on socket" in err


@pytest.mark.parametrize("words", [["--size", "none"], ["--size"], ["--connections", "0"], ["--mode", "polka"]])
def test_arguments_that_make_no_sense_are_refused(serve: Callable[..., Server], words: list[str]) -> None:
    code, _, err = load("tcp_load", serve("tcp_echo").port, *words)
    assert code == 2
    assert err


def test_a_program_that_ends_at_once_is_an_error_with_its_words(stage: Stage) -> None:
    with pytest.raises(StartError, match=r"ended with 2: .*IPv4"):
        stage.start([str(native.program("tcp_echo")), "--port", "0"], 1)


def test_no_compiler_is_named_with_its_cure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(native.NoCompiler, match="apt-get install gcc"):
        native.program("tcp_echo", tmp_path / "build")
