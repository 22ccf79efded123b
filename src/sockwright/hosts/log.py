"""Where a hosted program's complaints go: to the developer's terminal, with foreign control bytes made visible."""

from __future__ import annotations

import atexit
import contextlib
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue

from sockwright.wire.visible import visible_lines

# Texts that wait for a terminal that takes none (Ctrl-S), or takes fewer than a failing application makes.
WAITING = 50
# One that is said again and again is said once and counted until there is quiet for so long (seconds).
QUIET = 0.5


class Complaints:
    """Writes texts to stderr, in a thread of its own: a terminal that was stopped must not stop the bench.

    What is the same as the last one is counted; what comes faster than it can be shown is counted too.
    """

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._texts: SimpleQueue[str | None] = SimpleQueue()
        self._lost = 0
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """Have `text` written. From any thread; never waits."""
        if self._texts.qsize() >= WAITING:
            self._lost += 1
            return
        self._texts.put(text)
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="sockwright-complaints", daemon=True)
                    self._thread.start()

    def flush(self, wait: float = 1.0) -> None:
        """Write what is left, and end the thread until the next text comes."""
        thread = self._thread
        if thread is not None:
            self._texts.put(None)
            thread.join(wait)
            self._thread = None

    def _run(self) -> None:
        last, again = "", 0
        while True:
            try:
                text = self._texts.get(timeout=QUIET if again or self._lost else None)
            except Empty:
                text = ""
            if text and text == last:
                again += 1
                continue
            if again:
                self._show(f"(the last one came {again} times more)")
                again = 0
            if self._lost and not text:
                lost, self._lost = self._lost, 0
                self._show(f"({lost} more were too many to be shown; the journal has them)")
            if text is None:
                return
            last = text or last
            if text:
                self._show(text)

    def _show(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # a stderr that is closed has nobody before it
            self._write(text if text.endswith("\n") else text + "\n")


def _write(text: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(text)
        sys.stderr.flush()


_stderr = Complaints(_write)
atexit.register(_stderr.flush)  # who mounts applications without a bench's end


def to_stderr(text: str) -> None:
    """Write `text` as lines of its own, soon."""
    _stderr.say(text)


def flush() -> None:
    """Wait until everything is written, a second at most."""
    _stderr.flush()


def trace_of(broken: BaseException) -> str:
    """Return the traceback of an application's failure, without the lines that only say that we called it."""
    trace = broken.__traceback__
    while trace is not None and trace.tb_next is not None and _OURS.match(trace.tb_frame.f_globals.get("__name__", "")):
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(broken), broken, trace))


_OURS = re.compile(r"sockwright\.(?:hosts|transport)\.")


class ErrorStream:
    """`wsgi.errors`: what the application logs."""

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say

    def write(self, text: str) -> int:
        """Raises: TypeError for bytes, which have no place in a log."""
        if not isinstance(text, str):
            raise TypeError(f"wsgi.errors takes text, not {type(text).__name__}")
        if text.strip("\n"):
            self._say(visible_lines(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Nothing is held back."""
