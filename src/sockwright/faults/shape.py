"""What comes in another shape: rate, slice, glue. The bytes and their order stay."""

from __future__ import annotations

from random import Random

from sockwright.config import duration_text, size_text
from sockwright.faults.fault import END, FIRED, PASS, SHAPE, Fault, Kind, Maker, Parameter, Step, Steps, each_way
from sockwright.faults.reading import a_duration, a_size, count, duration, halves, needed, rate

# A slow line is played in steps of so many seconds: finer than anybody sees, coarser than timers cost.
STEP = 0.005
# Bytes that wait in front of a slow line, in seconds of it, and at least: what a modem's own buffer holds.
QUEUE = 0.25
LEAST_QUEUE = 4096
# Between slices without a time of their own (seconds): so that they travel apart.
APART = 0.001


class Rate(Fault):
    """A line of so many bytes a second; time that was not used is gone.

    in   abcdef
    out  a.b.c.d.e.f     rate=1 byte per 2
    """

    def __init__(self, bytes_per_second: float) -> None:
        self._rate = bytes_per_second
        self._piece = max(1, min(65536, int(bytes_per_second * STEP)))
        self._free = 0.0  # when the line has carried all so far
        self._said = False
        self.room = max(LEAST_QUEUE, int(bytes_per_second * QUEUE))

    def feed(self, data: bytes, now: float, chance: Random) -> Steps:
        free = max(now, self._free)
        steps: list[Step] = []
        if not self._said:
            self._said = True
            steps.append((FIRED, f"{size_text(int(self._rate))} bytes a second, from here on", now))
        for start in range(0, len(data), self._piece):
            piece = data[start : start + self._piece]
            free += len(piece) / self._rate
            steps.append((PASS, piece, free))
        self._free = free
        return steps

    def end(self, now: float, chance: Random) -> Steps:
        return ((END, False, max(now, self._free)),)


class Slice(Fault):
    """Everything comes in pieces of at most so many bytes, with a gap between them.

    in   abcdefgh
    out  abc.def.gh      slice=3@1
    """

    room = 1 << 20

    def __init__(self, size: int, gap: float) -> None:
        self._size = size
        self._gap = gap
        self._free = 0.0
        self._said = False

    def feed(self, data: bytes, now: float, chance: Random) -> Steps:
        free = max(now, self._free)
        steps: list[Step] = []
        if not self._said and len(data) > self._size:
            self._said = True
            steps.append((FIRED, f"pieces of {self._size} bytes, {duration_text(self._gap)} apart, from here on", now))
        for start in range(0, len(data), self._size):
            steps.append((PASS, data[start : start + self._size], free))
            free += self._gap
        self._free = free
        return steps

    def end(self, now: float, chance: Random) -> Steps:
        return ((END, False, max(now, self._free)),)


class Glue(Fault):
    """What comes within a window is held and comes in one piece at its end.

    in   a.b.c....d
    out  .....abc......d     glue=5
    """

    room = 1 << 20

    def __init__(self, window: float) -> None:
        self._window = window
        self._until = 0.0
        self._said = False

    def feed(self, data: bytes, now: float, chance: Random) -> Steps:
        if now > self._until:
            self._until = now + self._window
        due = (PASS, data, self._until)  # pieces that are due at the same moment go in one write
        if self._said:
            return (due,)
        self._said = True
        return ((FIRED, f"what comes within {duration_text(self._window)} is held and glued, from here on", now), due)

    def end(self, now: float, chance: Random) -> Steps:
        return ((END, False, max(now, self._until)),)


def _rate(text: str) -> Maker:
    value = rate(needed(text, "rate=8KB/s"))
    return each_way(lambda: Rate(value))


def _slice(text: str) -> Maker:
    size, gap = halves(needed(text, "slice=3@10ms"), "@")
    most, apart = count(size, 1), duration(gap) if gap else APART
    return each_way(lambda: Slice(most, apart))


def _glue(text: str) -> Maker:
    window = duration(needed(text, "glue=200ms"))
    return each_way(lambda: Glue(window))


KINDS = (
    Kind(
        "rate",
        "rate=8KB/s",
        "a line of so many bytes a second (kbit/s too)",
        _rate,
        SHAPE,
        parameters=(Parameter("rate", "rate", "8KB/s", least=1),),
    ),
    Kind(
        "slice",
        "slice=3[@10ms]",
        "pieces of at most so many bytes, so far apart",
        _slice,
        SHAPE,
        parameters=(a_size("size", "3", least=1), a_duration("gap", "10ms", "@", False)),
    ),
    Kind(
        "glue",
        "glue=200ms",
        "what comes within that time comes in one piece",
        _glue,
        SHAPE,
        parameters=(a_duration("window", "200ms"),),
    ),
)
