"""`serve --do module:app`: programs of others, as a person starts them."""

from __future__ import annotations

import signal
import urllib.request
from pathlib import Path

import pytest
from tests.programs import Program, run, running

PROGRAMS = """
import sys
from . import greeting

def wsgi(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{greeting.WORDS} {environ['SCRIPT_NAME']}|{environ['PATH_INFO']}".encode()]

async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        for kind in ("startup", "shutdown"):
            await receive()
            print(kind, file=sys.stderr)
            scope["state"]["words"] = greeting.WORDS
            await send({"type": f"lifespan.{kind}.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["state"]["words"].encode()})

async def lame(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "there is no database"})

def create_app(words="made"):
    def application(environ, start_response):
        start_response("200 OK", [])
        return [words.encode()]
    return application

def boom(environ, start_response):
    raise ValueError("boom")

def add(a: int, b: int) -> int:
    return a + b
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").write_text("", "utf-8")
    (package / "greeting.py").write_text("WORDS = 'привет'\n", "utf-8")
    (package / "web.py").write_text(PROGRAMS, "utf-8")
    return tmp_path


def fetch(program: Program, name: str, path: str = "/") -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{program.port(name, 'http')}{path}", timeout=10) as answer:
        text: str = answer.read().decode()
        return text


@pytest.mark.parametrize("name", ["shop.web:wsgi", "shop/web.py:wsgi", "wsgi:shop.web:wsgi"])
def test_a_wsgi_application_answers_below_its_prefix(folder: Path, name: str) -> None:
    with running(folder, "serve", "http://:0/at/home", "--do", name, cwd=folder) as program:
        assert fetch(program, name, "/at/home/x") == "привет /at/home|/x"


def test_an_asgi_application_starts_up_and_shuts_down(folder: Path) -> None:
    with running(folder, "serve", "http://:0", "--do", "shop.web:asgi", cwd=folder) as program:
        assert fetch(program, "shop.web:asgi") == "привет"
        code, _, err = program.stop(signal.SIGTERM)
    assert code == 0
    assert [line for line in err.splitlines() if line in ("startup", "shutdown")] == ["startup", "shutdown"]


def test_a_factory_is_called(folder: Path) -> None:
    name = "wsgi:shop.web:create_app('Анна')"
    with running(folder, "serve", "http://:0", "--do", name, cwd=folder) as program:
        assert fetch(program, name) == "Анна"


def test_a_function_is_still_a_function(folder: Path) -> None:
    with running(folder, "serve", "http://:0", "--do", "shop.web:add", cwd=folder) as program:
        assert fetch(program, "shop.web:add", "/?a=4&b=5") == "9"


def test_a_failure_is_told_on_stderr(folder: Path) -> None:
    with running(folder, "serve", "http://:0", "--do", "shop.web:boom", cwd=folder) as program:
        with pytest.raises(urllib.error.HTTPError) as refused:
            fetch(program, "shop.web:boom", "/x")
        assert refused.value.code == 500
        assert b"ValueError" not in refused.value.read()
        refused.value.close()
        _, _, err = program.stop(signal.SIGINT)
    assert "GET /x failed in the application" in err
    assert "ValueError: boom" in err


@pytest.mark.parametrize(
    ("endpoint", "name", "words"),
    [
        ("http://:0", "shop.web:lame", "failed to start up: there is no database"),
        ("http://:0", "shop.web:create_app", "let it be called: 'shop.web:create_app()'"),
        ("http://:0", "shop.web:nothing", "has no 'nothing'"),
        ("http://:0", "shop.nowhere:app", "there is no module 'shop.nowhere'"),
        ("tcp://:0", "shop.web:wsgi", "tcp is not HTTP"),
    ],
)
def test_what_cannot_be_served_is_said_in_three_lines(folder: Path, endpoint: str, name: str, words: str) -> None:
    ended = run(folder, "serve", endpoint, "--do", name, cwd=folder)
    assert ended.returncode == 2
    assert words in ended.stderr
    assert len(ended.stderr.splitlines()) <= 3


def test_content_over_the_flags_limit_is_refused(folder: Path) -> None:
    name = "shop.web:wsgi"
    with running(folder, "serve", "http://:0", "--do", name, "--max-body", "1KiB", cwd=folder) as program:
        request = urllib.request.Request(f"http://127.0.0.1:{program.port(name, 'http')}/", b"x" * 1025)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=10)
        assert refused.value.code == 413
        refused.value.close()
    ended = run(folder, "serve", "http://:0", "--do", "hello", "--max-body", "much")
    assert (ended.returncode, "--max-body" in ended.stderr) == (2, True)
