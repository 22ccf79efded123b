"""The programs in C: yardsticks and load generators, compiled when their source is newer than they are."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

SOURCES = Path(__file__).with_name("native")
BUILD = Path(__file__).with_name(".build")
FLAGS = ("-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror")


class NoCompiler(Exception):
    """There is no C compiler, and without the load generators there is nothing to measure with."""


def compiler() -> str:
    """Return the path of a C compiler.

    Raises: NoCompiler, with the cure.
    """
    for name in ("cc", "gcc", "clang"):
        if path := shutil.which(name):
            return path
    raise NoCompiler(
        "no C compiler (cc, gcc or clang) is here: apt-get install gcc libc6-dev, or xcode-select --install"
    )


def program(name: str, build: Path = BUILD) -> Path:
    """Return the path of the compiled `native/NAME.c`, compiling it first if need be.

    Raises: NoCompiler; CalledProcessError when the source does not compile.
    """
    source, binary = SOURCES / f"{name}.c", build / name
    newest = max(path.stat().st_mtime for path in (source, *SOURCES.glob("*.h")))
    if not binary.exists() or binary.stat().st_mtime < newest:
        build.mkdir(exist_ok=True)
        unfinished = build / f"{name}.{os.getpid()}.new"  # two processes may compile at once
        subprocess.run([compiler(), *FLAGS, str(source), "-o", str(unfinished)], check=True)
        unfinished.replace(binary)
    return binary
