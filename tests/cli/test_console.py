"""The console as a person starts it: `up` with its address, its signals, its manners towards other verbs."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import stat
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.programs import Program, run, running

WAIT = 20.0


def _ready(home: Path) -> dict[str, object]:
    (path,) = home.glob("ready-*.json")
    found: dict[str, object] = json.loads(path.read_text("utf-8"))
    return found


def _console(home: Path) -> tuple[int, str]:
    """Return port and token of the console that runs."""
    url = urlsplit(str(_ready(home)["console"]))
    assert url.port is not None
    return url.port, url.query.removeprefix("token=")


def _status(port: int, path: str, token: str = "") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        return connection.getresponse().status
    finally:
        connection.close()


def test_up_prints_the_address_with_its_token_and_answers_there(tmp_path: Path) -> None:
    with running(tmp_path, "up", "--only", "echo,console") as program:
        port, token = _console(tmp_path)
        assert _status(port, "/api/state", token) == 200
        assert _status(port, "/") == 401
        code, out, _ = program.stop()
    assert code == 0
    assert f"  console  http://127.0.0.1:{port}/?token={token}" in out
    assert len(token) == 43


@pytest.mark.skipif(os.name == "nt", reason="files have other rights there")
def test_the_ready_file_with_the_token_is_its_users_alone(tmp_path: Path) -> None:
    with running(tmp_path, "up", "--only", "echo,console", "--quiet"):
        (path,) = tmp_path.glob("ready-*.json")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_console_is_none_and_only_leaves_it_out(tmp_path: Path) -> None:
    told = run(tmp_path, "up", "--only", "nonsense").stderr
    assert "console" in told
    assert "7070" not in told
    for words in (("--no-console",), ("--only", "echo")):
        home = tmp_path / words[-1].strip("-")
        home.mkdir()
        with running(home, "up", "--quiet", *words) as program:
            assert _ready(home)["console"] == ""
            assert ("console", "http") not in program.ports


def test_serve_and_tap_have_one_on_demand(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "tcp://:0", "--do", "echo", "--console") as program:
        port, token = _console(tmp_path)
        assert _status(port, "/api/state", token) == 200
        home = tmp_path / "tap"
        home.mkdir()
        with running(home, "tap", "tcp://:0", f"tcp://:{program.port('echo')}", "--console"):
            other, token = _console(home)
            assert other != port
            assert _status(other, "/api/state", token) == 200


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_sigterm_with_viewers_ends_at_once_and_leaves_no_word(tmp_path: Path) -> None:
    with running(tmp_path, "up", "--only", "echo,console", "--quiet") as program, ExitStack() as held:
        port, token = _console(tmp_path)
        streams = []
        for _ in range(20):
            one = held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=WAIT))
            head = f"GET /api/events/stream HTTP/1.1\r\nHost: localhost:{port}\r\nAuthorization: Bearer {token}\r\n\r\n"
            one.sendall(head.encode())
            streams.append(one)
        for one in streams:
            assert b"200 OK" in one.recv(4096)
        began = time.monotonic()
        code, _, err = program.stop(signal.SIGTERM)
        assert time.monotonic() - began < 3
    assert code == 0
    assert "waiting" not in err
    assert "Traceback" not in err
    assert "mistake" not in err


def test_call_links_and_tap_keep_away_from_a_console(tmp_path: Path) -> None:
    with running(tmp_path, "up", "--only", "echo,console", "--quiet") as program:
        port, _ = _console(tmp_path)
        for host in ("127.0.0.1", "localhost", "[::1]"):
            called = run(tmp_path, "call", f"http://{host}:{port}/")
            assert (called.returncode, "console of a running bench" in called.stderr) == (2, True), called
        tapped = run(tmp_path, "tap", "tcp://:0", f"tcp://localhost:{port}")
        assert (tapped.returncode, "console" in tapped.stderr) == (2, True), tapped
        page = tmp_path / "page.html"
        page.write_text(f'<a href="http://127.0.0.1:{port}/x">a</a>', "utf-8")
        checked = run(tmp_path, "links", str(page), "--json")
        assert json.loads(checked.stdout.splitlines()[0])["class"] == "skipped"
        assert run(tmp_path, "call", f"tcp://:{program.port('echo')}", "hello").stdout.strip() == "hello"


def test_a_console_moves_on_where_its_port_is_taken(tmp_path: Path) -> None:
    with running(tmp_path, "up", "--only", "echo,console", "--quiet"):
        port, _ = _console(tmp_path)
        home = tmp_path / "second"
        home.mkdir()
        with running(home, "up", "--only", "echo,console") as second:
            assert isinstance(second, Program)
            other, token = _console(home)
            assert other != port
            assert _status(other, "/api/state", token) == 200
