"""Ciphers that make a codebook of a word list: `caesar:3`, `atbash`, `keyword:WORD`, `sha256`.

Exercises, not secrecy. Letters of the Latin alphabet (26) and of the Russian one (33, with Ё behind Е) are each
replaced within their own; capitals stay capitals, all else stays as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from sockwright.config import suggest
from sockwright.errors import ConfigError

LATIN = "abcdefghijklmnopqrstuvwxyz"
RUSSIAN = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"
CIPHERS = ("caesar:N", "atbash", "keyword:WORD", "sha256")

Encipher = Callable[[str], str]


def cipher(name: str) -> Encipher:
    """Return what enciphers one word.

    Raises: ConfigError naming the ciphers there are.
    """
    kind, _, key = name.partition(":")
    match kind.lower():
        case "caesar":
            try:
                shift = int(key)
            except ValueError:
                raise ConfigError(f"{name!r} does not say how far to shift", cure="write it like caesar:3") from None
            return _replace(lambda letters: letters[shift % len(letters) :] + letters[: shift % len(letters)])
        case "atbash" if not key:
            return _replace(lambda letters: letters[::-1])
        case "keyword":
            word = key.lower()
            if not any(letter in LATIN + RUSSIAN for letter in word):
                raise ConfigError(f"{name!r} has no keyword of letters", cure="write it like keyword:zebra")
            return _replace(lambda letters: _keyed(word, letters))
        case "sha256" if not key:
            return lambda text: hashlib.sha256(text.encode()).hexdigest()
    raise ConfigError(
        f"there is no cipher {name!r}.{suggest(kind, [one.partition(':')[0] for one in CIPHERS])}",
        cure=f"ciphers: {', '.join(CIPHERS)}",
    )


def _keyed(word: str, letters: str) -> str:
    """Return `letters` with those of `word` first, each once."""
    return "".join(dict.fromkeys([letter for letter in word if letter in letters] + list(letters)))


def _replace(order: Callable[[str], str]) -> Encipher:
    table: dict[int, str] = {}
    for letters in (LATIN, RUSSIAN):
        for plain, letter in zip(letters, order(letters), strict=True):
            table[ord(plain)] = letter
            table[ord(plain.upper())] = letter.upper()
    return lambda text: text.translate(table)
