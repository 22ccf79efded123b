"""Which URLs the source has, and which wait here for their turn, where each costs less memory than a task."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from sockwright.links.asking import Body
from sockwright.links.fetcher import Task, origin_of
from sockwright.links.resources import ASKED, EXEMPT, NEW, Resource

TASKS_PER_HOST = 1_000  # that the source has at once


class Handout:
    """Hands resources to a source, so many of one host at a time."""

    def __init__(self, submit: Callable[[Task], None], before: Callable[[Resource], None]) -> None:
        self._submit = submit
        self._before = before  # told of a resource right before it is handed over
        self._backlog: dict[str, deque[Resource]] = {}
        self._handed: dict[str, int] = {}  # tasks under way by origin

    def give(self, resource: Resource) -> None:
        """Hand a resource over, now or when others of its host are through."""
        origin = origin_of(resource.url)
        if self._handed.get(origin, 0) < TASKS_PER_HOST:
            self._hand(resource, origin)
        else:
            self._backlog.setdefault(origin, deque()).append(resource)

    def ended(self, task: Task) -> None:
        """Note that a task is through: others of its host may follow."""
        origin = task.origin
        self._handed[origin] -= 1
        waiting = self._backlog.get(origin)
        while waiting and self._handed[origin] < TASKS_PER_HOST:
            resource = waiting.popleft()
            if resource.state == NEW:
                self._hand(resource, origin)
        if waiting is not None and not waiting:
            del self._backlog[origin]

    def clear(self) -> None:
        """Forget what waits."""
        self._backlog.clear()

    def _hand(self, resource: Resource, origin: str) -> None:
        self._before(resource)
        task = Task(
            resource.url,
            Body(resource.want),
            exempt=bool(resource.flags & EXEMPT),
            generation=resource.generation,
            owner=resource,
            origin=origin,
        )
        resource.on = task
        resource.state = ASKED
        self._handed[origin] = self._handed.get(origin, 0) + 1
        self._submit(task)
