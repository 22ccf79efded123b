"""Where a peer's bytes are shown: into a pipe or a file as they came, on a terminal made safe for it."""

from __future__ import annotations

import re
import sys
from typing import BinaryIO

from sockwright.wire.visible import VisibleStream, visible, visible_lines


class Screen:
    """Standard output for foreign bytes. With `hexadecimal` they are shown as digits, everywhere."""

    def __init__(self, hexadecimal: bool = False) -> None:
        self.is_terminal = sys.stdout.isatty()
        self._hex = hexadecimal
        self._stream = VisibleStream()
        self._open_line = False  # the last line shown has no end yet
        sys.stdout.flush()
        self._out: BinaryIO = sys.stdout.buffer

    def write(self, data: bytes) -> None:
        """Show what belongs to a stream."""
        if self._hex:
            self._put(data.hex().encode())
        elif self.is_terminal:
            self._put(self._stream.feed(data).encode(errors="replace"))
        else:
            self._put(data)

    def write_line(self, data: bytes) -> None:
        """Show what is one frame, message or value, on a line (or lines) of its own."""
        if self._hex:
            data = data.hex().encode()
        elif self.is_terminal:
            data = visible_lines(data).encode(errors="replace")
        self._put(data + b"\n")

    def finish(self) -> None:
        """End the last line where the eye needs it."""
        if self.is_terminal and not self._hex:
            self._put(self._stream.finish().encode(errors="replace"))
        if self._open_line and (self.is_terminal or self._hex):
            self._put(b"\n")

    def _put(self, data: bytes) -> None:
        if data:
            self._out.write(data)
            self._out.flush()
            self._open_line = not data.endswith(b"\n")


class Expectation:
    """What `--expect` says: TEXT that the answer holds, or `re:PATTERN` that is found in it.

    Raises: ValueError for a pattern that is none.
    """

    def __init__(self, said: str) -> None:
        self.said = said
        self._pattern: re.Pattern[str] | None = None
        if said.startswith("re:"):
            try:
                self._pattern = re.compile(said[3:], re.MULTILINE)
            except re.error as wrong:
                raise ValueError(f"{said[3:]!r} is not a pattern: {wrong}") from None

    def holds(self, answer: bytes | str) -> bool:
        """Tell whether `answer` is as expected."""
        text = answer if isinstance(answer, str) else answer.decode(errors="backslashreplace")
        return bool(self._pattern.search(text)) if self._pattern is not None else self.said in text

    def complaint(self, answer: bytes | str) -> str:
        """Return what to say where it is not."""
        came = f"'{visible(answer, 200)}' came" if answer else "nothing came"
        return f"expected {visible(self.said, 200)!r}, and {came}"
