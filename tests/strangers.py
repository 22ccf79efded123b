"""Finding the programs that are not ours; `.ci/strangers` lists them with their packages."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

LIST = Path(__file__).resolve().parent.parent / ".ci" / "strangers"


def listed() -> dict[str, tuple[str, list[str]]]:
    """Return, for each program tests talk to, Debian's package and the commands that may be it, best first."""
    known: dict[str, tuple[str, list[str]]] = {}
    for line in LIST.read_text("utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            name, package, *command = line.split()
            known[name] = (package, [*command, name])
    return known


def find(name: str) -> str:
    """Return the path of the program `name`; where it is missing, skip the test and say how to get it.

    On CI (`CI=true`) all of them are installed, so there a missing one fails the test.
    """
    package, commands = listed()[name]
    for command in commands:
        path = shutil.which(command) or shutil.which(command, path="/usr/sbin:/sbin")
        if path:
            return path
    missing = f"{name} is missing (apt-get install {package})"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)
