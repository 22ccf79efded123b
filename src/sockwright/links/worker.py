"""Works on runs that others have begun: takes shards of hosts from Redis, asks, and hands back outcomes.

A worker is a fetcher of its own per run; the shards it holds are the hosts it alone asks. It takes no more than its
share of them, so that a worker that comes later finds work.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from sockwright.links.asking import Engine
from sockwright.links.credentials import NO_CREDENTIALS, Credentials
from sockwright.links.fetcher import Fetcher, Outcome, Task
from sockwright.links.parcels import About, pack_outcome, unpack_about, unpack_task

_BEATS = 3.0  # times in the length of a lease that it is renewed
_LOOK = 0.2  # seconds between two looks for new work
_TASKS = 1_000  # a run's tasks that a worker has at once
_READ = 200  # tasks read from a shard at once
_HOLD_EMPTY = 2.0  # seconds that a shard without work is held on to: its next page may be under way

Entry = tuple[str, str, bytes]


class Frontier(Protocol):
    """Where the work comes from; `stores.redis_frontier.RedisFrontier` is the one there is."""

    lease: float

    def runs(self) -> dict[str, bytes]: ...
    def beat(self) -> int: ...
    def leave(self) -> None: ...
    def loads(self, run: str) -> list[int]: ...
    def take(self, run: str, shard: int) -> bool: ...
    def hold(self, run: str, shards: list[int]) -> list[int]: ...
    def give_back(self, run: str, shard: int) -> None: ...
    def inherit(self, run: str, shard: int) -> list[Entry]: ...
    def read(self, run: str, shard: int, count: int) -> list[Entry]: ...
    def finish(self, run: str, ended: list[tuple[int, str, str, bytes]]) -> None: ...


@dataclass(slots=True)
class _Place:
    """Where a task stands in Redis: the owner of our own task."""

    shard: int
    entry: str
    number: str


@dataclass(slots=True)
class _Desk:
    """One run, as this worker works on it."""

    engine: Engine
    fetcher: Fetcher
    shards: dict[int, float] = field(default_factory=dict)  # held ones -> when they last had work
    busy: dict[str, int] = field(default_factory=dict)  # ids of tasks under way -> shard
    requests: int = 0
    bytes: int = 0


class Worker:
    """Does the work of all runs that it finds."""

    def __init__(
        self,
        frontier: Frontier,
        engine_of: Callable[[About], Engine],
        *,
        credentials: Credentials = NO_CREDENTIALS,
        only: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._frontier = frontier
        self._engine_of = engine_of
        self._credentials = credentials
        self._only = only  # a run whose work alone is done
        self._clock = clock
        self._desks: dict[str, _Desk] = {}
        self._workers = 1
        self._beat_at = 0.0
        self._look_at = 0.0
        self.finished = 0  # tasks
        self.stopped = False  # set from outside, it ends whoever turns it

    @property
    def busy(self) -> bool:
        return any(desk.busy for desk in self._desks.values())

    def turn(self, seconds: float) -> int:
        """Do what there is to do, waiting at most `seconds` for something to end; return how many tasks ended."""
        now = self._clock()
        if now >= self._beat_at:
            self._beat_at = now + self._frontier.lease / _BEATS
            self._renew()
        if now >= self._look_at:
            self._look_at = now + _LOOK
            self._look(now)
        ended = 0
        share = seconds / max(1, len(self._desks))
        for run, desk in self._desks.items():
            ended += self._work(run, desk, share)
        if not self._desks and seconds:
            time.sleep(min(seconds, _LOOK))
        self.finished += ended
        if ended:
            self._look_at = min(self._look_at, self._clock() + _LOOK / 10)
        return ended

    def close(self) -> None:
        """Give back what is held, so that others need not wait for it."""
        for run in list(self._desks):
            self._leave(run)
        self._frontier.leave()

    # --- shards ---------------------------------------------------------------------------------------------------

    def _renew(self) -> None:
        self._workers = max(1, self._frontier.beat())
        for run, desk in self._desks.items():
            held = set(self._frontier.hold(run, list(desk.shards)))
            for shard in set(desk.shards) - held:  # somebody else's by now: we were silent for too long
                del desk.shards[shard]
                desk.busy = {number: where for number, where in desk.busy.items() if where != shard}

    def _look(self, now: float) -> None:
        """See which runs there are, take shards that have work, read it."""
        runs = self._frontier.runs()
        if self._only:
            runs = {run: about for run, about in runs.items() if run == self._only}
        for run in set(self._desks) - set(runs):
            self._leave(run)
        for run, packed in runs.items():
            desk = self._desks.get(run)
            if desk is None:
                try:
                    about = unpack_about(packed)
                except msgspec.MsgspecError:  # of another version of ours
                    continue
                engine = self._engine_of(about)
                desk = self._desks[run] = _Desk(engine, Fetcher(engine, about.settings, credentials=self._credentials))
            self._take_shards(run, desk, now)
            self._read(run, desk)

    def _take_shards(self, run: str, desk: _Desk, now: float) -> None:
        loads = self._frontier.loads(run)
        working = [shard for shard, load in enumerate(loads) if load]
        share = -(-len(working) // self._workers)
        for shard in list(desk.shards):
            if loads[shard]:
                desk.shards[shard] = now
            elif now - desk.shards[shard] > _HOLD_EMPTY:
                del desk.shards[shard]
                self._frontier.give_back(run, shard)
        mine = sum(1 for shard in desk.shards if loads[shard])
        for shard in working:
            if mine >= share:
                break
            if shard not in desk.shards and self._frontier.take(run, shard):
                desk.shards[shard] = now
                mine += 1
                self._accept(desk, shard, self._frontier.inherit(run, shard))
        self._hand_over(run, desk, loads, mine - share)

    def _hand_over(self, run: str, desk: _Desk, loads: list[int], surplus: int) -> None:
        """Give shards back that are more than our share and that we have not begun on."""
        begun = set(desk.busy.values())
        for shard in list(desk.shards):
            if surplus <= 0:
                return
            if loads[shard] and shard not in begun:
                del desk.shards[shard]
                self._frontier.give_back(run, shard)
                surplus -= 1

    def _read(self, run: str, desk: _Desk) -> None:
        for shard in desk.shards:
            room = min(_READ, _TASKS - len(desk.busy))
            if room <= 0:
                return
            self._accept(desk, shard, self._frontier.read(run, shard, room))

    def _accept(self, desk: _Desk, shard: int, entries: list[Entry]) -> None:
        for entry, number, packed in entries:
            if number in desk.busy:
                continue
            task = unpack_task(packed)
            task.owner = _Place(shard, entry, number)
            desk.busy[number] = shard
            desk.fetcher.submit(task)

    # --- work -----------------------------------------------------------------------------------------------------

    def _work(self, run: str, desk: _Desk, seconds: float) -> int:
        found = desk.fetcher.step(seconds if not desk.fetcher.idle else min(seconds, 0.02))
        if not found:
            return 0
        ended = [self._parcel(desk, task, outcome) for task, outcome in found]
        self._frontier.finish(run, ended)
        return len(ended)

    def _parcel(self, desk: _Desk, task: Task, outcome: Outcome) -> tuple[int, str, str, bytes]:
        place = task.owner
        assert isinstance(place, _Place)
        desk.busy.pop(place.number, None)
        requests = desk.fetcher.requests - desk.requests
        size = desk.fetcher.bodies - desk.bytes
        desk.requests, desk.bytes = desk.fetcher.requests, desk.fetcher.bodies
        return place.shard, place.entry, place.number, pack_outcome(outcome, requests, size)

    def _leave(self, run: str) -> None:
        desk = self._desks.pop(run)
        desk.engine.close()
        for shard in desk.shards:
            self._frontier.give_back(run, shard)
