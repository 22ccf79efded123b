"""Single keys from a terminal, as they are pressed; signs from a pipe, as they come.

The terminal is put into cbreak mode (no line editing, no echo, Ctrl-C still works) and given back as it was,
however the program ends or is stopped: by a key, Ctrl-C, Ctrl-Z, Ctrl-\\, SIGTERM, or a mistake of ours.
"""

from __future__ import annotations

import codecs
import os
import re
import signal
import sys
import time
from types import FrameType, TracebackType
from typing import Any

from sockwright.cli import manners

# What arrow and function keys send (ECMA-48 control sequences, SS3, and Alt with a key). It is no sign that was typed.
_SEQUENCE = re.compile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|O.|[^\\[O])")
_BEGUN = re.compile("\x1b(?:\\[[0-?]*[ -/]*|O)?\\Z")
END_OF_INPUT = "\x04"  # Ctrl-D in cbreak mode


class Keys:
    """Standard input, key by key. Use it in a `with` block."""

    def __init__(self) -> None:
        self.descriptor = sys.stdin.fileno()
        self.is_terminal = os.isatty(self.descriptor)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="ignore")
        self._held = ""  # the beginning of a sequence
        self._saved: list[Any] | None = None
        self._handlers: dict[int, Any] = {}

    def read(self, wait: float | None) -> str | None:
        """Return what was typed, "" where nothing was within `wait` seconds, None where nothing ever will be."""
        if sys.platform == "win32":
            return self._read_console(wait)
        import select

        if not select.select([self.descriptor], [], [], wait)[0]:
            return ""
        try:
            data = os.read(self.descriptor, 1024)
        except OSError:  # the terminal is gone
            return None
        if not data:
            return None
        return self._signs(self._decoder.decode(data))

    def _signs(self, text: str) -> str:
        """Return the signs in `text`, without what special keys send."""
        if not self.is_terminal:
            return text
        text = self._held + text
        begun = _BEGUN.search(text)
        # ESC alone is a key too, and then nothing follows: hold only what cannot be one.
        self._held = begun[0] if begun is not None and len(begun[0]) > 1 else ""
        return _SEQUENCE.sub("", text[: len(text) - len(self._held)])

    def _read_console(self, wait: float | None) -> str | None:
        if not self.is_terminal:
            data = os.read(self.descriptor, 1024)
            return self._decoder.decode(data) if data else None
        import msvcrt

        until = time.monotonic() + (wait if wait is not None else float("inf"))
        while not msvcrt.kbhit():  # type: ignore[attr-defined]
            if time.monotonic() >= until:
                return ""
            time.sleep(0.005)
        sign: str = msvcrt.getwch()  # type: ignore[attr-defined]
        if sign in "\x00\xe0":  # a special key: a second code follows
            msvcrt.getwch()  # type: ignore[attr-defined]
            return ""
        if sign == "\x03":
            raise KeyboardInterrupt
        return sign

    # -- the terminal's mode

    def __enter__(self) -> Keys:
        if self.is_terminal and sys.platform != "win32":
            import termios

            self._saved = termios.tcgetattr(self.descriptor)
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP, signal.SIGCONT):
                self._handlers[number] = signal.signal(number, self._on_signal)
            self._take()
        else:
            self._handlers[signal.SIGTERM] = signal.signal(signal.SIGTERM, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        interrupted = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not come between
        self._give_back()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.signal(signal.SIGINT, interrupted)

    def _take(self) -> None:
        if sys.platform != "win32":
            import termios
            import tty

            tty.setcbreak(self.descriptor, termios.TCSANOW)  # what was typed before we were ready counts

    def _give_back(self) -> None:
        if self._saved is not None and sys.platform != "win32":
            import termios

            try:
                termios.tcsetattr(self.descriptor, termios.TCSANOW, self._saved)
            except termios.error:  # the terminal is gone
                pass

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if sys.platform == "win32" or number in (signal.SIGTERM, signal.SIGHUP):
            raise manners.Stop(manners.OK)
        if number == signal.SIGCONT:  # after a SIGSTOP, of which nobody is told
            self._take()
            return
        self._give_back()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        # Ctrl-Z has stopped us here, and somebody let us go on.
        signal.signal(number, self._on_signal)
        self._take()
