"""docs/how-to/call-anything.md: its commands do what it says, against a running `up`."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.programs import Program, environment, run, running, with_real_ports

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "call-anything.md"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Program]]:
    home = tmp_path_factory.mktemp("home")
    with running(home, "up", "--quiet", "--only", "tcp,udp,http,https,xmlrpc") as program:
        yield home, program


def test_each_command_gives_what_the_page_shows(bench: tuple[Path, Program]) -> None:
    home, program = bench
    page = PAGE.read_text("utf-8")
    tried = 0
    for console in re.findall(r"^```console\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        for block in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
            line, _, promised = block.partition("\n")
            if re.search(r"sockwright up| < |\|\| |jq", line):
                continue  # needs files, other programs, or a bench of its own
            before, pipe, command = with_real_ports(line, program).rpartition(" | ")
            words = shlex.split(command)
            assert words[:2] == ["sockwright", "call"]
            said = subprocess.run(before, shell=True, capture_output=True, check=True).stdout if pipe else None
            result = run(home, *words[1:], stdin=said)
            assert result.returncode == 0, (line, result.stderr)
            if promised:
                assert result.stdout == promised, line
            tried += 1
    assert tried >= 12


def test_the_program_on_the_page_runs(bench: tuple[Path, Program]) -> None:
    home, program = bench
    [code] = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-"],
        input=with_real_ports(code, program),
        capture_output=True,
        text=True,
        timeout=30,
        env=environment(home),
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "data=b'ping'" in done.stdout
