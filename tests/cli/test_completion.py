"""Completion as real shells do it: a person types, presses Tab, and sees."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.programs import environment, run
from tests.terminal import Terminal

START = {
    "bash": (["--norc", "--noprofile", "-i"], 'eval "$(sockwright completion bash)"'),
    "zsh": (["-f", "-i"], 'autoload -U compinit; compinit -u -D; eval "$(sockwright completion zsh)"'),
    "fish": (["--no-config", "-i"], "sockwright completion fish | source"),
}


@pytest.mark.parametrize("shell", START)
def test_a_shell_completes_verbs_flags_and_topics(tmp_path: Path, shell: str, stranger: Callable[[str], str]) -> None:
    words, install = START[shell]
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "sockwright").write_text(f"#!/bin/sh\nexec '{sys.executable}' -m sockwright \"$@\"\n")
    (folder / "sockwright").chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    env = environment(
        tmp_path, TERM="xterm", PATH=path, HOME=str(tmp_path), PS1="", PROMPT="", XDG_CONFIG_HOME=str(tmp_path)
    )
    with Terminal([stranger(shell), *words], env) as terminal:
        terminal.type(f"{install}; echo in'stalled'\n")
        terminal.until("installed")
        for typed, wanted in (
            ("sockwright doct\t", "doctor"),
            ("sockwright call --interac\t", "--interactive"),
            ("sockwright explain message-is\t", "message-is-not-a-recv"),
        ):
            terminal.shown = b""
            terminal.type(typed)
            terminal.until(wanted)
            terminal.type("\x15")  # Ctrl-U: the line is empty again


def test_each_script_says_how_it_is_installed(tmp_path: Path) -> None:
    for shell in START:
        script = run(tmp_path, "completion", shell).stdout
        assert script.startswith(f"# Completion of sockwright for {shell}. Install: ")
        assert "_SOCKWRIGHT_COMPLETE" in script
    assert run(tmp_path, "completion", SHELL="/usr/bin/fish").stdout.startswith("# Completion of sockwright for fish")
    assert run(tmp_path, "completion", SHELL="/bin/tcsh").returncode == 2
    assert run(tmp_path, "completion", "powershell").returncode == 2
