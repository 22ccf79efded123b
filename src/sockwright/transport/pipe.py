"""A pipe carries a plan out: it holds what comes in until it is due, and lets it out in order.

One per direction of a connection with faults, a deque and at most one timer each. Arrival is stamped at the read, so
three requests 10 ms apart under 200 ms latency come out 200, 210 and 220 ms later.

`calm` is how many bytes may go past the pipe: as long as nothing waits in it and the faults say that they would do
nothing to so many, whoever carries them counts them down and leaves the pipe alone. Faults that must follow what is
said look at each piece instead: `glance`, where there is one. `passes` is both. Who knows that a whole answer goes out
to a whole message may ask the `dice` instead. So a fault that is set and does not fire leaves a connection on its hot
path.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from math import ceil
from time import time
from typing import NamedTuple

from sockwright.faults.dice import Dice
from sockwright.faults.fault import FIRED, FOR_EVER, PASS, RESET, Glance
from sockwright.faults.plan import Row

# What is due within this time goes now (seconds). Timers tick in whole milliseconds: the nearer of two ticks it is.
SLACK = 0.0005
# Records of faults of one direction of one connection: a corrupt stream must not fill the journal.
MOST_RECORDS = 10_000
# A step of our own beside those of `faults`: somebody waits for what is before it.
_CALL = -1


class Outlet(NamedTuple):
    """Where a pipe ends. `end` is told whether the whole connection ends with it; `paced` whether the pipe is full."""

    emit: Callable[[bytes], None]
    end: Callable[[bool], None]
    reset: Callable[[], None]
    fired: Callable[[str, str], None]
    paced: Callable[[bool], None]
    healed: Callable[[], None]


class Pipe:
    """One direction of one connection over a stream."""

    __slots__ = (
        "_closed",
        "_granted",
        "_healing",
        "_held",
        "_last",
        "_loop",
        "_out",
        "_queue",
        "_records",
        "_row",
        "_size",
        "_timer",
        "calm",
        "dice",
        "full",
        "glance",
    )

    def __init__(self, row: Row, out: Outlet) -> None:
        self._row: Row | None = row
        self._out = out
        self._loop = asyncio.get_running_loop()
        self._queue: deque[tuple[float, int, bytes | bool | Callable[[], None] | None]] = deque()
        self._size = 0
        self._last = 0.0
        self.calm = self._granted = 0  # the difference: bytes that went past since the row was last told
        self._timer: asyncio.TimerHandle | None = None
        self._held = False  # what stands behind us takes nothing
        self._healing = False
        self._closed = False
        self._records = 0
        self.glance: Glance | None = None
        self.dice: Dice | None = None
        self.full = False
        self._grant()

    def passes(self, data: bytes) -> bool:
        """Tell whether `data` goes past the pipe; then it counts as gone, and whoever asks carries it on."""
        calm = self.calm - len(data)
        if calm >= 0:
            self.calm = calm
            return True
        return self.glance is not None and self.glance(data)

    def passes_unseen(self, size: int) -> bool:
        """The same for bytes that nobody can look at now: a file's."""
        calm = self.calm - size
        if calm < 0:
            return False
        self.calm = calm
        return True

    @property
    def was_passed(self) -> bool:
        """Tell whether bytes may have gone past since a piece or an end came in last."""
        return self.glance is not None or self.calm != self._granted

    def feed(self, data: bytes, now: float) -> None:
        """Take `data`, which was read at `now`."""
        if self._closed:
            return
        if self.passes(data):
            self._out.emit(data)
            return
        if self._row is None:
            self._put(PASS, data, now)
        else:
            self._settle()
            for what, given, at in self._row.feed(data, now):
                self._put(what, given, at)
        self._deliver(now)

    def end(self, now: float) -> None:
        """Take the end of the stream."""
        self._ended(now, reset=False)

    def break_off(self, now: float) -> None:
        """Take an RST: it goes its way behind what came before it."""
        self._ended(now, reset=True)

    def behind(self, what: Callable[[], None]) -> None:
        """Call `what` once everything that has come in so far is out; now, where nothing waits."""
        if not self._closed:
            self._settle()
            self._put(_CALL, what, self._last)
            self._deliver(time())

    def forget(self) -> None:
        """Throw away what waits, its end as well."""
        self._settle()
        self._queue.clear()
        self._size = 0
        self._deliver(time())

    def _ended(self, now: float, reset: bool) -> None:
        if self._closed:
            return
        if self._row is None:
            self._put(RESET if reset else 1, False, now)
        else:
            self._settle()
            for what, given, at in self._row.end(now, reset):
                self._put(what, given, at)
        self._deliver(now)

    def _settle(self) -> None:
        """Tell the row what went past."""
        passed = self._granted - self.calm
        if passed and self._row is not None:
            self._row.skip(passed)
        self.calm = self._granted = 0
        self.glance = self.dice = None

    def _grant(self) -> None:
        """Say anew how much may go past: nothing overtakes what waits."""
        row = self._row
        if self._queue or self._closed:
            self.calm = self._granted = 0
            self.glance = self.dice = None
        else:
            self.calm = self._granted = FOR_EVER if row is None else row.calm
            if row is not None:
                self.glance, self.dice = row.glance, row.dice

    def _put(self, what: int, given: object, at: float) -> None:
        if what == FIRED:
            if self._records < MOST_RECORDS:
                self._records += 1
                self._out.fired(*given)  # type: ignore[misc]
            return
        self._last = at = max(at, self._last)  # a stream keeps its order
        if what == PASS:
            self._size += len(given)  # type: ignore[arg-type]
        self._queue.append((at, what, given))  # type: ignore[arg-type]

    def _deliver(self, now: float) -> None:
        queue = self._queue
        due = now + SLACK
        while queue and not self._held and (self._healing or queue[0][0] <= due):
            at, what, given = queue.popleft()
            if what == PASS:
                assert isinstance(given, bytes)
                if queue and queue[0][0] == at and queue[0][1] == PASS:
                    parts = [given]
                    while queue and queue[0][0] == at and queue[0][1] == PASS:
                        parts.append(queue.popleft()[2])  # type: ignore[arg-type]
                    given = b"".join(parts)
                self._size -= len(given)
                self._out.emit(given)
            elif what == RESET:
                self._out.reset()
            elif what == _CALL:
                given()  # type: ignore[misc, operator]
            else:
                self._out.end(bool(given))
        self._grant()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._closed:
            return
        if queue and not self._held:
            self._timer = self._loop.call_later(max(0.001, ceil((queue[0][0] - now) * 1000) / 1000), self._wake)
        room = self._row.room if self._row is not None else 0
        full = self._size > room if not self.full else self._size > room // 2
        if full is not self.full:
            self.full = full
            self._out.paced(full)
        if not queue and self._healing:
            self.close()
            self._out.healed()

    def _wake(self) -> None:
        self._timer = None
        self._deliver(time())

    def hold(self, held: bool) -> None:
        """Wait while what stands behind takes nothing; go on when it does."""
        if held is not self._held:
            self._held = held
            if not held:
                self._deliver(time())

    def change(self, row: Row | None) -> None:
        """Put other faults in the place of the old ones; with None what is held goes at once, then `healed` is told."""
        self._row = None
        self._settle()
        self._row = row
        self._healing = row is None
        self._deliver(time())

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing waits here."""
        return not self._queue

    def close(self) -> None:
        """Forget what is held: the connection is gone."""
        self._closed = True
        self._queue.clear()
        self._size = 0
        self._grant()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class DatagramPipe:
    """One direction of one flow: each datagram has its own time, so they may overtake each other."""

    __slots__ = ("_emit", "_fired", "_loop", "_row", "_under_way")

    # Datagrams under way; those beyond are lost, as they are in a router.
    MOST = 10_000

    def __init__(self, row: Row, emit: Callable[[bytes], None], fired: Callable[[str, str], None]) -> None:
        self._row = row
        self._emit = emit  # does nothing once the flow is gone
        self._fired = fired
        self._loop = asyncio.get_running_loop()
        self._under_way = 0

    def feed(self, data: bytes, now: float) -> None:
        """Take a datagram that was read at `now`."""
        for what, given, at in self._row.feed(data, now):
            if what == FIRED:
                self._fired(*given)
            elif what == PASS and at <= now + SLACK:
                self._emit(given)
            elif what == PASS and self._under_way < self.MOST:
                self._under_way += 1
                self._loop.call_later(ceil((at - now) * 1000) / 1000, self._arrive, given)

    def _arrive(self, data: bytes) -> None:
        self._under_way -= 1
        self._emit(data)
