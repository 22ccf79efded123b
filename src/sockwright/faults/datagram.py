"""What a network does to datagrams: loss, dup, reorder. (Late ones: `latency`, whose jitter reorders them as well.)"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from sockwright.config import duration_text
from sockwright.faults.fault import DAMAGE, FIRED, PASS, Carrier, Fault, Kind, Maker, Steps, each_way, never
from sockwright.faults.reading import a_duration, a_share, duration, halves, needed, share

# How late a datagram is that others shall overtake (seconds).
OVERTAKEN = 0.05


class Loss(Fault):
    """A datagram is lost with this probability.

    in   a b c d
    out  a   c d         loss=25%
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._number = 0

    def feed(self, data: bytes, now: float, chance: Random) -> Steps:
        self._number += 1
        if chance.random() >= self._share:
            return ((PASS, data, now),)
        return ((FIRED, f"datagram {self._number} lost ({len(data)} bytes)", now),)


class Duplicate(Loss):
    """A datagram comes twice with this probability.

    in   a b c
    out  a bb c          dup=33%
    """

    def feed(self, data: bytes, now: float, chance: Random) -> Steps:
        self._number += 1
        if chance.random() >= self._share:
            return ((PASS, data, now),)
        return ((FIRED, f"datagram {self._number} doubled", now), (PASS, data, now), (PASS, data, now))


class Reorder(Fault):
    """A datagram is held back with this probability, so that those behind it overtake it.

    in   a b c d
    out  a c d b         reorder=25%
    """

    def __init__(self, share: float, late: float) -> None:
        self._share = share
        self._late = late
        self._number = 0

    def feed(self, data: bytes, now: float, chance: Random) -> Steps:
        self._number += 1
        if chance.random() >= self._share:
            return ((PASS, data, now),)
        why = f"datagram {self._number} held back for {duration_text(self._late)}"
        return ((FIRED, why, now), (PASS, data, now + self._late))


def _share_of(form: str, make: Callable[[float], Fault]) -> Callable[[str], Maker]:
    def read(text: str) -> Maker:
        value = share(needed(text, form))
        return each_way(lambda: make(value)) if value else never

    return read


def _reorder(text: str) -> Maker:
    part, late = halves(needed(text, "reorder=5%"), "@")
    value, seconds = share(part), duration(late) if late else OVERTAKEN
    return each_way(lambda: Reorder(value, seconds)) if value else never


_UDP: frozenset[Carrier] = frozenset({"datagram"})

KINDS = (
    Kind(
        "loss",
        "loss=10%",
        "udp: a datagram is lost",
        _share_of("loss=10%", Loss),
        DAMAGE,
        _UDP,
        parameters=(a_share("10%", "=", True),),
    ),
    Kind(
        "dup",
        "dup=2%",
        "udp: a datagram comes twice",
        _share_of("dup=2%", Duplicate),
        DAMAGE,
        _UDP,
        parameters=(a_share("2%", "=", True),),
    ),
    Kind(
        "reorder",
        "reorder=5%[@50ms]",
        "udp: a datagram is held back and overtaken",
        _reorder,
        DAMAGE,
        _UDP,
        parameters=(a_share("5%", "=", True), a_duration("late", "50ms", "@", False)),
    ),
)
