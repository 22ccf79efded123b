"""The lecture's own programs, taken out of its text where that is at hand."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "examples" / "lecture"
TEXT = ROOT.parent / "shared" / "lecture.md"

# topic -> words that only its program has
BLOCKS = {
    "tcp server": ("s.listen(5)", "Thank you for the connection"),
    "tcp client": ("s.recv(1024)", "s.connect((host, port))"),
    "udp server": ("s.recvfrom(1024)", "Thank you for the data"),
    "udp client": ("s.sendto('client data'",),
    "threads": ("class ClientThread",),
    "threaded server": ("class TcpServer",),
    "threaded client": ("class TcpClient",),
    "http server": ("class MyHandler",),
    "urllib": ("request.urlopen(req)",),
    "xmlrpc server": ("SimpleXMLRPCServer((",),
    "xmlrpc client": ("ServerProxy(",),
    "mail": ("SMTP_SSL('smtp.gmail.com'",),
}


def program(topic: str) -> str:
    """Return the lecture's program for `topic`; skips the test where the lecture is not at hand."""
    if not TEXT.is_file():
        pytest.skip("the lecture's text is not at hand")
    for block in re.findall(r"^```\w*\n(.*?)^```", TEXT.read_text("utf-8"), re.DOTALL | re.MULTILINE):
        if all(words in block for words in BLOCKS[topic]):
            return textwrap.dedent(block)
    raise AssertionError(f"the lecture has no program for {topic!r} any more")


@contextlib.contextmanager
def the_lectures_ports() -> Iterator[None]:
    """Hold the lecture's fixed ports: two tests at once would meet there."""
    with open(Path(tempfile.gettempdir()) / "sockwright-tests-lecture-ports.lock", "a+b") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield


def run_code(code: str, folder: Path) -> str:
    """Run a program to its end and return what it printed."""
    file = folder / "program.py"
    file.write_text(code, "utf-8")
    return run_file(file)


def run_file(file: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-X", "utf8", str(file), *words],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=30,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextlib.contextmanager
def background(file: Path, *words: str, output: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server while the block lasts; what it prints goes to the file `output`."""
    with open(output or os.devnull, "wb") as printed:
        process = subprocess.Popen(
            [sys.executable, "-u", "-X", "utf8", str(file), *words],
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONWARNINGS": "default"},
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
