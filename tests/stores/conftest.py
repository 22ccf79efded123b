"""The three stores, each fresh, and a second view of each: what another process on the same state would hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sockwright.stores import Store, open_store

Opener = Callable[[], Store]


@pytest.fixture(params=["memory", "sqlite"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """`opener()` opens one and the same state, again and again (memory: once)."""
    opened: list[Store] = []
    url = {"memory": "memory", "sqlite": f"sqlite:{tmp_path}/state.db"}[request.param]

    def open_one() -> Store:
        if request.param == "memory" and opened:
            return opened[0]
        opened.append(open_store(url))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


@pytest.fixture
def store(opener: Opener) -> Store:
    return opener()
