"""Where a hosted program's complaints go: to the developer's terminal, with foreign control bytes made visible."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

from sockwright.wire.visible import visible_lines


def to_stderr(text: str) -> None:
    """Write `text` as lines of its own."""
    stream = sys.stderr
    if stream is not None:
        stream.write(text if text.endswith("\n") else text + "\n")
        stream.flush()


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
