"""A terminal for tests: a program under a pty, as a person would sit before it."""

from __future__ import annotations

import builtins
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path
from types import TracebackType

from tests.programs import environment

WAIT = 20.0  # seconds; a test that needs them is failing
# Makes the pty the terminal that Ctrl-C comes from, then becomes the program.
TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


class Terminal:
    """One program on a pty. What it shows is collected in `shown`."""

    def __init__(self, words: list[str], env: Mapping[str, str]) -> None:
        self.ours, theirs = pty.openpty()
        ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.before = termios.tcgetattr(self.ours)
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE_TERMINAL, *words],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=dict(env),
            start_new_session=True,
        )
        os.close(theirs)
        self.shown = b""

    def type(self, text: str | bytes) -> None:
        os.write(self.ours, text.encode() if isinstance(text, str) else text)

    def more(self, wait: float = 0.05) -> bytes:
        """Return what is shown within `wait` seconds, b"" where nothing is."""
        if not select.select([self.ours], [], [], wait)[0]:
            return b""
        try:
            data = os.read(self.ours, 65536)
        except OSError:  # Linux says EIO once the program is gone
            return b""
        self.shown += data
        return data

    def until(self, text: str | bytes, wait: float = WAIT) -> bytes:
        """Wait until `text` is shown; return all that was shown up to now."""
        wanted = text.encode() if isinstance(text, str) else text
        end = time.monotonic() + wait
        while wanted not in self.shown:
            assert time.monotonic() < end, f"{wanted!r} is not in {self.shown[-500:]!r}"
            if not self.more() and self.process.poll() is not None:
                self.more()
                assert wanted in self.shown, f"ended with {self.process.returncode}; {self.shown[-500:]!r}"
        return self.shown

    def end(self, wait: float = WAIT) -> int:
        """Wait until the program ends, reading what it shows; return its exit code."""
        end = time.monotonic() + wait
        while self.process.poll() is None:
            assert time.monotonic() < end, f"still running; {self.shown[-500:]!r}"
            self.more()
        while self.more(0.05):
            pass
        return self.process.returncode

    def is_restored(self) -> bool:
        """Tell whether the terminal's settings are what they were before the program began."""
        return termios.tcgetattr(self.ours) == self.before

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: builtins.type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(WAIT)
        os.close(self.ours)


@contextmanager
def at_terminal(home: Path, *words: str, **more: str) -> Iterator[Terminal]:
    """Run `sockwright` on a terminal while the block lasts."""
    env = {key: value for key, value in environment(home, TERM="xterm").items() if key != "NO_COLOR"} | more
    with Terminal([sys.executable, "-m", "sockwright", *words], env) as terminal:
        yield terminal
