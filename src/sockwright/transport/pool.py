"""A pool of threads that take jobs from one queue: how many there are, when more come, when they end.

The first thread serves everybody for as long as jobs end quickly: several would only fight for the interpreter. When
jobs wait and the threads get less than one done each in a millisecond, they block, and there come to be twice as many.

What a job is, and what becomes of one that hangs, is told by who has a pool: `workers`, `crew`.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from sockwright.backstage import stand_back

J = TypeVar("J")

# A thread that has had nothing to do for so long ends (seconds).
RESTS = 10.0
# How long the threads there are get to show that jobs end quickly (seconds).
GROWS = 0.001


class Pool(Generic[J]):
    """At most `most` threads that run `work`, which takes jobs by `next` until it returns None.

    `threads` are those that may take a job; who leaves them for good, or for a while, counts itself out and in again
    under `lock`. `completed` is counted up by who has done a job; one that is lost to two at once does no harm.
    """

    def __init__(self, name: str, most: int, work: Callable[[], None]) -> None:
        self.most = most
        self.lock = threading.Lock()  # guards the two counters
        self.threads = 0
        self._idle = 0
        self.completed = 0
        self.closed = False
        self._work = work
        self._queue: SimpleQueue[J | None] = SimpleQueue()
        self._completed_before = 0
        self._names = (f"sockwright-{name}-{number}" for number in itertools.count(1))
        self._growing: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """How many jobs nobody has taken yet."""
        return self._queue.qsize()

    # -- from the loop's thread

    def put(self, job: J) -> None:
        """Have a thread take `job`."""
        self._queue.put(job)
        if not self.threads:
            self.start()
        elif self._growing is None and self.threads < self.most:
            self._look_again()

    def _look_again(self) -> None:
        self._completed_before = self.completed
        self._growing = asyncio.get_running_loop().call_later(GROWS, self._grow)

    def _grow(self) -> None:
        self._growing = None
        queued = self._queue.qsize()
        if self.closed or not queued:
            return
        # Who has just taken a job counts as idle for a moment yet: so while any is in the queue we look again.
        threads = max(self.threads, 1)
        if self.completed - self._completed_before < threads:
            for _ in range(min(threads, self.most - self.threads, queued - self._idle)):
                self.start()
        if self.threads < self.most:
            self._look_again()

    def look_after(self) -> None:
        """See that somebody is there for the jobs that wait."""
        if not self.threads and self._queue.qsize():
            self.start()

    def close(self) -> None:
        """Let the threads end once the jobs are taken; those that hang are daemons and do not hold up the process."""
        self.closed = True
        if self._growing is not None:
            self._growing.cancel()
        for _ in range(self.threads):
            self._queue.put(None)

    # -- from any thread

    @property
    def is_short(self) -> bool:
        """Tell whether jobs wait for more threads than there are, and more may come."""
        return self.threads < self.most and self._queue.qsize() > self._idle

    def start(self) -> None:
        """Start one more thread."""
        with self.lock:
            self.threads += 1
        threading.Thread(target=self._run, name=next(self._names), daemon=True).start()

    def _run(self) -> None:
        stand_back()
        self._work()

    def next(self) -> J | None:
        """Wait for a job; None once this thread shall end, which no longer counts then."""
        while True:
            with self.lock:
                self._idle += 1
            try:
                job = self._queue.get(timeout=RESTS)
            except Empty:
                job = None
            with self.lock:
                self._idle -= 1
                if job is None:
                    if not self.closed and not self._queue.empty():
                        continue  # a job came in the very moment we gave up
                    self.threads -= 1
            return job
