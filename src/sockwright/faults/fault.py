"""What a fault is: a small pure part that is told which bytes came and when, and says what becomes of them.

It stands on one direction of one connection and has neither clock nor chance of its own. Times are seconds since the
epoch and may lie ahead: a part that delays says *when* its bytes are due, so parts in a row never wait for each other,
and no delay is counted twice. A step is a plain tuple, since many are made.

    data, now, chance --> [part] --> (PASS, data, due) (FIRED, why) (END, due) (RESET, due) --> [next part] --> ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from sockwright.faults.dice import Dice

# (PASS, data, due): these bytes go on. (END, closes, due): FIN behind them; with `closes` the other direction ends as
# well, as when a server hangs up. (RESET, None, due): RST. (FIRED, why, 0): tell the journal.
PASS, END, RESET, FIRED = range(4)
Step = tuple[int, Any, float]
Steps = Iterable[Step]

# Where a part stands in the row: what changes bytes first, what delays them last.
SPEECH, DAMAGE, ENDING, DELAY, SHAPE = range(5)

# Tells of a piece whether it would pass as it is and at once. If so it has, and `feed` is not told of it; if not,
# nothing has changed.
Glance = Callable[[bytes], bool]

# `calm` of a part that will never do anything any more.
FOR_EVER = 1 << 62


class Fault:
    """One fault on one direction of one connection. Subclasses override what concerns them.

    `calm`: so many bytes more would pass as they are and at once; they may then be told to `skip` instead of `feed`.
    `room`: bytes that may wait behind this part before the sender is stopped; 0 does not say.
    `dice`: where it bends one whole answer in so many, and neither side is in the middle of one, these may be asked
    instead of it, and need not be shown what the answer is to.
    `hear`: what a part that only listens, changes nothing and keeps nothing back may be told instead of `feed`.
    """

    calm = 0
    room = 0
    dice: Dice | None = None
    hear: Callable[[bytes], None] | None = None

    def feed(self, data: bytes, now: float, chance: Random) -> Steps:
        """Return what becomes of `data`, read at `now`."""
        return ((PASS, data, now),)

    def skip(self, count: int) -> None:
        """Take note of `count` bytes, at most `calm`, that passed as they were."""

    def glance(self, chance: Random) -> Glance | None:
        """Return what tells at a glance whether a piece would pass, where no count says so; None where nothing can.

        Asked once for a connection; what is returned is asked of every piece. Who only listens lets all of them pass.
        """
        hear = self.hear
        if hear is None:
            return None

        def heard(data: bytes) -> bool:
            hear(data)
            return True

        return heard

    def end(self, now: float, chance: Random) -> Steps:
        """Return what becomes of the end of the stream."""
        return ((END, False, now),)


# Of a fault as it is set: makes the parts for a new connection, (to the server, to the client); None where it has
# nothing to do there. A part that can never fire is better left out: it costs nothing then.
Parts = tuple[Fault | None, Fault | None]
Maker = Callable[[bool, bool], Parts]


Carrier = Literal["stream", "datagram"]


@dataclass(frozen=True, slots=True)
class AtTheDoor:
    """What happens to a connection before anybody speaks. `wait` in seconds."""

    refuse: bool = False
    wait: float = 0.0


Type = Literal["duration", "share", "rate", "bytes", "count", "code", "choice", "text"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value in a fault's text, as a form would ask for it; `sign` stands before it.

    `least` and `most` are in the type's unit: seconds, a share from 0 to 1, bytes a second, bytes; None is no limit.
    """

    name: str
    type: Type
    example: str
    sign: str = "="
    needed: bool = True
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """A fault as the list knows it.

    `form` shows how it is written, `about` says in one line what it does, `read` turns what stands behind the equals
    sign ("" nothing) into a maker, or into what happens at the door; it raises ValueError with the right form.
    `on` says what it works on; `protocols` names those it makes sense for (empty: all). `parameters` are what stands
    behind the name, in their order, for who makes a form of it.
    """

    name: str
    form: str
    about: str
    read: Callable[[str], Maker | AtTheDoor]
    place: int = DELAY
    on: frozenset[Carrier] = frozenset({"stream"})
    protocols: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()


def never(up: bool, down: bool) -> Parts:
    """The maker of a fault that was set so that it never fires."""
    return None, None


def each_way(make: Callable[[], Fault]) -> Maker:
    """Return the maker of a fault that does the same in whichever direction it is set."""
    return lambda up, down: (make() if up else None, make() if down else None)
