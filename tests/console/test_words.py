"""The words on the screen: the same in each language, all used, none missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sockwright.console
from sockwright.console.pages import SCREENS
from sockwright.console.words import FORMS, LANGUAGES, language, word, words

ROOM = Path(sockwright.console.__file__).parent
# What each language's numbers need (CLDR, cardinal).
PLURALS = {"en": {"one", "other"}, "ru": {"one", "few", "many", "other"}}


def names(tables: Any) -> Iterator[str]:
    for table, entries in tables.items():
        for key in entries:
            yield f"{table}.{key}"


def sources() -> Iterator[tuple[str, str]]:
    for path in sorted([*ROOM.glob("templates/*.html"), *ROOM.glob("static/**/*.js"), *ROOM.glob("*.py")]):
        yield path.name, path.read_text("utf-8")


def used() -> set[str]:
    """Return every word that a page or script names: `t("table.key")`, or a map of names that `t` is asked from."""
    tables = "|".join(words("en"))
    found = {name for _, text in sources() for name in re.findall(rf"[\"'`]((?:{tables})\.\w+)[\"'`]", text)}
    found = {name for name in found if not name.endswith((".html", "_"))}
    for screen, *_ in SCREENS:  # templates/base.html makes these of the list of screens
        found |= {f"shell.{screen}"}
    found |= {f"shell.theme_{theme}" for theme in ("system", "light", "dark")}
    return found | {f"{screen}.title" for screen in {"help", *(one for one, *_ in SCREENS)}} & set(names(words("en")))


@pytest.mark.parametrize("other", LANGUAGES[1:])
def test_each_language_has_the_same_words(other: str) -> None:
    assert set(names(words("en"))) == set(names(words(other)))


def test_no_word_is_missing_and_none_is_useless() -> None:
    assert used() == set(names(words("en")))


@pytest.mark.parametrize("spoken", LANGUAGES)
def test_words_that_depend_on_a_number_have_all_forms(spoken: str) -> None:
    for table, entries in words(spoken).items():
        for key, said in entries.items():
            if not isinstance(said, str):
                assert set(said) == PLURALS[spoken] <= FORMS, f"{spoken}: {table}.{key}"


@pytest.mark.parametrize("other", LANGUAGES[1:])
def test_what_is_filled_in_is_the_same_in_each_language(other: str) -> None:
    def blanks(said: Any) -> set[str]:
        return set(re.findall(r"\{(\w+)\}", said if isinstance(said, str) else " ".join(said.values())))

    for table, entries in words("en").items():
        for key, said in entries.items():
            assert blanks(said) - {"count"} == blanks(words(other)[table][key]) - {"count"}, f"{table}.{key}"


def test_the_russian_is_russian() -> None:
    names = r"JavaScript|[A-Z]{2,}[\w-]*|\b(?:Enter|Esc|Tab|Python|curl|nc)\b"
    foreign = re.compile(rf"`[^`]*`|\{{\w+\}}|sockwright[ \w]+|[a-z]+:[a-z]+|{names}")
    for table, entries in words("ru").items():
        for key, said in entries.items():
            for text in [said] if isinstance(said, str) else said.values():
                rest = foreign.sub("", text)
                latin, cyrillic = len(re.findall(r"[a-zA-Z]", rest)), len(re.findall(r"[а-яёА-ЯЁ]", rest))
                assert latin <= cyrillic, f"{table}.{key}: {text}"


def test_a_word_is_filled_in() -> None:
    assert word("en", "api.refused", status=409) == "The bench refused this (status 409)"
    assert word("ru", "unit.ms", n=3) == "3 мс"


def test_a_word_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError):
        word("en", "shell.nonsense")


@pytest.mark.parametrize(
    ("accepted", "chosen", "spoken"),
    [
        ("", "", "en"),
        ("ru-RU,ru;q=0.9,en;q=0.8", "", "ru"),
        ("de,en;q=0.5,ru;q=0.7", "", "ru"),
        ("ru;q=0,en;q=0.1", "", "en"),
        ("ru;q=nonsense", "", "en"),
        ("ru", "en", "en"),
        ("en", "ru", "ru"),
        ("en", "tlh", "en"),
        ("*", "", "en"),
        (",;=,;q=;;", "", "en"),
    ],
)
def test_the_language_is_what_was_chosen_else_what_the_browser_would_rather(
    accepted: str, chosen: str, spoken: str
) -> None:
    assert language(accepted, chosen) == spoken
