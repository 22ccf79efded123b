"""How a connection ends too soon, or never begins: cut, reset, blackhole, refuse, slow-accept."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from sockwright.config import duration_text
from sockwright.faults.fault import (
    END,
    ENDING,
    FIRED,
    FOR_EVER,
    PASS,
    RESET,
    AtTheDoor,
    Fault,
    Kind,
    Maker,
    Steps,
    each_way,
)
from sockwright.faults.reading import a_duration, a_size, count, duration, needed, nothing


class Cut(Fault):
    """So many bytes pass, then the connection is closed (FIN) as if all were said.

    in   abcdefgh
    out  abc|            cut=3
    """

    def __init__(self, after: int) -> None:
        self._after = self._left = after
        self._done = False
        self._count()

    def _count(self) -> None:
        self.calm = max(0, self._left - 1)  # the last byte is the one that must be seen

    def skip(self, count: int) -> None:
        self._left -= count
        self._count()

    def feed(self, data: bytes, now: float, chance: Random) -> Steps:
        if self._done:
            return ()
        if len(data) < self._left:
            self.skip(len(data))
            return ((PASS, data, now),)
        kept = data[: self._left]
        self._done = True
        self.calm = 0
        last: Steps = ((FIRED, f"{self.word} behind byte {self._after}", now), self.last(now))
        return ((PASS, kept, now), *last) if kept else last

    def end(self, now: float, chance: Random) -> Steps:
        return () if self._done else ((END, False, now),)

    word = "FIN"

    def last(self, now: float) -> tuple[int, bool, float]:
        """Return the step that ends it."""
        return (END, True, now)


class Reset(Cut):
    """So many bytes pass, then the connection is broken off (RST).

    in   abcdefgh
    out  abc!            reset=3
    """

    word = "RST"

    def last(self, now: float) -> tuple[int, bool, float]:
        return (RESET, True, now)


class Blackhole(Fault):
    """Nothing comes out: no byte, no end. The peer waits as long as it likes, or until the connection is closed.

    in   abc
    out
    """

    def __init__(self, closes_after: float | None = None) -> None:
        self._closes_after = closes_after
        self._said = False

    def feed(self, data: bytes, now: float, chance: Random) -> Steps:
        if self._said:
            return ()
        self._said = True
        fired = (FIRED, "everything is swallowed, from here on", now)
        return (fired,) if self._closes_after is None else (fired, (END, True, now + self._closes_after))

    def end(self, now: float, chance: Random) -> Steps:
        return ()


class SlowClose(Fault):
    """The bytes come in time, their end comes late.

    in   abc|
    out  abc....|        slow-close=4
    """

    calm = FOR_EVER

    def __init__(self, late: float) -> None:
        self._late = late

    def end(self, now: float, chance: Random) -> Steps:
        return ((FIRED, f"FIN {duration_text(self._late)} late", now), (END, False, now + self._late))


def _after(form: str, make: Callable[[int], Fault]) -> Callable[[str], Maker]:
    def read(text: str) -> Maker:
        place = count(needed(text, form))
        return each_way(lambda: make(place))

    return read


def _blackhole(text: str) -> Maker:
    closes_after = duration(text) if text else None
    return each_way(lambda: Blackhole(closes_after))


def _slow_close(text: str) -> Maker:
    late = duration(needed(text, "slow-close=2s"))
    return each_way(lambda: SlowClose(late))


def _refuse(text: str) -> AtTheDoor:
    nothing(text)
    return AtTheDoor(refuse=True)


def _slow_accept(text: str) -> AtTheDoor:
    return AtTheDoor(wait=duration(needed(text, "slow-accept=2s")))


def at_the_door(door: AtTheDoor) -> str:
    """Return in words what happened at the door."""
    return "reset before the first byte" if door.refuse else f"nobody home for {duration_text(door.wait)}"


KINDS = (
    Kind(
        "cut",
        "cut=100",
        "FIN behind so many bytes",
        _after("cut=100", Cut),
        ENDING,
        parameters=(a_size("behind", "100"),),
    ),
    Kind(
        "reset",
        "reset=100",
        "RST behind so many bytes",
        _after("reset=100", Reset),
        ENDING,
        parameters=(a_size("behind", "100"),),
    ),
    Kind(
        "blackhole",
        "blackhole[=10s]",
        "nothing comes out any more; after that time FIN",
        _blackhole,
        ENDING,
        parameters=(a_duration("closes_after", "10s", needed=False),),
    ),
    Kind(
        "slow-close",
        "slow-close=2s",
        "the bytes come in time, FIN comes so late",
        _slow_close,
        ENDING,
        parameters=(a_duration("delay", "2s"),),
    ),
    Kind("refuse", "refuse", "who comes is reset before the first byte", _refuse, ENDING, parameters=()),
    Kind(
        "slow-accept",
        "slow-accept=2s",
        "who comes waits so long until somebody is there",
        _slow_accept,
        ENDING,
        parameters=(a_duration("delay", "2s"),),
    ),
)
