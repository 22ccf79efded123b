"""What was said, said again by other people's tools: the very same bytes arrive, and nothing of it is run."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.desk.standing import Standing
from tests.programs import environment

from sockwright.desk.copies import _printf

HOSTILE = 'it\'s $(touch owned) `id` "x" \\n %s !! #a; ls ~ & привет\n\0\x1b[0m'.encode() + b"\xff"


def _pasted(command: str, home: Path) -> subprocess.CompletedProcess[bytes]:
    """Paste `command` into a terminal; `sockwright` there is ours."""
    bin = home / "bin"
    bin.mkdir(exist_ok=True)
    ours = bin / "sockwright"
    if not ours.exists():
        ours.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sockwright "$@"\n')
        ours.chmod(0o755)
        (bin / "python3").symlink_to(sys.executable)
    env = environment(home)
    env["PATH"] = f"{bin}:{env['PATH']}"
    return subprocess.run(["sh", "-c", command], capture_output=True, timeout=30, env=env, cwd=home, check=False)


@given(st.binary(max_size=300))
@example(b"-\x00")
@settings(max_examples=25)
def test_any_bytes_are_quoted_for_the_shell(data: bytes) -> None:
    assert subprocess.run(["sh", "-c", _printf(data)], capture_output=True, timeout=10, check=True).stdout == data


@pytest.mark.parametrize("form", ["sockwright", "nc", "python"])
@pytest.mark.stranger("nc")
def test_bytes_over_tcp_arrive_again(here: Standing, tmp_path: Path, form: str) -> None:
    at = here.bench.serve("tcp://:0", "discard")
    here.say(at, HOSTILE)
    first = here.get("/api/connections")["connections"][0]["number"]
    text = here.get(f"/api/connections/{first}/copy?as={form}")["text"]
    if form == "python":
        (tmp_path / "again.py").write_text(text, "utf-8")
        text = "python3 again.py"
    done = _pasted(text, tmp_path)
    assert done.returncode == 0, done
    second = here.get("/api/connections")["connections"][0]
    assert second["number"] > first
    items = here.get(f"/api/connections/{second['number']}")["items"]
    import base64

    said = b"".join(base64.b64decode(one["base64"]) for one in items if one.get("direction") == "received")
    assert said == HOSTILE
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("form", ["sockwright", "nc", "curl", "python"])
@pytest.mark.stranger("nc", "curl")
def test_a_request_arrives_again(here: Standing, tmp_path: Path, form: str) -> None:
    at = here.bench.serve("http://:0", "parity")
    body = b'{"n": 4}'
    head = "POST /call/parity.is_even?x='$(touch owned)' HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    head = head.replace("$(touch owned)", "$(touch%20owned)")
    here.say(at, f"{head}X-Odd: a'b\"c`id`\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    (first,) = here.get("/api/connections")["connections"]
    text = here.get(f"/api/connections/{first['number']}/copy?as={form}")["text"]
    if form == "python":
        (tmp_path / "again.py").write_text(text, "utf-8")
        text = "python3 again.py"
    done = _pasted(text, tmp_path)
    assert done.returncode == 0, done
    assert b"true" in done.stdout
    newest = here.get("/api/connections")["connections"][0]["number"]
    assert newest > first["number"]
    request = here.get(f"/api/connections/{newest}/composed")
    assert (request["method"], request["content"]) == ("POST", '{"n": 4}')
    assert ["X-Odd", "a'b\"c`id`"] in request["fields"]
    assert not (tmp_path / "owned").exists()


TRIES: list[tuple[str, str, str]] = [
    ("tcp", "echo", "hello"),
    ("udp", "echo", "hello"),
    ("tcp", "discard", ""),
    ("udp", "discard", ""),
    ("tcp", "time", "20"),
    ("udp", "time", "20"),
    ("tcp", "greet", "Thank you"),
    ("udp", "greet", "Thank you"),
    ("tcp", "codebook", "hello world"),
    ("udp", "codebook", "hello world"),
    ("xmlrpc", "parity", "rue|<boolean>1"),
    ("http", "hello", "Hello World!"),
    ("smtp", "mailsink", ""),
]


@pytest.mark.parametrize(("scheme", "service", "wanted"), TRIES)
@pytest.mark.stranger("nc", "curl")
def test_commands_to_try_work_when_pasted(
    here: Standing, tmp_path: Path, scheme: str, service: str, wanted: str
) -> None:
    # The certificate for STARTTLS is kept in a home that other tests had.
    here.bench.serve(f"{scheme}://:0{'?starttls=no' if scheme == 'smtp' else ''}", service)
    (place,) = here.get("/api/state")["endpoints"]
    tools: dict[str, Any] = {tool: command for tool, command in place["try"].items() if command}
    assert "sockwright" in tools or (scheme, service) == ("udp", "discard")
    for tool, command in tools.items():
        before = here.get("/api/state")["endpoints"][0]["total"]
        done = _pasted(command, tmp_path)
        assert done.returncode == 0, (command, done)
        assert re.search(wanted, done.stdout.decode()), (command, done)
        assert here.get("/api/state")["endpoints"][0]["total"] > before, (tool, command)
    if service == "mailsink":
        assert here.get("/api/mails")["count"] == len(tools)


def test_nobody_is_told_to_try_what_cannot_be(here: Standing, stranger: Callable[[str], str]) -> None:
    here.bench.serve("https://:0", "hello")
    here.bench.serve("smtps://:0", "mailsink")
    here.bench.serve("tcp://:0", "people")
    https, smtps, people = (one["try"] for one in here.get("/api/state")["endpoints"])
    assert https["nc"] is None
    assert smtps["nc"] is None
    assert people["curl"] is None
    assert people["sockwright"].startswith("sockwright join Ann 30 --at :")
