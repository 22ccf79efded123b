"""The words of the codebook's bench: enciphered and plain, as many as wanted, always the same."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence


def enciphered(number: int) -> bytes:
    """Return a word of six to eight letters."""
    return b"w%x" % (number * 2_654_435_761 % 2**32)


def plain(number: int) -> bytes:
    """Return its meaning, of about the same length."""
    return b"p%x" % (number * 2_246_822_519 % 2**32)


def book(count: int) -> Mapping[bytes, bytes]:
    """Return a book of `count` words."""
    return {enciphered(number): plain(number) for number in range(count)}


def lists(count: int, size: int, how_many: int) -> Sequence[Sequence[int]]:
    """Return lists of `size` numbers of words each; where one takes all words, they come in another order."""
    chance = random.Random(1)
    if size >= count:
        return [chance.sample(range(count), count) for _ in range(how_many)]
    return [[chance.randrange(count) for _ in range(size)] for _ in range(how_many)]
