"""Every word on the screen, in each language: `texts/LANGUAGE.toml`, one table per part of the console.

A word is named by its table and its key, `traffic.pause`. What depends on a number is a table of the plural forms that
the language has (CLDR: one, few, many, other); the page chooses among them, since only there the number is known.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

# The first is spoken where nobody asks for another.
LANGUAGES = ("en", "ru")
# CLDR's names of plural forms.
FORMS = frozenset({"zero", "one", "two", "few", "many", "other"})
# Of `Accept-Language` so many entries are read (a browser sends two to six).
MOST_WANTED = 20

_FOLDER = Path(__file__).parent / "texts"

Words = Mapping[str, Mapping[str, Any]]


@cache
def words(language: str) -> Words:
    """Return the tables of `language`, one of LANGUAGES."""
    return tomllib.loads((_FOLDER / f"{language}.toml").read_text("utf-8"))


def word(language: str, name: str, **about: object) -> str:
    """Return the word called `name` (`table.key`), with `{what}` filled in from `about`.

    Raises: KeyError where there is none, TypeError where it depends on a number.
    """
    table, _, key = name.partition(".")
    found = words(language)[table][key]
    if not isinstance(found, str):
        raise TypeError(f"{name} depends on a number, which only the page knows")
    return found.format_map(about) if about else found


def language(accepted: str = "", chosen: str = "") -> str:
    """Return the language to speak: `chosen`, else the best that `Accept-Language` names (RFC 9110, 12.5.4)."""
    if chosen in LANGUAGES:
        return chosen
    wanted: list[tuple[float, int, str]] = []
    for place, entry in enumerate(accepted.split(",")[:MOST_WANTED]):
        tag, _, weight = entry.partition(";")
        main = tag.strip().lower().partition("-")[0]
        if main in LANGUAGES:
            wanted.append((-_weight(weight), place, main))
    return next((main for weight, _, main in sorted(wanted) if weight < 0), LANGUAGES[0])


def _weight(text: str) -> float:
    name, _, value = text.strip().partition("=")
    if not name:
        return 1.0
    try:
        return min(1.0, max(0.0, float(value))) if name.strip().lower() == "q" else 1.0
    except ValueError:
        return 0.0
