"""When a long run counts as flat, and when not."""

from __future__ import annotations

import pytest
from bench.soak import Sample, complaints

MIB = 2**20


def samples(*memory: float, descriptors: list[int] | None = None) -> list[Sample]:
    """Return looks with these MiB of memory."""
    held = descriptors or [20] * len(memory)
    return [Sample(int(m * MIB), d, 5) for m, d in zip(memory, held, strict=True)]


def test_what_fills_in_the_first_third_and_then_stays_is_flat() -> None:
    assert complaints(samples(50, 90, 120, 121, 120, 122, 121, 120, 123)) == []


def test_memory_that_goes_on_growing_is_a_leak() -> None:
    found = complaints(samples(50, 60, 70, 80, 90, 100, 110, 120, 130))
    assert found == ["memory grows: 90.0 MiB in the middle third, 120.0 MiB in the last"]


def test_descriptors_that_stay_behind_are_a_leak() -> None:
    found = complaints(samples(*[50.0] * 6, descriptors=[20, 20, 30, 40, 50, 60]))
    assert found == ["descriptors stay behind: 35 in the middle third, 55 in the last"]


@pytest.mark.parametrize("count", [0, 5])
def test_too_few_looks_are_no_proof(count: int) -> None:
    assert "too few" in complaints(samples(*[50.0] * count))[0]
