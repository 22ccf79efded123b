"""The numbers of a run's connections: handed out in the loop's thread, reserved in the file by the writer's.

Without a file they begin at 1 and never end. With one they come in blocks, and the next block is reserved when half of
this one is used. Should a block run out all the same, the run goes on counting, since nobody waits for a file; what it
used without asking is its own only where nobody else had it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

# A run that opens connections fast reserves more at once, up to this many.
MOST = 64_000
_ENDLESS = 1 << 62


class Register(Protocol):
    """Where numbers are reserved: the file."""

    def join(self) -> int: ...

    def reserve(self, last: int, count: int) -> tuple[range, range]: ...


class Numbers:
    """`ask` is called, in the loop's thread, when more are wanted."""

    def __init__(self, block: int, ask: Callable[[], None]) -> None:
        self.is_short = False  # the writer should reserve more
        self._ask = ask
        self._block = block
        self._next = 1
        self._stop = _ENDLESS  # where our block ends
        self._alarm = _ENDLESS  # where `take` must look up
        self._reserved: range | None = None  # the block to go on with
        self._ours: list[range] = []  # all that is ours in the file

    # -- the loop's thread

    def take(self) -> int:
        """Return the next number."""
        number = self._next
        if number >= self._alarm:
            number = self._renew(number)
        self._next = number + 1
        return number

    def _renew(self, number: int) -> int:
        block = self._reserved
        if number >= self._stop and block is not None:
            self._reserved = None
            number = max(number, block.start)
            self._stop = max(number, block.stop)
            self._alarm = max(number + 1, self._stop - len(block) // 2)
            return number
        self._alarm = max(number + 1, self._stop)
        if not self.is_short and block is None:
            self.is_short = True
            self._ask()
        return number

    # -- the writer's thread

    def register(self, file: Register) -> None:
        """Make the run known in `file`, and go on with numbers that it reserves, unless it knows us already."""
        if file.join() >= self._stop - 1:
            return
        block, ours = file.reserve(self._next - 1, self._block)
        self._ours = [ours]
        self._reserved = block
        self.is_short = False
        self._stop = self._alarm = 0

    def extend(self, file: Register) -> None:
        """Reserve the next block."""
        self._block = min(self._block * 4, MOST)
        block, ours = file.reserve(max(self._stop, self._next) - 1, self._block)
        self._ours.append(ours)
        self._reserved = block
        self.is_short = False

    def owns(self, number: int) -> bool:
        """Tell whether a number is ours in the file: one that was used without asking may be somebody else's."""
        return any(number in ours for ours in reversed(self._ours))
