"""A plan: the faults that are set at one place, and the parts they make for each new connection.

Repeatable: a connection's seed is the run's seed plus its number at that place, and each part has a chance of its own
from it, so that what one part draws never moves what another one does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from sockwright.errors import ConfigError
from sockwright.faults import kind
from sockwright.faults.delay import Latency
from sockwright.faults.fault import (
    END,
    FIRED,
    FOR_EVER,
    PASS,
    RESET,
    SPEECH,
    AtTheDoor,
    Carrier,
    Fault,
    Glance,
    Kind,
    Maker,
    Step,
)
from sockwright.faults.shape import Rate

# Bytes that may wait in a row whose parts do not say.
ROOM = 256 * 1024


@dataclass(frozen=True, slots=True)
class Setting:
    """One fault as it was asked for. `share` of the connections get it, until the time `until` (None: for ever)."""

    kind: Kind
    text: str
    make: Maker | AtTheDoor
    up: bool = False
    down: bool = True
    share: float = 1.0
    until: float | None = None

    @property
    def is_live(self) -> bool:
        """Tell whether it can begin in the middle of a connection: not at the door, not where talk must be followed."""
        return not isinstance(self.make, AtTheDoor) and self.kind.place != SPEECH

    def fits(self, carrier: Carrier, protocol: str) -> bool:
        """Tell whether it makes sense there. A tap (protocol "") may carry anything."""
        if carrier not in self.kind.on:
            return False
        return not self.kind.protocols or not protocol or protocol in self.kind.protocols

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        to = "both" if self.up and self.down else "up" if self.up else "down"
        return {"fault": self.text, "to": to, "rate": self.share, "until": self.until}


def setting(
    text: str, *, up: bool = False, down: bool = False, share: float = 1.0, until: float | None = None
) -> Setting:
    """Return the setting that `text` asks for, to the client where no direction is named.

    Raises: ConfigError with the nearest right spelling.
    """
    name, equals, value = text.strip().partition("=")
    found = kind(name.strip())
    try:
        if equals and not value.strip():
            raise ValueError("nothing stands behind the equals sign")
        make = found.read(value.strip())
    except ValueError as wrong:
        raise ConfigError(f"--fault {text}: {wrong}", cure=f"{found.form}: {found.about}") from None
    return Setting(found, text.strip(), make, up, down or not up, share, until)


class Row:
    """The parts of one direction of one connection, one behind the other. `dice` and `hear` are those of a part that
    stands alone."""

    __slots__ = ("_parts", "calm", "dice", "glance", "hear", "room")

    def __init__(self, parts: Sequence[tuple[str, Fault, Random]]) -> None:
        self._parts = parts
        delay = sum(part._delay for _, part, _ in parts if isinstance(part, Latency))
        narrow = [part for _, part, _ in parts if isinstance(part, Rate)]
        rooms = [part.room for _, part, _ in parts if part.room]
        if narrow:
            self.room = min(part.room + int(part._rate * delay) for part in narrow)
        else:
            self.room = max(rooms, default=ROOM)
        self.calm = self._calm()
        alone = parts[0][1] if len(parts) == 1 else None
        self.dice = None if alone is None else alone.dice
        self.hear = None if alone is None else alone.hear
        self.glance = self._glance()  # tells whether a piece would pass as it is and at once, where one can tell that

    def _calm(self) -> int:
        return min((part.calm for _, part, _ in self._parts), default=FOR_EVER)

    def skip(self, count: int) -> None:
        """Take note of bytes, at most `calm`, that passed as they were."""
        for _, part, _ in self._parts:
            part.skip(count)
        self.calm -= count

    def _glance(self) -> Glance | None:
        looks = [(part, glance) for _, part, chance in self._parts if (glance := part.glance(chance)) is not None]
        if len(looks) != 1:  # of several, one may say no when another has taken note of the piece already
            return None
        looking, glance = looks[0]
        others = [part for _, part, _ in self._parts if part is not looking]

        def among_others(data: bytes) -> bool:
            size = len(data)
            if any(other.calm < size for other in others) or not glance(data):
                return False
            for other in others:
                other.skip(size)
            return True

        return among_others if others else glance

    def feed(self, data: bytes, now: float) -> list[Step]:
        """Return what becomes of `data`. (FIRED, (name, why), time) says which part did what."""
        steps = self._through([(PASS, data, now)])
        self.calm = self._calm()
        return steps

    def end(self, now: float, reset: bool = False) -> list[Step]:
        """Return what becomes of the end of the stream, or of an RST."""
        steps = self._through([(END, False, now)])
        return (
            [(RESET, None, at) if what == END else (what, given, at) for what, given, at in steps] if reset else steps
        )

    def _through(self, steps: list[Step]) -> list[Step]:
        for name, part, chance in self._parts:
            out: list[Step] = []
            for step in steps:
                what, given, at = step
                if what == PASS:
                    made: Iterable[Step] = part.feed(given, at, chance)
                elif what in (END, RESET):
                    made = self._ended(part, step, chance)
                else:
                    out.append(step)
                    continue
                out += [(FIRED, (name, given), at) if what == FIRED else (what, given, at) for what, given, at in made]
            steps = out
        return steps

    @staticmethod
    def _ended(part: Fault, step: Step, chance: Random) -> Iterable[Step]:
        """Let an end pass through a part; what kind of end it is, stays."""
        what, given, at = step
        return [(what, given, due) if one == END else (one, also, due) for one, also, due in part.end(at, chance)]


@dataclass(frozen=True, slots=True)
class Plan:
    """The settings of one place, and the seed of the run."""

    settings: Sequence[Setting]
    seed: int

    def seed_of(self, number: int) -> int:
        """Return the seed of the connection that is the `number`th at this place."""
        return (self.seed + number) & 0x7FFF_FFFF_FFFF_FFFF

    def _chosen(self, number: int) -> list[tuple[int, Setting]]:
        seed = self.seed_of(number)
        return [
            (place, one)
            for place, one in enumerate(self.settings)
            if one.share >= 1 or Random(f"{seed}/share/{place}").random() < one.share
        ]

    def door(self, number: int) -> list[tuple[str, AtTheDoor]]:
        """Return what happens to that connection at the door."""
        return [(one.kind.name, one.make) for _, one in self._chosen(number) if isinstance(one.make, AtTheDoor)]

    def rows(self, number: int, *, live: bool = False) -> tuple[Row | None, Row | None]:
        """Return the parts of that connection, (to the server, to the client); None where nothing stands there.

        `live`: only those that can begin in its middle.
        """
        seed = self.seed_of(number)
        ways: tuple[list[tuple[str, Fault, Random]], list[tuple[str, Fault, Random]]] = ([], [])
        for place, one in sorted(self._chosen(number), key=lambda pair: pair[1].kind.place):
            if isinstance(one.make, AtTheDoor) or (live and not one.is_live):
                continue
            for way, (row, part) in enumerate(zip(ways, one.make(one.up, one.down), strict=True)):
                if part is not None:
                    row.append((one.kind.name, part, Random(f"{seed}/{way}/{place}/{one.kind.name}")))
        up, down = ways
        return Row(up) if up else None, Row(down) if down else None


def check(settings: Sequence[Setting], places: Sequence[tuple[Carrier, str]]) -> None:
    """Raise ConfigError for a setting that makes sense at none of `places` (carrier, protocol)."""
    for one in settings:
        if not any(one.fits(carrier, protocol) for carrier, protocol in places):
            what = ", ".join(dict.fromkeys(protocol or carrier for carrier, protocol in places))
            wants = " or ".join(one.kind.protocols) or ("udp" if "datagram" in one.kind.on else "a stream")
            raise ConfigError(f"--fault {one.text} makes no sense for {what}", cure=f"it works on {wants}")
