"""WSGI, ASGI or a function of ours: told by what it looks like."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sockwright.errors import ConfigError
from sockwright.hosts.kinds import ASGI, FUNCTION, WSGI, find_application

SOURCE = """
from sockwright import service

def wsgi(environ, start_response): ...
def short(env, start_response, option=None): ...
async def asgi(scope, receive, send): ...
def asgi_plain(scope, receive, send): ...
def add(a, b): ...
def handler(request): ...
@service(name="odd")
def marked(environ, start_response): ...
async def three(a, b, c): ...

class Wsgi:
    def __call__(self, environ, start_response): ...
    def method(self, environ, start_response): ...
class Unnamed:
    def __call__(self, one, two): ...
class Adder:
    def __call__(self, one: int, two: int) -> int: ...
class Asgi:
    async def __call__(self, scope, receive, send): ...
class PlainAsgi:
    def __call__(self, scope, receive, send): ...
class Old:
    def __init__(self, scope): ...
    async def __call__(self, receive, send): ...
class AppClass:
    def __init__(self, environ, start_response): ...
    def __iter__(self): ...

wsgi_object, unnamed_object, adder, asgi_object, plain_asgi = Wsgi(), Unnamed(), Adder(), Asgi(), PlainAsgi()
method = wsgi_object.method
wrapped = lambda *args: wsgi(*args)
number = 7

def create_app(name="x", *, debug=False):
    app = Wsgi()
    app.made = (name, debug)
    return app
def create_number(): return 7
def create_lambda(): return wrapped
def create_broken(): raise OSError("no database")
"""


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "zoo_of_kinds.py").write_text(SOURCE, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("zoo_of_kinds", None)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("wsgi", WSGI),
        ("short", WSGI),
        ("asgi", ASGI),
        ("asgi_plain", ASGI),
        ("add", FUNCTION),
        ("handler", FUNCTION),
        ("marked", FUNCTION),
        ("three", FUNCTION),
        ("wsgi_object", WSGI),
        ("unnamed_object", WSGI),
        ("adder", FUNCTION),
        ("asgi_object", ASGI),
        ("plain_asgi", ASGI),
        ("AppClass", WSGI),
        ("method", WSGI),
        ("wrapped", FUNCTION),
        ("create_app()", WSGI),
    ],
)
def test_kinds_are_told_apart(name: str, kind: str) -> None:
    assert find_application(f"zoo_of_kinds:{name}").kind == kind
    assert find_application(f"zoo_of_kinds.py:{name}").kind == kind


def test_a_word_before_it_says_it_outright() -> None:
    assert find_application("wsgi:zoo_of_kinds:wrapped").kind == WSGI
    assert find_application("asgi:zoo_of_kinds.py:wrapped").kind == ASGI
    assert find_application("wsgi:zoo_of_kinds:create_lambda()").kind == WSGI


def test_a_factory_takes_plain_values() -> None:
    found = find_application("zoo_of_kinds:create_app('a:b', debug=True)")
    assert found.application.made == ("a:b", True)


@pytest.mark.parametrize(
    ("target", "words", "cure"),
    [
        ("zoo_of_kinds:create_app", "looks like a factory", "'zoo_of_kinds:create_app\\(\\)'"),
        ("zoo_of_kinds:create_app(open('x'))", "cannot be called", "plain values"),
        ("zoo_of_kinds:create_app(", "cannot be called", "plain values"),
        ("zoo_of_kinds:create_broken()", "OSError: no database", ""),
        ("zoo_of_kinds:create_number()", "int, which nobody can call", "name an application"),
        ("zoo_of_kinds:create_lambda()", "looks like no application", "wsgi:zoo_of_kinds:create_lambda"),
        ("zoo_of_kinds:number()", "int, which nobody can call", "leave"),
        ("zoo_of_kinds:number", "int, which nobody can call", "name an application"),
        ("zoo_of_kinds:Old", "ASGI 2", "guarantee_single_callable"),
        ("zoo_of_kinds:nothing", "has no 'nothing'", "there are"),
    ],
)
def test_what_does_not_fit_is_said_with_its_cure(target: str, words: str, cure: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        find_application(target)
    assert re.search(cure, caught.value.cure)
