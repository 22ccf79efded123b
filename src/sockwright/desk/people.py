"""Who is connected, for the console: the bench's registry of people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sockwright.errors import ServiceError
from sockwright.services.presence import Registry


class BenchPeople:
    """The people of one bench."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def everybody(self) -> Sequence[dict[str, Any]]:
        return self._registry.everybody()

    def dismiss(self, number: int) -> None:
        self._registry.check()
        if not self._registry.store.dismiss(number):
            raise ServiceError(f"nobody here has the id {number}", code=404)

    def watch(self, follower: Callable[[], None]) -> Callable[[], None]:
        self._registry.watchers.append(follower)
        return lambda: self._registry.watchers.remove(follower)
