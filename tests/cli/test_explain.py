"""The lessons: every command in them works against a running `up`, every program in them prints what is promised."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.programs import Program, environment, run, running, with_real_ports
from tests.terminal import at_terminal

from sockwright.cli.explain import TOPICS, lesson, title


def blocks(topic: str, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", lesson(topic), re.MULTILINE | re.DOTALL)


def test_every_file_is_a_topic_and_every_topic_a_file() -> None:
    import sockwright.cli

    folder = Path(sockwright.cli.__file__).parent / "lessons"
    assert {path.stem for path in folder.iterdir()} == set(TOPICS)
    for topic in TOPICS:
        text = lesson(topic)
        assert title(text)
        for part in ("**What one sees.**", "**Why.**", "**What to do.**", "**Try.**", "```python"):
            assert part in text, (topic, part)
        assert max(map(len, text.splitlines())) <= 130


@pytest.mark.parametrize("topic", TOPICS)
def test_the_program_in_a_lesson_prints_what_it_promises(tmp_path: Path, topic: str) -> None:
    [program], [promised] = blocks(topic, "python"), blocks(topic, "text")
    done = subprocess.run(
        [sys.executable, "-"], input=program, capture_output=True, encoding="utf-8", timeout=30,
        env=environment(tmp_path, PYTHONUTF8="1"), check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, promised, "")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Program]]:
    home = tmp_path_factory.mktemp("home")
    with running(home, "up", "--quiet", "--only", "tcp,udp,http,https") as program:
        yield home, program


@pytest.mark.parametrize("topic", TOPICS)
def test_the_commands_in_a_lesson_work(bench: tuple[Path, Program], topic: str) -> None:
    home, program = bench
    for line in "".join(blocks(topic, "sh")).splitlines():
        line, _, remark = line.partition("    # ")
        found = re.search(r"exit (\d+)", remark)
        expected = int(found[1]) if found is not None else 0
        line = with_real_ports(line, program)
        before, pipe, command = line.rpartition(" | ")
        words = shlex.split(command)
        assert words[0] == "sockwright"
        said = subprocess.run(before, shell=True, capture_output=True, check=True).stdout if pipe else None
        result = run(home, *words[1:], stdin=said)
        if words[1] == "doctor":  # what it finds is this machine's affair
            assert "sqlite" in result.stdout
            continue
        assert result.returncode == expected, (line, result.stdout, result.stderr)


def test_topics_are_listed_and_the_nearest_is_named(tmp_path: Path) -> None:
    shown = run(tmp_path, "explain").stdout
    assert [line.split()[0] for line in shown.splitlines()] == list(TOPICS)
    assert run(tmp_path, "explain", "Half", "close").stdout == lesson("half-close")
    result = run(tmp_path, "explain", "nagel")
    assert (result.returncode, "Did you mean 'nagle'?" in result.stderr) == (2, True)


def test_a_terminal_gets_it_rendered(tmp_path: Path) -> None:
    with at_terminal(tmp_path, "explain", "pickle", NO_COLOR="") as terminal:
        assert terminal.end() == 0
    assert b"\x1b[1m" in terminal.shown
    assert b"**What" not in terminal.shown
    with at_terminal(tmp_path, "explain", "pickle", NO_COLOR="1") as terminal:
        assert terminal.end() == 0
    assert b"\x1b" not in terminal.shown
