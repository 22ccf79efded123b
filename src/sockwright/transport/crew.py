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
from time import monotonic
from typing import Protocol

from sockwright.transport.pool import Pool


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
        self._most_aside = aside
        self._waiting = waiting
        self._pool: Pool[Job] = Pool(name, most, self._work)
        self._jobs: dict[Job, float] = {}  # when each was submitted; taken out by its thread
        self._members: dict[Job, Member] = {}
        self._aside = 0  # guarded by the pool's lock
        self._sweeping: asyncio.TimerHandle | None = None

    def submit(self, job: Job) -> None:
        """Have `job` run. From the loop's thread alone.

        Raises: BusyError.
        """
        pool = self._pool
        if pool.closed:
            raise BusyError("shutting down")
        if pool.waiting >= self._waiting:
            raise BusyError(f"busy: {pool.waiting} requests are waiting already")
        self._jobs[job] = monotonic()
        pool.put(job)
        self._sweep_soon()

    def _sweep_soon(self) -> None:
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(min(self.limit / 4, 1.0), self._sweep)

    def _work(self) -> None:
        pool = self._pool
        member = Member(self)
        while (job := pool.next()) is not None:
            member.job = job
            self._members[job] = member
            job.run(member)
            self._members.pop(job, None)
            self._jobs.pop(job, None)
            pool.completed += 1
            with pool.lock:
                member.job = None
                if member.aside:
                    member.aside = False
                    self._aside -= 1
                    if pool.threads >= pool.most or pool.closed:
                        return
                    pool.threads += 1

    def step_aside(self, member: Member) -> None:
        """See `Member.step_aside`. From any thread."""
        pool = self._pool
        with pool.lock:
            if member.aside or member.job is None or self._aside >= self._most_aside:
                return
            member.aside = True
            self._aside += 1
            pool.threads -= 1
        if pool.is_short:
            pool.start()

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
        self._pool.look_after()
        if self._jobs and not self._pool.closed:
            self._sweep_soon()

    def close(self) -> None:
        """Take no more jobs, give up those there are and let the threads end; what hangs does not hold up the process.

        From the loop's thread.
        """
        self._pool.close()
        if self._sweeping is not None:
            self._sweeping.cancel()
        for job in list(self._jobs):
            job.give_up()
