"""How what the peer sent is fitted to a function's signature, and how a function is found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sockwright.binding import Arguments, Refusal, attempt, load, service, service_of
from sockwright.errors import ConfigError, ServiceError
from sockwright.session import BlockingSession, Session


def is_even(n: int) -> bool:
    return n % 2 == 0


def join(a: str, b: str, sep: str = "-") -> str:
    return sep.join((a, b))


def words(words: list[str]) -> int:
    return len(words)


def everything(*values: int, **named: str) -> tuple[Any, ...]:
    return values, named


@dataclass
class User:
    name: str
    age: int


def greet(user: User) -> str:
    return f"{user.name} is {user.age}"


@pytest.mark.parametrize(
    ("function", "arguments", "value"),
    [
        (is_even, Arguments(values=(4,)), True),
        (is_even, Arguments(named={"n": 3}), False),
        (is_even, Arguments(line=b" 4 "), True),
        (is_even, Arguments(named={"n": "4"}, textual=True), True),
        (join, Arguments(line=b"x y"), "x-y"),
        (join, Arguments(line=b'"x y" z +'), "x y+z"),
        (join, Arguments(line=b"don't stop"), "don't-stop"),
        (join, Arguments(values=("a",), named={"b": "b", "sep": ""}), "ab"),
        (words, Arguments(line="раз два три".encode()), 3),
        (words, Arguments(line=b'["with blank", "b"]'), 2),
        (words, Arguments(line=b""), 0),
        (everything, Arguments(values=(1, 2), named={"x": "y"}), ((1, 2), {"x": "y"})),
        (greet, Arguments(named={"user": {"name": "Анна", "age": 30}}), "Анна is 30"),
        (greet, Arguments(line=b'{"name": "Ann", "age": 3}'), "Ann is 3"),
    ],
)
def test_what_fits_is_called(function: Any, arguments: Arguments, value: object) -> None:
    assert attempt(service_of(function), arguments) == value


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        (is_even, Arguments(values=("4",)), "'n' wants int, and '4' does not fit"),
        (is_even, Arguments(values=()), "'n' is missing; it takes (n: int)"),
        (is_even, Arguments(values=(1, 2)), "2 values came; it takes (n: int)"),
        (is_even, Arguments(named={"m": 4, "n": 1}), "there is no 'm'. Did you mean 'n'?"),
        (is_even, Arguments(values=(1,), named={"n": 1}), "'n' is given twice"),
        (is_even, Arguments(line=b"\xff"), "byte 0 (0xff) is not UTF-8"),
        (is_even, Arguments(line=b"4.5"), "'n' wants int"),
        (join, Arguments(line=b"a b c d"), "4 values came"),
        (greet, Arguments(line=b'{"name": "Ann"}'), "missing required field `age`"),
        (greet, Arguments(line=b'{"name": "Ann", "age": "thirty"}'), "Expected `int`, got `str`"),
    ],
)
def test_a_misfit_is_refused_in_words(function: Any, arguments: Arguments, words: str) -> None:
    outcome = attempt(service_of(function), arguments)
    assert isinstance(outcome, Refusal)
    if "Did you mean" not in words:
        assert words in outcome.message
    assert outcome.code in (400, 422)
    assert not outcome.trace


def test_long_values_are_cut_in_the_refusal() -> None:
    outcome = attempt(service_of(is_even), Arguments(values=("x" * 1000,)))
    assert isinstance(outcome, Refusal)
    assert len(outcome.message) < 200


def test_a_services_own_refusal_keeps_its_words_and_code() -> None:
    def locked(name: str) -> str:
        raise ServiceError(f"{name} is locked", code=503)

    outcome = attempt(service_of(locked), Arguments(values=("door",)))
    assert outcome == Refusal("door is locked", 503)


def test_the_mark_says_what_a_signature_cannot() -> None:
    @service(blocking=False, name="plus", route="GET /plus")
    def add(a: int, b: int) -> int:
        return a + b

    made = service_of(add)
    assert (made.name, made.blocking, made.route) == ("plus", False, "GET /plus")
    assert add(1, 2) == 3


def test_sessions_are_known_by_their_parameter() -> None:
    async def by_type(peer: Session) -> None: ...
    def blocking(peer: BlockingSession) -> None: ...
    def by_name(session) -> None: ...  # type: ignore[no-untyped-def]

    assert [service_of(one).is_session for one in (by_type, blocking, by_name, is_even)] == [True, True, True, False]
    with pytest.raises(ConfigError, match="it asks for n too"):
        service_of(lambda session, n: None)


def test_functions_without_parameters_speak_first() -> None:
    assert service_of(lambda: "noon").speaks_first


def test_unreadable_annotations_do_not_stop_a_function() -> None:
    def odd(a: "Nowhere", b: Sequence[str] = ()) -> str:  # type: ignore[name-defined] # noqa: F821, UP037
        return str(a)

    assert attempt(service_of(odd), Arguments(values=("x",))) == "x"


def test_a_function_is_loaded_from_a_file_and_finds_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_app.py").write_text("WORD = 'мир'")
    (tmp_path / "the_app.py").write_text(
        "from neighbour_of_app import WORD\ndef f(a: str) -> str:\n    return WORD + a\n"
    )
    made = load(f"{tmp_path}/the_app.py:f")
    assert attempt(made, Arguments(values=("!",))) == "мир!"
    assert (made.name, made.group) == ("f", "the_app")


def test_functions_of_one_file_share_its_state(tmp_path: Path) -> None:
    file = tmp_path / "counting_app.py"
    file.write_text(
        "seen = []\n"
        "def see(a: str) -> int:\n    seen.append(a)\n    return len(seen)\n"
        "def count(a: str) -> int:\n    return len(seen)\n"
    )
    attempt(load(f"{file}:see"), Arguments(values=("x",)))
    assert attempt(load(f"{file}:count"), Arguments(values=("x",))) == 1


def test_a_function_is_loaded_from_a_module() -> None:
    assert attempt(load("math:gcd"), Arguments(values=(12, 18))) == 6


@pytest.mark.parametrize(
    ("target", "words", "cure"),
    [
        ("nowhere:f", "there is no module 'nowhere'", "nowhere.py:function"),
        ("json:dump_it", "json has no 'dump_it'. Did you mean 'dump", "there are: "),
        ("missing.py:f", "there is no file 'missing.py'", "working directory"),
        ("math", "names no function", "module:function"),
        ("math:pi", "math:pi is float, not a function", ""),
    ],
)
def test_what_cannot_be_loaded_says_why(target: str, words: str, cure: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(target)
    assert words in str(refused.value)
    assert cure in refused.value.cure


def test_a_file_that_fails_names_its_line(tmp_path: Path) -> None:
    file = tmp_path / "bad_app.py"
    file.write_text("x = 1\n1/0\n")
    with pytest.raises(ConfigError, match="ZeroDivisionError") as refused:
        load(f"{file}:f")
    assert refused.value.cure.endswith("bad_app.py, line 2")


def test_a_missing_import_says_how_to_install_it(tmp_path: Path) -> None:
    file = tmp_path / "needy_app.py"
    file.write_text("import nowhere_to_be_found\n")
    with pytest.raises(ConfigError, match="imports 'nowhere_to_be_found'") as refused:
        load(f"{file}:f")
    assert "-m pip install nowhere_to_be_found" in refused.value.cure
