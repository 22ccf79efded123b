"""Gzip undone with a limit."""

from __future__ import annotations

import gzip
import time

from sockwright.links.inflate import INFLATED, inflate


def test_whole() -> None:
    assert inflate(gzip.compress(b"content")) == (b"content", "")
    assert inflate(gzip.compress(b"one") + gzip.compress(b"two")) == (b"onetwo", "")
    assert inflate(gzip.compress(b"one") + b"\x00\x00") == (b"one", "")
    assert inflate(gzip.compress(b"")) == (b"", "")


def test_broken_and_cut() -> None:
    assert inflate(b"\x1f\x8bnonsense") == (b"", "gzip: the data are broken")
    content, cut = inflate(gzip.compress(bytes(range(256)) * 100)[:-20])
    assert cut == "gzip: the end is missing"
    assert content


def test_a_bomb_ends_at_the_limit() -> None:
    bomb = gzip.compress(b"\0" * (200 * 1024 * 1024), 9)
    begun = time.process_time()
    content, cut = inflate(bomb)
    assert len(content) == INFLATED
    assert "first" in cut
    assert time.process_time() - begun < 2
    assert inflate(gzip.compress(b"12345"), 5) == (b"12345", "")
    assert inflate(gzip.compress(b"12345"), 4) == (b"1234", "gzip: only the first 4 bytes were read")
