"""What comes, but is not what was sent: corrupt, garbage."""

from __future__ import annotations

import math
from random import Random

from sockwright.faults.fault import (
    DAMAGE,
    FIRED,
    FOR_EVER,
    PASS,
    Fault,
    Kind,
    Maker,
    Parameter,
    Step,
    Steps,
    each_way,
    never,
)
from sockwright.faults.reading import a_share, a_size, count, halves, needed, share

# Wrong bytes of one direction that get a record of their own; of the rest only the first of a read.
RECORDS = 1000
# Bytes of noise where nothing else is said.
NOISE = 64


class Corrupt(Fault):
    """Each byte is wrong by one bit with this probability. Where, depends on seed and place alone, never on reads.

    in   abcdefgh
    out  abcDefgh        corrupt=10%
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._at = 0  # bytes that passed
        self._next = -1  # the place of the next wrong byte
        self._told = 0

    def skip(self, count: int) -> None:
        self._at += count
        self.calm -= count

    def feed(self, data: bytes, now: float, chance: Random) -> Steps:
        if self._next < 0:
            self._next = self._gap(chance)
        start, self._at = self._at, self._at + len(data)
        steps: list[Step] = []
        if self._next < self._at:
            wrong = bytearray(data)
            while self._next < self._at:
                place = self._next - start
                was, bit = wrong[place], 1 << chance.randrange(8)
                wrong[place] ^= bit
                if self._told < RECORDS or not steps:
                    self._told += 1
                    steps.append((FIRED, f"byte {self._next}: 0x{was:02x} became 0x{was ^ bit:02x}", now))
                self._next += 1 + self._gap(chance)
            data = bytes(wrong)
        self.calm = self._next - self._at
        steps.append((PASS, data, now))
        return steps

    def _gap(self, chance: Random) -> int:
        """Return how many bytes stay right until the next wrong one (a geometric distribution)."""
        if self._share >= 1:
            return 0
        return int(math.log(1.0 - chance.random()) / math.log(1.0 - self._share))


class Garbage(Fault):
    """Noise comes before the byte at that place; then the stream goes on.

    in   abcdef
    out  a%&bcdef        garbage=2@1
    """

    def __init__(self, size: int, at: int) -> None:
        self._size = size
        self._at = at
        self.calm = at
        self._done = False

    def skip(self, count: int) -> None:
        self.calm -= count

    def feed(self, data: bytes, now: float, chance: Random) -> Steps:
        if self._done or len(data) <= self.calm:
            self.calm -= len(data) if not self._done else 0
            return ((PASS, data, now),)
        noise = chance.randbytes(self._size)
        before, behind = data[: self.calm], data[self.calm :]
        self._done = True
        self.calm = FOR_EVER
        return (
            (FIRED, f"{self._size} bytes of noise before byte {self._at}", now),
            (PASS, before + noise + behind, now),
        )


def _corrupt(text: str) -> Maker:
    value = share(needed(text, "corrupt=0.1%"))
    return each_way(lambda: Corrupt(value)) if value else never


def _garbage(text: str) -> Maker:
    size, at = halves(text, "@")
    amount, place = count(size, 1) if size else NOISE, count(at) if at else 0
    if amount > 1 << 20:
        raise ValueError(f"{size} of noise is more than 1MiB")
    return each_way(lambda: Garbage(amount, place))


KINDS = (
    Kind(
        "corrupt",
        "corrupt=0.1%",
        "each byte is wrong by one bit with this probability",
        _corrupt,
        DAMAGE,
        frozenset({"stream", "datagram"}),
        parameters=(a_share("0.1%", "=", True),),
    ),
    Kind(
        "garbage",
        "garbage[=64][@0]",
        "so many bytes of noise before the byte at that place",
        _garbage,
        DAMAGE,
        parameters=(
            Parameter("size", "bytes", "64", needed=False, least=1, most=1 << 20),
            a_size("at", "0", "@", False),
        ),
    ),
)
