"""A running bench for tests over real sockets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sockwright.workbench import BenchThread


@pytest.fixture
def bench() -> Iterator[BenchThread]:
    with BenchThread() as running:
        yield running
    bugs = [words for words in running.troubles if "mistake in sockwright" in words]
    assert not bugs, bugs


@pytest.fixture
def told() -> list[str]:
    """What hosted applications told the developer."""
    return []
