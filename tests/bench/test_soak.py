"""When a long run counts as flat, and when not."""

from __future__ import annotations

import pytest
from bench.soak import Sample, complaints

MIB = 2**20


def samples(*memory: float, descriptors: list[int] | None = None) -> list[Sample]:
    """Return looks with these MiB of memory."""
    held = descriptors or [20] * len(memory)
    return [Sample(int(m * MIB), d, 5) for m, d in zip(memory, held, strict=True)]


def test_what_fills_in_the_first_turns_and_then_stays_is_flat() -> None:
    assert complaints(samples(*range(50, 110, 5), 120, 121, 120, 122, 121, 123)) == []


def test_memory_that_goes_on_growing_is_a_leak() -> None:
    found = complaints(samples(*range(50, 230, 10)))
    assert found == ["memory grows: once settled 180.0 MiB, later 210.0 MiB"]


def test_descriptors_that_stay_behind_are_a_leak() -> None:
    found = complaints(samples(*[50.0] * 18, descriptors=[*[20] * 15, 30, 40, 50]))
    assert found == ["descriptors stay behind: once settled 20, later 40"]


@pytest.mark.parametrize("count", [0, 17])
def test_too_few_looks_are_no_proof(count: int) -> None:
    assert "too few" in complaints(samples(*[50.0] * count))[0]
