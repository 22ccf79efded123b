"""A running bench for tests over real sockets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.benches import standing

from sockwright.workbench import BenchThread


@pytest.fixture
def bench() -> Iterator[BenchThread]:
    with standing() as running:
        yield running


@pytest.fixture
def told() -> list[str]:
    """What hosted applications told the developer."""
    return []
