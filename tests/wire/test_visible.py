from __future__ import annotations

import itertools
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sockwright.wire.visible import VisibleStream, visible, visible_lines


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        (b"plain \\ text", "plain \\ text"),
        ("Привет, 世界 👩‍🚀", "Привет, 世界 👩‍🚀"),
        (b"\x1b[31mred\x07\x7f", "\\x1b[31mred\\x07\\x7f"),
        ("\x9b31m", "\\x9b31m"),
        ("abc\u202efdp.exe\u2066\u200b", "abc\\u202efdp.exe\\u2066\\u200b"),
        (b"\xff\xfe\xc3", "\\xff\\xfe\\xc3"),
        ("\U000e0041\ud800", "\\U000e0041\\ud800"),
        (b"one\r\ntwo\tthree", "one\\r\\ntwo\\tthree"),
    ],
)
def test_what_could_harm_a_terminal_is_shown_as_an_escape(foreign: bytes | str, shown: str) -> None:
    assert visible(foreign) == shown


def test_lines_stay_lines_and_a_lone_cr_cannot_overwrite_one() -> None:
    assert visible_lines(b"one\r\ntwo\n\tthree\rTWO\x1b") == "one\ntwo\n\tthree\\rTWO\\x1b"


def test_the_cut_is_shown() -> None:
    assert visible("abcdef", 4) == "abc…"
    assert visible("abcd", 4) == "abcd"


@given(st.text())
def test_nothing_that_controls_is_left(text: str) -> None:
    assert not [sign for sign in visible(text) if unicodedata.category(sign) in {"Cc", "Cs", "Zl", "Zp"}]
    assert not [sign for sign in visible_lines(text) if unicodedata.category(sign) == "Cc" and sign not in "\n\t"]


@given(st.binary(), st.lists(st.integers(min_value=0, max_value=40)))
def test_a_stream_shows_the_same_wherever_it_is_cut(data: bytes, cuts: list[int]) -> None:
    data = data + "ж\r\n€\r".encode() + data
    stream = VisibleStream()
    edges = [0, *sorted(min(at, len(data)) for at in cuts), len(data)]
    shown = "".join(stream.feed(data[a:b]) for a, b in itertools.pairwise(edges)) + stream.finish()
    assert shown == visible_lines(data)
