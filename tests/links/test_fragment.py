"""Which fragments a browser finds."""

from __future__ import annotations

import pytest

from sockwright.links.fragment import fragment_found, missing_texts

ANCHORS = frozenset({"intro", "Глава", "a b", "100%25", "50%", "tail"})


@pytest.mark.parametrize(
    "fragment",
    [
        "",  # the top of the page
        "top",
        "TOP",
        "%74op",
        "intro",
        "%69ntro",
        "Глава",
        "%D0%93%D0%BB%D0%B0%D0%B2%D0%B0",
        "%d0%93%d0%bb%d0%b0%d0%b2%d0%b0",
        "a%20b",
        "100%25",  # the id holds the escape itself
        "50%",  # a lone per cent sign stays
        ":~:text=hello",
        "intro:~:text=hello,world",
    ],
)
def test_is_found(fragment: str) -> None:
    assert fragment_found(fragment, ANCHORS)


@pytest.mark.parametrize(
    "fragment", ["Intro", "intro ", "глава", "topic", "%FF", "outro:~:text=hello", "#intro", "a+b"]
)
def test_is_not_found(fragment: str) -> None:
    assert not fragment_found(fragment, ANCHORS)


TEXT = "Chapter One\n  The quick  brown fox, and the Quick red one.\nИ вот Ёжик в тумане. 東京都庁の展望室"


@pytest.mark.parametrize(
    "fragment",
    [
        "",
        "intro",
        ":~:text=quick%20brown",
        "intro:~:text=QUICK%20brown%20fox",
        ":~:text=the%20quick,red%20one",
        ":~:text=the-,quick,-red",
        ":~:text=chapter%20one-,the%20quick",
        ":~:text=%D1%91%D0%B6%D0%B8%D0%BA",
        ":~:text=展望",
        ":~:text=fox&text=one",
        ":~:unknown=x",
        ":~:text=",
    ],
)
def test_quotes_what_is_there(fragment: str) -> None:
    assert missing_texts(fragment, TEXT) == []


@pytest.mark.parametrize(
    ("fragment", "missing"),
    [
        (":~:text=slow", ["text=slow"]),
        (":~:text=quic", ["text=quic"]),
        (":~:text=ox", ["text=ox"]),
        (":~:text=red%20one,quick", ["text=red%20one,quick"]),
        (":~:text=a-,quick", ["text=a-,quick"]),
        (":~:text=fox&text=dog", ["text=dog"]),
        (":~:text=quick,-fox", ["text=quick,-fox"]),
    ],
)
def test_quotes_what_is_not_there(fragment: str, missing: list[str]) -> None:
    assert missing_texts(fragment, TEXT) == missing
