"""A source of outcomes that knows earlier runs: asks only what is due, and asks that with validators.

Stands between the crawler and the fetcher, so neither knows of it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from sockwright.links.asking import Body
from sockwright.links.fetcher import Outcome, Task
from sockwright.links.memory import Memory, Remembered
from sockwright.links.terms import Source

_AT_ONCE = 100  # outcomes recalled in one step
_PAGES_AT_ONCE = 10  # pages among them; a thousand of them hold a million links
_GOOD = frozenset({"ok", "redirect", "flaky"})


class RememberingSource:
    """Answers from memory what a run has asked before it was broken off, or what is younger than `max_age` seconds."""

    def __init__(
        self,
        source: Source,
        memory: Memory,
        *,
        max_age: float = 0.0,
        resumed: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._memory = memory
        self._max_age = max_age
        self._resumed = resumed
        self._clock = clock
        self._known: deque[tuple[Task, Remembered]] = deque()
        self._asked: dict[int, Remembered] = {}  # by id of the task that is asked with validators
        self.recalled = 0  # URLs that were not asked at all
        self.unchanged = 0  # URLs of which the server said 304

    @property
    def idle(self) -> bool:
        return not self._known and self._source.idle

    def submit(self, task: Task) -> None:
        known = None if task.generation or task.body is Body.TEXT else self._memory.recall(task.url)
        if known is None or known.asked < task.body:
            self._source.submit(task)
        elif self._is_fresh(known):
            self._known.append((task, known))
        else:
            outcome = known.outcome
            if outcome.kind == "ok" and (outcome.etag or outcome.modified):
                task.etag, task.modified = outcome.etag, outcome.modified
                self._asked[id(task)] = known
            self._source.submit(task)

    def step(self, seconds: float) -> list[tuple[Task, Outcome]]:
        if self._known:
            return [*self._recalled(), *self._learned(self._source.step(0.0))]
        found = self._learned(self._source.step(seconds))
        self._memory.tick()
        return found

    def drain(self) -> list[Task]:
        self._known.clear()
        return self._source.drain()

    def _recalled(self) -> list[tuple[Task, Outcome]]:
        """Return some of what is known, with its pages: those are brought back only now, a few at a time."""
        found: list[tuple[Task, Outcome]] = []
        pages = 0
        while self._known and len(found) < _AT_ONCE and pages < _PAGES_AT_ONCE:
            task, known = self._known.popleft()
            if self._complete(known, task):
                self.recalled += 1
                found.append((task, known.outcome))
                pages += known.outcome.page is not None
            else:
                self._source.submit(task)
        return found

    def _is_fresh(self, known: Remembered) -> bool:
        if self._resumed and known.run == self._memory.run:
            return True
        return known.outcome.kind in _GOOD and self._clock() - known.at < self._max_age

    def _complete(self, known: Remembered, task: Task) -> bool:
        """Bring back the page of a known outcome; tell whether it is there, or not needed."""
        outcome = known.outcome
        if task.body is Body.NONE or outcome.kind not in ("ok", "flaky") or not outcome.readable:
            return True
        outcome.page = self._memory.page_of(task.url)
        return outcome.page is not None

    def _learned(self, found: list[tuple[Task, Outcome]]) -> list[tuple[Task, Outcome]]:
        results = []
        for task, outcome in found:
            known = self._asked.pop(id(task), None)
            if known is not None and outcome.kind == "unchanged":
                if not self._complete(known, task):
                    task.etag = task.modified = ""
                    task.begun = 0.0
                    self._source.submit(task)
                    continue
                self.unchanged += 1
                known.outcome.exchange = outcome.exchange
                known.outcome.page, page = None, known.outcome.page  # it is kept already
                self._memory.keep(task.url, known.outcome, max(known.asked, task.body))
                known.outcome.page = page
                outcome = known.outcome
            elif outcome.exchange is not None and not task.generation:
                self._memory.keep(task.url, outcome, task.body)
            results.append((task, outcome))
        return results
