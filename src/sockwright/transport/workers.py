"""Worker threads for services that may block: a bound, a clear refusal when it is reached, and hand-over in batches.

Why not an executor: a future and two wake-ups per call leave a quarter of the speed. Here calls go through one
queue, results come back in a deque, and the loop is woken once for as many as there are.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic

from sockwright.binding import Arguments, Outcome, Refusal, Service, attempt
from sockwright.config import duration_text
from sockwright.transport.pool import Pool

# What is told when a batch is done: the outcomes, in the batch's order.
Done = Callable[[Sequence[Outcome]], None]


class _Job:
    """A batch on its way. `begun` is when a worker took its present call; `over` once an answer was given."""

    __slots__ = ("batch", "begun", "done", "outcomes", "over", "service")

    def __init__(self, service: Service, batch: Sequence[Arguments], done: Done) -> None:
        self.service = service
        self.batch = batch
        self.done = done
        self.outcomes: list[Outcome] = []
        self.begun = 0.0
        self.over = False


class Workers:
    """At most `most` threads. Used from the loop's thread; `attempt` runs in theirs.

    A call that takes longer than `limit` seconds is refused; Python cannot stop its thread, so the thread is left
    behind and its place is taken by a new one, up to `most` left behind at once.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, *, most: int = 32, waiting: int = 10_000, limit: float = 10.0
    ) -> None:
        self._loop = loop
        self._waiting = waiting
        self._limit = limit
        self._pool: Pool[_Job] = Pool("worker", most, self._work)
        self._finished: deque[_Job] = deque()
        self._running: dict[_Job, None] = {}  # in order of arrival; touched in the loop's thread only
        self._woken = False
        self._stuck = 0  # threads; guarded by the pool's lock
        self._sweeping: asyncio.TimerHandle | None = None

    def submit(self, service: Service, batch: Sequence[Arguments], done: Done) -> None:
        """Run `service` for each element of `batch`, in order, in one worker; tell `done` in the loop's thread."""
        refusal = ""
        if self._pool.closed:
            refusal = "shutting down"
        elif len(self._running) >= self._waiting:
            refusal = f"busy: {len(self._running)} calls are waiting already"
        elif self._stuck >= self._pool.most:
            refusal = f"busy: {self._stuck} workers hang in calls that never came back"
        if refusal:
            # Not at once: a conversation with more to ask would ask from within its own question, and so on down.
            self._loop.call_soon(done, [Refusal(refusal, 503)] * len(batch))
            return
        job = _Job(service, batch, done)
        self._running[job] = None
        self._pool.put(job)
        if self._sweeping is None:
            self._sweeping = self._loop.call_later(self._limit / 4, self._sweep)

    def _work(self) -> None:
        pool = self._pool
        while (job := pool.next()) is not None:
            for arguments in job.batch:
                job.begun = monotonic()
                job.outcomes.append(attempt(job.service, arguments))
                if job.over:  # refused meanwhile; our place is taken
                    with pool.lock:
                        self._stuck -= 1
                    return
            self._finished.append(job)
            pool.completed += 1
            if not self._woken:
                self._woken = True
                try:
                    self._loop.call_soon_threadsafe(self._collect)
                except RuntimeError:  # the loop is closed: nobody waits any more
                    return

    def _collect(self) -> None:
        self._woken = False
        finished = self._finished
        while finished:
            job = finished.popleft()
            if job in self._running:
                del self._running[job]
                job.done(job.outcomes)
            else:  # refused in the moment it came back: its thread lives on after all
                with self._pool.lock:
                    self._stuck -= 1
                    self._pool.threads += 1

    def _sweep(self) -> None:
        """Refuse calls whose time is over."""
        self._sweeping = None
        now = monotonic()
        for job in [job for job in self._running if job.begun and now - job.begun > self._limit]:
            del self._running[job]
            job.over = True
            with self._pool.lock:
                self._stuck += 1
                self._pool.threads -= 1
            came = job.outcomes[: len(job.batch)]
            refusal = Refusal(f"the call took longer than {duration_text(self._limit)}", 504)
            job.done(came + [refusal] * (len(job.batch) - len(came)))
        if self._running:
            self._pool.look_after()
            self._sweeping = self._loop.call_later(self._limit / 4, self._sweep)

    def close(self) -> None:
        """Take no more calls and let the threads end."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        self._pool.close()
