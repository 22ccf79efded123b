"""Which fragments a browser finds."""

from __future__ import annotations

import pytest

from sockwright.links.fragment import fragment_found

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
