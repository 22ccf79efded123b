"""Threads for programs whose answer begins long before it ends: a job keeps its thread from first to last.

    queue --thread--> at work --step_aside--> aside (streams) --ends--> back, or the thread ends
      |                  '--over time: `late`--> aside (hangs)
      '--over time: `late`--> dropped

Why not `workers`: those hand back one outcome when all is over. Here the answer goes out while its job still runs, and
what hangs on a thread (database connections, thread locals) must find the same one until the end. A job that has
stepped aside no longer counts as one of the `most` at work, so slow readers of long answers do not hold up the others.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Protocol

from sockwright.backstage import stand_back

# A thread that has had nothing to do for so long ends (seconds).
RESTS = 10.0
# How long the threads there are get to show that jobs end quickly (seconds); several would fight for the interpreter.
GROWS = 0.001


class Job(Protocol):
    """What a crew runs. `settled`: its answer has begun, so that time no longer counts."""

    settled: bool

    def run(self, member: Member) -> None:
        """Do it. Raises nothing."""

    def late(self, begun: bool) -> None:
        """Its time is over, before or after it was `begun`. In the loop's thread."""

    def give_up(self) -> None:
        """Nobody waits for it any more. In the loop's thread."""


class BusyError(Exception):
    """So many jobs wait that one more is not taken."""


class Member:
    """One thread of a crew, as the job that it runs knows it."""

    __slots__ = ("_crew", "aside", "job")

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self.aside = False
        self.job: Job | None = None

    def step_aside(self) -> None:
        """No longer count as at work, where there is room aside; what waits gets a thread in our place."""
        self._crew.step_aside(self)


class Crew:
    """At most `most` threads at work, `aside` more that have stepped aside, and `waiting` jobs in the queue.

    A job that has not `settled` `limit` seconds after it was submitted is told that it is `late`. Python cannot stop
    its thread, so that is left behind, aside.
    """

    def __init__(
        self, name: str, *, most: int = 32, aside: int = 256, waiting: int = 1000, limit: float = 30.0
    ) -> None:
        self.limit = limit
        self._name = name
        self._most = most
        self._most_aside = aside
        self._waiting = waiting
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._jobs: dict[Job, float] = {}  # when each was submitted; taken out by its thread
        self._members: dict[Job, Member] = {}
        self._lock = threading.Lock()  # guards the three counters
        self._threads = 0  # at work or idle
        self._aside = 0
        self._idle = 0
        self._completed = 0
        self._completed_before = 0
        self._numbers = itertools.count(1)
        self._closed = False
        self._growing: asyncio.TimerHandle | None = None
        self._sweeping: asyncio.TimerHandle | None = None

    def submit(self, job: Job) -> None:
        """Have `job` run. From the loop's thread alone.

        Raises: BusyError.
        """
        if self._closed:
            raise BusyError("shutting down")
        if self._queue.qsize() >= self._waiting:
            raise BusyError(f"busy: {self._queue.qsize()} requests are waiting already")
        self._jobs[job] = monotonic()
        self._queue.put(job)
        if not self._threads:
            self._start()
        elif self._growing is None and self._threads < self._most and self._queue.qsize() > self._idle:
            self._completed_before = self._completed
            self._growing = asyncio.get_running_loop().call_later(GROWS, self._grow)
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(min(self.limit / 4, 1.0), self._sweep)

    def _grow(self) -> None:
        self._growing = None
        waiting = self._queue.qsize() - self._idle
        if self._closed or waiting <= 0:
            return
        if self._completed - self._completed_before < self._threads:
            for _ in range(min(max(self._threads, 1), self._most - self._threads, waiting)):
                self._start()
        if self._threads < self._most:
            self._completed_before = self._completed
            self._growing = asyncio.get_running_loop().call_later(GROWS, self._grow)

    def _start(self) -> None:
        with self._lock:
            self._threads += 1
        name = f"sockwright-{self._name}-{next(self._numbers)}"
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def _work(self) -> None:
        stand_back()
        member = Member(self)
        while (job := self._next()) is not None:
            member.job = job
            self._members[job] = member
            job.run(member)
            self._members.pop(job, None)
            self._jobs.pop(job, None)
            self._completed += 1
            with self._lock:
                member.job = None
                if member.aside:
                    member.aside = False
                    self._aside -= 1
                    if self._threads >= self._most or self._closed:
                        return
                    self._threads += 1

    def _next(self) -> Job | None:
        """Wait for a job; None once this thread shall end."""
        while True:
            with self._lock:
                self._idle += 1
            try:
                job = self._queue.get(timeout=RESTS)
            except Empty:
                job = None
            with self._lock:
                self._idle -= 1
                if job is None:
                    if not self._closed and not self._queue.empty():
                        continue  # a job came in the very moment we gave up
                    self._threads -= 1
            return job

    def step_aside(self, member: Member) -> None:
        """See `Member.step_aside`. From any thread."""
        with self._lock:
            if member.aside or member.job is None or self._aside >= self._most_aside:
                return
            member.aside = True
            self._aside += 1
            self._threads -= 1
        if self._queue.qsize() > self._idle and self._threads < self._most:
            self._start()

    def _sweep(self) -> None:
        """Tell the jobs whose time is over, and see that somebody is there for those that wait."""
        self._sweeping = None
        now = monotonic()
        for job, since in list(self._jobs.items()):
            if job.settled or now - since <= self.limit:
                continue
            member = self._members.get(job)
            job.late(member is not None)
            if member is None:
                self._jobs.pop(job, None)
            elif member.job is job:
                self.step_aside(member)
        if self._queue.qsize() and not self._threads:
            self._start()
        if self._jobs and not self._closed:
            self._sweeping = asyncio.get_running_loop().call_later(min(self.limit / 4, 1.0), self._sweep)

    def close(self) -> None:
        """Take no more jobs, give up those there are and let the threads end; what hangs does not hold up the process.

        From the loop's thread.
        """
        self._closed = True
        for timer in (self._growing, self._sweeping):
            if timer is not None:
                timer.cancel()
        for job in list(self._jobs):
            job.give_up()
        for _ in range(self._threads):
            self._queue.put(None)
