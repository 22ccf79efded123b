from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sockwright.journal.batch import pack, unpack
from sockwright.journal.records import (
    ENDED,
    EXCHANGED,
    FAULT,
    NOTE,
    OPENED,
    RECEIVED,
    SENT,
    Ended,
    Opened,
    Record,
)
from sockwright.journal.thinning import Allowance, cut, thin

OPEN = Opened("tcp", "echo", "", "", "")
END = Ended("peer", "fin", "", 0, 0, 0, 0)


def record(kind: int, number: int, place: int) -> Record:
    if kind == EXCHANGED:
        return (EXCHANGED, number, float(place), b"x", 1, None, 1)
    payload = {OPENED: OPEN, ENDED: END, NOTE: ("limit", {}), FAULT: ("cut", "", "")}.get(kind, b"x")
    return (kind, number, float(place), payload, 0)


made = st.lists(
    st.tuples(st.sampled_from([OPENED, RECEIVED, SENT, EXCHANGED, NOTE, FAULT, ENDED]), st.integers(1, 6)), max_size=80
).map(lambda pairs: [record(kind, number, place) for place, (kind, number) in enumerate(pairs)])


@given(made, st.integers(0, 90))
def test_nothing_is_left_out_uncounted_and_order_stays(records: list[Record], most: int) -> None:
    kept, omitted = thin(records, most)
    before = Counter(one[1] for one in records)
    after = Counter(one[1] for one in kept)
    assert Counter(omitted) == before - after
    assert all(count > 0 for count in omitted.values())
    assert [one[2] for one in kept] == sorted(one[2] for one in kept)
    always = [one for one in records if one[0] in (OPENED, ENDED)]
    assert [one for one in kept if one[0] in (OPENED, ENDED)] == always
    assert len(kept) <= most + len(always)
    if all(one[0] not in (OPENED, ENDED) for one in records):
        assert thin(records, most, all_bulk=True) == (kept, omitted)


def test_the_quiet_stay_whole_and_of_the_loud_the_newest() -> None:
    records = [record(RECEIVED, 1 if place % 50 == 0 else 2, place) for place in range(1000)]
    kept, omitted = thin(records, 200)
    assert [one[2] for one in kept if one[1] == 1] == [float(place) for place in range(0, 1000, 50)]
    assert [one[2] for one in kept if one[1] == 2][-1] == 999.0
    assert set(omitted) == {2}


def test_cutting_leaves_true_sizes() -> None:
    long = b"y" * 5000
    records: list[Record] = [
        (RECEIVED, 1, 0.0, long, 9000),
        (EXCHANGED, 1, 0.0, long, 5000, None, 5000),
        (EXCHANGED, 1, 0.0, b"short", 5, long, 5000),
        (NOTE, 1, 0.0, ("limit", {}), 0),
    ]
    first, second, third, note = cut(records)
    assert (len(first[3]), first[4]) == (1024, 9000)
    assert (len(second[3]), second[4:]) == (1024, (5000, None, 5000))
    assert third == (EXCHANGED, 1, 0.0, b"short", 5, long[:1024], 5000)
    assert note == records[3]


def test_an_allowance_is_a_burst_and_a_rate() -> None:
    allowance = Allowance(100, 10, now=0.0)
    assert allowance.at(0.0) == 100
    allowance.take(150)
    assert allowance.at(1.0) == 0
    assert allowance.at(7.0) == 20
    assert allowance.at(5.0) == 20  # a clock that goes back
    assert allowance.at(1000.0) == 100


@given(made)
def test_packing_gives_back_what_it_took(records: list[Record]) -> None:
    assert unpack(pack(records)) == records
