"""A pipe carries a plan out: it holds what comes in until it is due, and lets it out in order.

One per direction of a connection with faults, a deque and at most one timer each. Arrival is stamped at the read, so
three requests 10 ms apart under 200 ms latency come out 200, 210 and 220 ms later. As long as the faults say that
they would do nothing to so many bytes, these go straight through.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from math import ceil
from time import time
from typing import NamedTuple, ParamSpec

from sockwright.faults.fault import FIRED, FOR_EVER, PASS, RESET
from sockwright.faults.plan import Row

# What is due within this time goes now: timers are no finer (seconds).
SLACK = 0.0002
# Records of faults of one direction of one connection: a corrupt stream must not fill the journal.
MOST_RECORDS = 10_000


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
        "_calm",
        "_closed",
        "_healing",
        "_held",
        "_last",
        "_loop",
        "_out",
        "_passed",
        "_queue",
        "_records",
        "_row",
        "_size",
        "_timer",
        "full",
    )

    def __init__(self, row: Row, out: Outlet) -> None:
        self._row: Row | None = row
        self._out = out
        self._loop = asyncio.get_running_loop()
        self._queue: deque[tuple[float, int, bytes | bool | None]] = deque()
        self._size = 0
        self._last = 0.0
        self._calm = row.calm
        self._passed = 0  # bytes that went straight through since the row was last told
        self._timer: asyncio.TimerHandle | None = None
        self._held = False  # what stands behind us takes nothing
        self._healing = False
        self._closed = False
        self._records = 0
        self.full = False

    def write(self, data: bytes) -> None:
        """Take what was read just now."""
        self.feed(data, time())

    def feed(self, data: bytes, now: float) -> None:
        """Take what was read at `now`."""
        size = len(data)
        if self._closed:
            return
        if size <= self._calm and not self._queue:
            self._calm -= size
            self._passed += size
            self._out.emit(data)
            return
        if self._row is None:
            self._put(PASS, data, now)
        else:
            self._settle()
            for what, given, at in self._row.feed(data, now):
                self._put(what, given, at)
            if self._row is not None:
                self._calm = self._row.calm
        self._deliver(now)

    def end(self, now: float) -> None:
        """Take the end of the stream."""
        self._ended(now, reset=False)

    def break_off(self, now: float) -> None:
        """Take an RST: it goes its way behind what came before it."""
        self._ended(now, reset=True)

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
        if self._passed and self._row is not None:
            self._row.skip(self._passed)
        self._passed = 0

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
            else:
                self._out.end(bool(given))
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
            self._closed = True
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
        self._passed = 0
        self._row = row
        self._calm = FOR_EVER if row is None else row.calm
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
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


P = ParamSpec("P")


def between(
    inline: Callable[P, bytes | None], outbound: Pipe, made: Callable[[bytes], None]
) -> Callable[P, bytes | None]:
    """Return the hot path `inline` as it is under faults that would do nothing to its answer: past the pipe.

    Where a fault has a say, None is returned and all goes the long way; the answer, which was made already, is handed
    to `made`, since making it twice would be wrong.
    """

    def answer(*args: P.args, **named: P.kwargs) -> bytes | None:
        said = inline(*args, **named)
        if said:
            count = len(said)
            if count > outbound._calm or outbound._queue:
                made(said)
                return None
            outbound._calm -= count
            outbound._passed += count
        return said

    return answer


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
