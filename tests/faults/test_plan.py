"""Faults as pure parts: exact steps for given times and seed, and what must hold for all of them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sockwright.errors import ConfigError
from sockwright.faults import FAULTS, kind
from sockwright.faults.fault import END, FIRED, PASS, RESET, Step
from sockwright.faults.plan import Plan, Row, check, setting
from sockwright.faults.profiles import PROFILES

# Every fault that keeps all bytes and their order.
HARMLESS = [
    "latency=200ms~50ms",
    "rate=8KB/s",
    "slice=3@10ms",
    "glue=200ms",
    "stall=5s@7",
    "stall=1s",
    "late-banner=2s",
    "slow-close=1s",
]


def row(*texts: str, seed: int = 7, number: int = 1) -> Row:
    _, down = Plan([setting(text) for text in texts], seed).rows(number)
    assert down is not None
    return down


def passed(steps: list[Step]) -> bytes:
    return b"".join(given for what, given, _ in steps if what == PASS)


def times(steps: list[Step]) -> list[float]:
    return [round(at, 6) for what, _, at in steps if what == PASS]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(HARMLESS), min_size=1, max_size=4, unique=True),
    st.lists(st.binary(min_size=1, max_size=40), max_size=12),
)
def test_what_does_no_damage_keeps_every_byte(texts: list[str], pieces: list[bytes]) -> None:
    parts = row(*texts)
    steps: list[Step] = []
    for place, piece in enumerate(pieces):
        steps += parts.feed(piece, 100.0 + place * 0.01)
    steps += parts.end(101.0)
    assert passed(steps) == b"".join(pieces)
    assert [what for what, _, _ in steps if what in (END, RESET)] == [END]


@settings(max_examples=60, deadline=None)
@given(
    st.binary(min_size=1, max_size=400),
    st.lists(st.integers(1, 399), max_size=8),
    st.sampled_from(["corrupt=5%", "garbage=9@30", "cut=50", "reset=50", "stall=1s@13"]),
)
def test_the_same_seed_hits_the_same_bytes_wherever_reads_were_cut(data: bytes, cuts: list[int], text: str) -> None:
    whole = row(text).feed(data, 5.0)
    parts = row(text)
    pieces: list[Step] = []
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    for start, end in itertools.pairwise(places):
        if end - start <= parts.calm and start % 2:
            parts.skip(end - start)  # went straight through
            pieces.append((PASS, data[start:end], 5.0))
        else:
            pieces += parts.feed(data[start:end], 5.0)
    assert passed(pieces) == passed(whole)
    assert [given for what, given, _ in pieces if what == FIRED] == [given for what, given, _ in whole if what == FIRED]


def test_latency_does_not_add_up() -> None:
    parts = row("latency=200ms")
    assert [times(parts.feed(b"x", 10 + place * 0.01))[0] for place in range(3)] == [10.2, 10.21, 10.22]


def test_latency_and_rate_together_are_what_a_line_does() -> None:
    parts = row("rate=1000/s", "latency=200ms")
    assert times(parts.feed(b"x" * 10, 10.0))[-1] == 10.21
    assert times(parts.feed(b"x" * 10, 10.0))[-1] == 10.22
    assert times(parts.feed(b"x" * 10, 11.0))[-1] == 11.21


def test_a_slice_has_its_size_and_gap() -> None:
    steps = row("slice=3@10ms").feed(b"abcdefgh", 1.0)
    assert [(given, at) for what, given, at in steps if what == PASS] == [
        (b"abc", 1.0),
        (b"def", 1.01),
        (b"gh", pytest.approx(1.02)),
    ]


def test_glue_makes_one_moment_of_a_window() -> None:
    parts = row("glue=200ms")
    assert [times(parts.feed(b"x", now))[0] for now in (1.0, 1.1, 1.15, 1.5)] == [1.2, 1.2, 1.2, 1.7]


@pytest.mark.parametrize(("text", "last"), [("cut=4", END), ("reset=4", RESET)])
def test_an_ending_comes_behind_its_byte(text: str, last: int) -> None:
    parts = row(text)
    assert passed(parts.feed(b"abc", 1.0)) == b"abc"
    steps = parts.feed(b"def", 1.0)
    assert passed(steps) == b"d"
    assert steps[-1][0] == last
    assert parts.feed(b"more", 2.0) == []


def test_another_seed_is_another_run_and_another_connection_too() -> None:
    data = bytes(2000)
    said = {passed(row("corrupt=1%", seed=seed, number=number).feed(data, 1.0)) for seed in (1, 5) for number in (1, 2)}
    assert len(said) == 4


def test_a_share_of_connections_is_chosen_by_the_seed() -> None:
    plan = Plan([setting("cut=1", share=0.1)], 3)
    hit = [number for number in range(2000) if plan.rows(number) != (None, None)]
    assert 140 < len(hit) < 260
    assert hit == [
        number for number in range(2000) if Plan([setting("cut=1", share=0.1)], 3).rows(number) != (None, None)
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("latncy=200ms", "Did you mean 'latency'?"),
        ("latency", "needs a value"),
        ("latency=", "nothing stands behind"),
        ("latency=200xs", "not a duration"),
        ("latency=9h", "longer than"),
        ("rate=8", ""),
        ("rate=8KB/m", "not a rate"),
        ("corrupt=200%", "more than all"),
        ("slice=0", "at least 1"),
        ("cut=-5", "not a size"),
        ("refuse=3", "takes no value"),
        ("status=999", "status code"),
        ("length=10", "not a change"),
        ("reject=rcpd:550", "not a stage"),
        ("reject=rcpt:250", "refuses"),
        ("drop-at=D A", "not a command"),
        ("loss=x", "not a share"),
    ],
)
def test_a_bad_fault_is_refused_with_the_right_form(text: str, said: str) -> None:
    if not said:
        setting(text)
        return
    with pytest.raises(ConfigError, match=said.replace("?", r"\?")):
        setting(text)


def test_what_makes_no_sense_there_is_refused() -> None:
    with pytest.raises(ConfigError, match="makes no sense for tcp"):
        check([setting("status=503")], [("stream", "tcp")])
    with pytest.raises(ConfigError, match="makes no sense for udp"):
        check([setting("cut=5")], [("datagram", "udp")])
    check([setting("status=503"), setting("reject=rcpt:550")], [("stream", "")])  # a tap may carry anything


def test_every_fault_of_the_list_can_be_set_as_its_form_says() -> None:
    for name in FAULTS:
        form = kind(name).form
        setting(form.replace("[", "").replace("]", ""))
        setting("".join(part.split("]")[-1] for part in form.split("[")))  # without what may be left out


def test_every_profile_is_made_of_faults() -> None:
    for one in PROFILES.values():
        assert one.source
        for text in (*one.down, *one.up, *one.udp):
            setting(text)
