"""What comes too late: latency, stall."""

from __future__ import annotations

from random import Random

from sockwright.config import duration_text
from sockwright.faults.fault import DELAY, END, FIRED, FOR_EVER, PASS, Fault, Kind, Maker, Step, Steps, each_way, never
from sockwright.faults.reading import a_duration, a_size, count, duration, halves, needed

# Bytes that may be under way on a slow but wide line.
UNDER_WAY = 4 << 20


class Latency(Fault):
    """Every piece is late by the same time, give or take the jitter; a stream keeps its order.

    in   a..b..c
    out  ....a..b..c     latency=4
    """

    room = UNDER_WAY

    def __init__(self, delay: float, jitter: float = 0.0) -> None:
        self._delay = delay
        self._jitter = jitter
        self._said = False

    def feed(self, data: bytes, now: float, chance: Random) -> Steps:
        due = (PASS, data, now + self._late(chance))
        if self._said:
            return (due,)
        self._said = True
        jitter = f" give or take {duration_text(self._jitter)}" if self._jitter else ""
        return ((FIRED, f"{duration_text(self._delay)} late{jitter}, from here on", now), due)

    def end(self, now: float, chance: Random) -> Steps:
        return ((END, False, now + self._late(chance)),)

    def _late(self, chance: Random) -> float:
        if not self._jitter:
            return self._delay
        return max(0.0, self._delay + chance.uniform(-self._jitter, self._jitter))


class Stall(Fault):
    """At one place of the stream everything stands still for a while; what comes meanwhile waits.

    in   abcdef
    out  abc....def      stall=4@3
    """

    room = UNDER_WAY

    def __init__(self, pause: float, at: int) -> None:
        self._pause = pause
        self._at = at
        self.calm = at
        self._until = 0.0
        self._begun = False

    def skip(self, count: int) -> None:
        self.calm -= count

    def feed(self, data: bytes, now: float, chance: Random) -> Steps:
        if self._begun:
            if now >= self._until:
                self.calm = FOR_EVER
            return ((PASS, data, max(now, self._until)),)
        if len(data) <= self.calm:
            self.calm -= len(data)
            return ((PASS, data, now),)
        before, behind = data[: self.calm], data[self.calm :]
        self.calm = 0
        self._begun = True
        self._until = now + self._pause
        steps: list[Step] = [(FIRED, f"{duration_text(self._pause)} of silence behind byte {self._at}", now)]
        if before:
            steps.append((PASS, before, now))
        return [*steps, (PASS, behind, self._until)]

    def end(self, now: float, chance: Random) -> Steps:
        return ((END, False, max(now, self._until)),)


def _latency(text: str) -> Maker:
    delay, jitter = halves(needed(text, "latency=200ms~50ms"), "~")
    late, spread = duration(delay), duration(jitter) if jitter else 0.0
    return each_way(lambda: Latency(late, spread)) if late or spread else never


def _stall(text: str) -> Maker:
    pause, at = halves(needed(text, "stall=5s@1024"), "@")
    seconds, place = duration(pause), count(at) if at else 0
    return each_way(lambda: Stall(seconds, place)) if seconds else never


KINDS = (
    Kind(
        "latency",
        "latency=200ms[~50ms]",
        "everything comes so late, give or take the jitter",
        _latency,
        DELAY,
        frozenset({"stream", "datagram"}),
        parameters=(a_duration("delay", "200ms"), a_duration("jitter", "50ms", "~", False)),
    ),
    Kind(
        "stall",
        "stall=5s[@1024]",
        "a silence of so long behind so many bytes",
        _stall,
        DELAY,
        parameters=(a_duration("pause", "5s"), a_size("behind", "1024", "@", False)),
    ),
)
