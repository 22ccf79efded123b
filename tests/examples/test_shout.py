"""The example functions answer as docs/how-to/serve-your-own-function.md says."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.sockets import ask

from sockwright.workbench import BenchThread

SHOUT = Path(__file__).resolve().parents[2] / "examples" / "shout.py"


@pytest.mark.parametrize(
    ("name", "said", "answer"),
    [
        ("shout", "hello", "HELLO!\n"),
        ("total", "1 2 39", "42\n"),
        ("total", "one two", "error: 'numbers' wants list[int], and ['one', 'two'] does not fit: "),
        ("welcome", '{"name": "Анна", "age": 30}', "Welcome, Анна\n"),
        ("welcome", '{"name": "Ann", "age": -1}', "error: nobody is -1 years old\n"),
        ("is_long", "short", "false\n"),
        ("chat", "Ann\nBob", "What is your name?\nHello, Ann\nHello, Bob\n"),
    ],
)
def test_each_function_answers_over_tcp(name: str, said: str, answer: str) -> None:
    with BenchThread() as bench:
        assert ask(bench.serve("tcp://:0", f"{SHOUT}:{name}"), said.encode()).decode().startswith(answer)
