"""Ours, started as a person starts it: `sockwright serve ENDPOINT --do SERVICE`, its home in a folder for a while."""

from __future__ import annotations

import compileall
import functools
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.race import Contender, Place

NAME = "sockwright"


@functools.cache
def _compile() -> None:
    """Write our byte code, which an installed package has and a clone may lack (PYTHONDONTWRITEBYTECODE)."""
    compileall.compile_dir(str(Path(__file__).parents[1] / "src" / "sockwright"), quiet=1)


def executable() -> list[str]:
    """Return the command: the one beside the interpreter that runs us, else this interpreter's module."""
    _compile()
    beside = Path(sys.executable).with_name("sockwright")
    return [str(beside)] if beside.exists() else [shutil.which("sockwright") or sys.executable, "-m", "sockwright"][-3:]


def home(place: Place) -> Mapping[str, str]:
    """Return the environment that keeps the user's own files out of it."""
    return {"SOCKWRIGHT_HOME": str(place.folder), "PYTHONUNBUFFERED": "1"}


def serve(
    name: str, scheme: str, service: str, *options: str, path: str = "", loads: tuple[str, ...] = ()
) -> Contender:
    """Return a contender that serves one service on one endpoint."""

    def command(place: Place) -> Sequence[str]:
        endpoint = f"{scheme}://127.0.0.1:{place.port}{path}"
        return [*executable(), "serve", endpoint, "--do", service, *options]

    return Contender(name, command, "ours", environment=home, datagrams=scheme == "udp", loads=loads)
