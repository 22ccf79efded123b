"""Worker threads for services that may block: a bound, a clear refusal when it is reached, and hand-over in batches.

Why not an executor: a future and two wake-ups per call leave a quarter of the speed. Here calls go through one
queue, results come back in a deque, and the loop is woken once for as many as there are.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections import deque
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from time import monotonic

from sockwright.backstage import stand_back
from sockwright.binding import Arguments, Outcome, Refusal, Service, attempt
from sockwright.config import duration_text

# What is told when a batch is done: the outcomes, in the batch's order.
Done = Callable[[Sequence[Outcome]], None]

# A thread that has had nothing to do for so long ends (seconds).
RESTS = 10.0
# How long the threads there are get to show that calls return quickly (seconds).
GROWS = 0.001


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

    The first thread serves everybody for as long as calls return quickly: several would only fight for the
    interpreter. When calls wait and the threads get less than one done each in a millisecond, they block, and
    there come to be twice as many.

    A call that takes longer than `limit` seconds is refused; Python cannot stop its thread, so the thread is left
    behind and its place is taken by a new one, up to `most` left behind at once.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, *, most: int = 32, waiting: int = 10_000, limit: float = 10.0
    ) -> None:
        self._loop = loop
        self._most = most
        self._waiting = waiting
        self._limit = limit
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._finished: deque[_Job] = deque()
        self._running: dict[_Job, None] = {}  # in order of arrival; touched in the loop's thread only
        self._woken = False
        self._lock = threading.Lock()  # guards the three counters
        self._threads = 0  # that may take a job: those left behind do not count
        self._stuck = 0
        self._idle = 0
        self._completed = 0
        self._completed_before = 0
        self._names = itertools.count(1)
        self._closed = False
        self._growing: asyncio.TimerHandle | None = None
        self._sweeping: asyncio.TimerHandle | None = None

    def submit(self, service: Service, batch: Sequence[Arguments], done: Done) -> None:
        """Run `service` for each element of `batch`, in order, in one worker; tell `done` in the loop's thread."""
        refusal = ""
        if self._closed:
            refusal = "shutting down"
        elif len(self._running) >= self._waiting:
            refusal = f"busy: {len(self._running)} calls are waiting already"
        elif self._stuck >= self._most:
            refusal = f"busy: {self._stuck} workers hang in calls that never came back"
        if refusal:
            # Not at once: a conversation with more to ask would ask from within its own question, and so on down.
            self._loop.call_soon(done, [Refusal(refusal, 503)] * len(batch))
            return
        job = _Job(service, batch, done)
        self._running[job] = None
        self._queue.put(job)
        if not self._threads:
            self._start()
        elif self._growing is None and self._threads < self._most and self._queue.qsize() > self._idle:
            self._completed_before = self._completed
            self._growing = self._loop.call_later(GROWS, self._grow)
        if self._sweeping is None:
            self._sweeping = self._loop.call_later(self._limit / 4, self._sweep)

    def _grow(self) -> None:
        self._growing = None
        done = self._completed - self._completed_before
        waiting = self._queue.qsize() - self._idle
        if self._closed or waiting <= 0:
            return
        if done < self._threads:
            for _ in range(min(self._threads, self._most - self._threads, waiting)):
                self._start()
        if self._threads < self._most:
            self._completed_before = self._completed
            self._growing = self._loop.call_later(GROWS, self._grow)

    def _start(self) -> None:
        with self._lock:
            self._threads += 1
        name = f"sockwright-worker-{next(self._names)}"
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def _work(self) -> None:
        stand_back()
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
                    return
            for arguments in job.batch:
                job.begun = monotonic()
                job.outcomes.append(attempt(job.service, arguments))
                if job.over:  # refused meanwhile; our place is taken
                    with self._lock:
                        self._stuck -= 1
                    return
            self._finished.append(job)
            self._completed += 1
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
                with self._lock:
                    self._stuck -= 1
                    self._threads += 1

    def _sweep(self) -> None:
        """Refuse calls whose time is over."""
        self._sweeping = None
        now = monotonic()
        for job in [job for job in self._running if job.begun and now - job.begun > self._limit]:
            del self._running[job]
            job.over = True
            with self._lock:
                self._stuck += 1
                self._threads -= 1
            came = job.outcomes[: len(job.batch)]
            refusal = Refusal(f"the call took longer than {duration_text(self._limit)}", 504)
            job.done(came + [refusal] * (len(job.batch) - len(came)))
        if self._running:
            if not self._threads:
                self._start()
            self._sweeping = self._loop.call_later(self._limit / 4, self._sweep)

    def close(self) -> None:
        """Take no more calls and let the threads end; those that hang are daemons and do not hold up the process."""
        self._closed = True
        for timer in (self._growing, self._sweeping):
            if timer is not None:
                timer.cancel()
        for _ in range(self._threads):
            self._queue.put(None)
