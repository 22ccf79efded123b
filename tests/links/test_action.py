"""`action.yml` and the hooks, as far as a machine that is no code host can run them: their scripts, word for word."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.links.collected import page_of
from tests.links.nasty import Nasty
from tests.programs import environment, run

ROOT = Path(__file__).parents[2]


@pytest.fixture
def server() -> Iterator[Nasty]:
    with Nasty().running() as nasty:
        nasty.page("/", page_of(["/fine", "/missing"]))
        nasty.page("/fine", page_of(["/"]))
        yield nasty


def script(step: str) -> str:
    """Return the script of a step of the action."""
    text = (ROOT / "action.yml").read_text()
    found = re.search(rf"\n      name: {step}\n.*?run: \|\n((?:        .*\n|\n)+)", text, re.DOTALL)
    assert found is not None
    return textwrap.dedent(found[1])


def act(home: Path, **inputs: str) -> tuple[int, dict[str, str], str]:
    """Run the action's main step; return its exit code, its outputs and what it printed."""
    bin_ = home / "runner" / "sockwright" / "bin"
    bin_.mkdir(parents=True, exist_ok=True)
    program = bin_ / "sockwright"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m sockwright "$@"\n')
    program.chmod(0o755)
    outputs = home / "outputs"
    outputs.write_text("")
    given = {"INPUTS": "", "ARGS": "", "FAIL": "true", "SARIF": ""} | inputs
    more = {"RUNNER_TEMP": str(home / "runner"), "GITHUB_OUTPUT": str(outputs), **given}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script("Check links")],
        env=environment(home, PATH=path, **more),
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    told = dict(line.partition("=")[::2] for line in outputs.read_text().splitlines())
    return done.returncode, told, done.stdout + done.stderr


@pytest.fixture(autouse=True)
def _bash(stranger: Callable[[str], str]) -> None:
    stranger("bash")


def test_the_action_fails_where_links_fail(server: Nasty, tmp_path: Path) -> None:
    code, told, said = act(tmp_path, INPUTS=server.url + "/")
    assert code == 1, said
    assert told["failed"] == "1"
    assert "1 failing link" in Path(told["report"]).read_text()
    assert f"{server.url}/missing" in said


def test_the_action_only_tells_where_that_is_wished(server: Nasty, tmp_path: Path) -> None:
    code, told, said = act(tmp_path, INPUTS=server.url + "/", FAIL="false", SARIF="links.sarif")
    assert code == 0, said
    assert told["failed"] == "1"
    assert json.loads((tmp_path / "links.sarif").read_text())["version"] == "2.1.0"


def test_inputs_and_flags_may_stand_on_several_lines(server: Nasty, tmp_path: Path) -> None:
    code, told, said = act(tmp_path, INPUTS=f"{server.url}/\n{server.url}/fine\n", ARGS="--exclude\n  missing\n")
    assert code == 0, said
    assert told["failed"] == "0"
    assert "3 links on 2 pages" in said


def test_nothing_that_comes_from_outside_is_run(server: Nasty, tmp_path: Path) -> None:
    hostile = f'{server.url}/fine $(touch${{IFS}}owned) `touch${{IFS}}owned` ";touch owned;" *'
    act(tmp_path, INPUTS=hostile)
    assert not (tmp_path / "owned").exists()


def test_wrong_flags_are_an_error_though_failing_is_off(server: Nasty, tmp_path: Path) -> None:
    code, told, said = act(tmp_path, INPUTS=server.url + "/fine", ARGS="--no-such-flag", FAIL="false")
    assert code == 2, said
    assert told.get("failed", "") == ""


def test_the_hooks_entries_work_on_the_files_they_are_given(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("[b](b.md) [c](c.md) <http://127.0.0.1:1/>\n")
    (tmp_path / "b.md").write_text("[a](a.md)\n")
    entries = re.findall(r"entry: sockwright (.*)", (ROOT / ".pre-commit-hooks.yaml").read_text())
    assert len(entries) == 2
    seen = {}
    for entry in entries:
        done = run(tmp_path, *shlex.split(entry), "a.md", "b.md", cwd=tmp_path)
        assert done.returncode == 1
        seen[entry] = done.stdout
    whole, local = sorted(seen, key=len)
    assert "c.md" in seen[whole]
    assert "refused" in seen[whole]
    assert "c.md" in seen[local]
    assert "refused" not in seen[local]
