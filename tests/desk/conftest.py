"""Consoles on real benches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.desk.standing import Standing, standing


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Standing]:
    """A bench with a console and nothing else."""
    monkeypatch.setenv("SOCKWRIGHT_HOME", str(tmp_path))
    with standing() as one:
        yield one
