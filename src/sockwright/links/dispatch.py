"""A source of outcomes that hands its tasks to workers through Redis, and may work along itself.

The crawler on this side knows pages, links and verdicts; workers know hosts. Between them stand the frontier's streams.
"""

from __future__ import annotations

import time
import zlib
from collections import deque
from typing import Protocol

from sockwright.links.fetcher import Outcome, Task, origin_of
from sockwright.links.parcels import About, pack_about, pack_task, unpack_outcome
from sockwright.links.worker import Worker

_AT_ONCE = 500  # tasks in one round trip
_OUTCOMES = 500  # outcomes in one
_POLL = 0.02  # seconds between two looks for outcomes while others work

Entry = tuple[str, str, bytes]


class Board(Protocol):
    """The side of the frontier that hands out work."""

    shards: int

    def open(self, run: str, about: bytes, *, resume: bool) -> bool: ...
    def give(self, run: str, tasks: list[tuple[int, str, bytes]]) -> None: ...
    def outcomes(self, run: str, after: str, count: int) -> list[Entry]: ...
    def pause(self, run: str) -> None: ...
    def end(self, run: str) -> None: ...


class Dispatch:
    """A crawler's `Source` behind which any number of machines may stand."""

    def __init__(
        self, board: Board, run: str, about: About, *, resume: bool = False, worker: Worker | None = None
    ) -> None:
        self._board = board
        self._run = run
        self._worker = worker
        self.resumed = board.open(run, pack_about(about), resume=resume)
        self._outbox: list[tuple[int, str, bytes]] = []
        self._tasks: dict[str, Task] = {}
        self._rounds: dict[int, int] = {}  # hash of an id -> how often it was given out
        self._early: dict[str, bytes] = {}  # outcomes of tasks that this side has not come to again yet
        self._known: deque[tuple[Task, bytes]] = deque()
        self._after = "0"
        self.requests = 0
        self.bodies = 0
        if self.resumed:
            self._collect_early()

    @property
    def idle(self) -> bool:
        return not self._tasks and not self._known

    def submit(self, task: Task) -> None:
        number, packed = pack_task(task)
        key = hash(number)
        round_ = self._rounds.get(key, 0)
        self._rounds[key] = round_ + 1
        if round_:  # asked before, and wanted anew: without the round it would count as done
            number = f"{number}-{round_}"
        task.begun = 1.0  # from here on nobody can change what it asks for
        early = self._early.pop(number, None)
        if early is not None:
            self._known.append((task, early))
            return
        self._tasks[number] = task
        shard = zlib.crc32(origin_of(task.url).encode()) % self._board.shards
        self._outbox.append((shard, number, packed))

    def step(self, seconds: float) -> list[tuple[Task, Outcome]]:
        found: list[tuple[Task, Outcome]] = []
        while self._known and len(found) < _OUTCOMES:
            task, packed = self._known.popleft()
            found.append((task, self._open(packed)))
        for begin in range(0, len(self._outbox), _AT_ONCE):
            self._board.give(self._run, self._outbox[begin : begin + _AT_ONCE])
        self._outbox.clear()
        if self._worker is not None:
            self._worker.turn(0.0 if found else min(seconds, _POLL))
        entries = self._board.outcomes(self._run, self._after, _OUTCOMES)
        if not entries and not found and (self._worker is None or not self._worker.busy):
            time.sleep(min(seconds, _POLL))
        for place, number, packed in entries:
            self._after = place
            task_ = self._tasks.pop(number, None)
            if task_ is None:
                self._early[number] = packed
            else:
                found.append((task_, self._open(packed)))
        return found

    def drain(self) -> list[Task]:
        tasks, self._tasks = list(self._tasks.values()), {}
        self._outbox.clear()
        self._known.clear()
        return tasks

    def close(self, *, whole: bool) -> None:
        """End the run, or leave it for `--resume` where it is not whole."""
        if self._worker is not None:
            self._worker.close()
        if whole:
            self._board.end(self._run)
        else:
            self._board.pause(self._run)

    def _collect_early(self) -> None:
        while entries := self._board.outcomes(self._run, self._after, _OUTCOMES):
            for place, number, packed in entries:
                self._after = place
                self._early[number] = packed

    def _open(self, packed: bytes) -> Outcome:
        outcome, requests, size = unpack_outcome(packed)
        self.requests += requests
        self.bodies += size
        return outcome
