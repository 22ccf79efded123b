"""When a long run counts as flat, and when not."""

from __future__ import annotations

import struct
from types import SimpleNamespace

import pytest
from bench.race import LoadError
from bench.soak import LISTS, Sample, come_and_go, complaints
from tests.sockets import ask

from bench import soak
from sockwright.workbench import BenchThread

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


def test_the_lists_of_a_soak_are_answered_as_it_expects() -> None:
    with BenchThread() as bench:
        at = bench.serve("tcp://:0", "codebook")
        place = 0
        while place < len(LISTS):
            asked, answered = struct.unpack_from("!II", LISTS, place)
            place += 8
            assert ask(at, LISTS[place : place + asked]) == LISTS[place + asked : place + asked + answered]
            place += asked + answered


def test_a_crowd_comes_and_goes_and_a_wrong_answer_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "CROWD", 20)
    with BenchThread() as bench:
        people, echo = bench.serve("tcp://:0", "people"), bench.serve("tcp://:0", "echo")
        assert come_and_go(SimpleNamespace(port=people.port))["rate"] > 0  # type: ignore[arg-type]
        with pytest.raises(LoadError, match="20 wrong answers"):
            come_and_go(SimpleNamespace(port=echo.port))  # type: ignore[arg-type]
