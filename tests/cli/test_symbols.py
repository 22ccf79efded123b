"""The warm-up in a real terminal (a pty), under a shell, and from a pipe."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.programs import environment, run
from tests.terminal import Terminal, at_terminal


def is_cbreak(terminal: Terminal) -> bool:
    return not terminal.is_restored()


def until_cbreak(terminal: Terminal) -> None:
    end = time.monotonic() + 20
    while not is_cbreak(terminal):
        assert time.monotonic() < end
        assert terminal.process.poll() is None
        time.sleep(0.01)


def test_nothing_comes_before_the_first_symbol_and_q_ends(tmp_path: Path) -> None:
    with at_terminal(tmp_path, "symbols") as terminal:
        until_cbreak(terminal)
        assert terminal.more(0.3) == b""
        terminal.type("a")
        terminal.until("a" * 100)
        terminal.type("q")
        assert terminal.end() == 0
        assert terminal.is_restored()
    assert set(terminal.shown.decode().strip()) == {"a"}


def test_a_new_symbol_switches_at_once_and_for_good(tmp_path: Path) -> None:
    with at_terminal(tmp_path, "symbols") as terminal:
        until_cbreak(terminal)
        terminal.type("a")
        terminal.until("aaaa")
        before = len(terminal.shown)
        began = time.monotonic()
        terminal.type("b")
        terminal.until("b" * 64)
        assert time.monotonic() - began < 5
        terminal.type("ж".encode()[:1])  # a character may come in two reads
        time.sleep(0.05)
        terminal.type("ж".encode()[1:])
        terminal.until("ж" * 40)
        terminal.type("\x1b[A\x1bOP\x1b[15~\r\t")  # arrow and function keys are no symbols
        while terminal.more(0.1) and len(terminal.shown) < before + 4000:
            pass
        terminal.type("q")
        assert terminal.end() == 0
    assert re.fullmatch("a+b+ж+\r\n", terminal.shown.decode())
    # What was under way at the switch is less than a line on the screen.
    assert terminal.shown.index(b"b") - before <= 96


@pytest.mark.parametrize(
    ("how", "code"),
    [("\x03", 130), ("\x04", 0), (signal.SIGTERM, 0), (signal.SIGHUP, 0), (signal.SIGQUIT, -signal.SIGQUIT)],
    ids=["Ctrl-C", "Ctrl-D", "SIGTERM", "SIGHUP", "SIGQUIT"],
)
def test_the_terminal_is_given_back_however_it_ends(tmp_path: Path, how: str | signal.Signals, code: int) -> None:
    with at_terminal(tmp_path, "symbols") as terminal:
        until_cbreak(terminal)
        terminal.type("x")
        terminal.until("xxxx")
        terminal.type(how) if isinstance(how, str) else terminal.process.send_signal(how)
        assert terminal.end() == code
        assert terminal.is_restored()
    assert b"Traceback" not in terminal.shown


def test_ctrl_z_gives_the_terminal_to_the_shell_and_fg_takes_it_back(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not installed")
    env = environment(tmp_path, TERM="xterm", PS1="ready> ")
    with Terminal([bash, "--norc", "--noprofile", "-i"], env) as terminal:
        terminal.until("ready> ")
        terminal.type(f"'{sys.executable}' -m sockwright symbols\n")
        terminal.type("z")
        terminal.until("z" * 64)
        terminal.type("\x1a")
        terminal.until("Stopped")
        terminal.type("stty -a | grep -o '.\\?icanon' | sed s/^/mode:/\n")
        terminal.until("mode:")
        terminal.until("icanon\r\n")
        assert b"mode:-icanon" not in terminal.shown
        terminal.shown = b""
        terminal.type("fg\n")
        terminal.until("zzzz")
        terminal.shown = b""
        terminal.type("yq")
        terminal.until("ready> ")
        terminal.type("exit\n")
        assert terminal.end() == 0


def test_symbols_come_from_a_pipe_too(tmp_path: Path) -> None:
    result = run(tmp_path, "symbols", stdin="aжqz")
    assert (result.returncode, result.stderr) == (0, "")
    assert re.fullmatch("a+ж+", result.stdout)
    assert re.fullmatch("a+\n?", run(tmp_path, "symbols", stdin="a\n").stdout)
    assert run(tmp_path, "symbols", stdin="").stdout == ""


def test_a_reader_that_goes_away_ends_it_quietly(tmp_path: Path) -> None:
    script = f"(printf a; sleep 5) | {sys.executable} -m sockwright symbols | head -c 5"
    began = time.monotonic()
    with subprocess.Popen(
        ["sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(tmp_path)
    ) as shell:
        out, err = shell.communicate(timeout=30)
    assert (out, err) == (b"aaaaa", b"")
    assert time.monotonic() - began < 25


def test_an_output_that_takes_nothing_does_not_keep_us_from_the_keys(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-m", "sockwright", "symbols"],
        stdin=subprocess.PIPE,
        stdout=writing,
        stderr=subprocess.PIPE,
        env=environment(tmp_path),
    ) as process:
        os.close(writing)
        assert process.stdin is not None
        process.stdin.write(b"a")
        process.stdin.flush()
        time.sleep(0.3)
        process.stdin.write(b"q")
        process.stdin.flush()
        assert process.wait(20) == 0
        process.stdin.close()
    os.close(reading)
