from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sockwright.errors import PeerError
from sockwright.wire.content import LAST_CHUNK, ChunkedReader, CloseReader, ContentReader, LengthReader, chunk


def read(reader: ContentReader, data: bytes, cuts: list[int]) -> tuple[bytes, bytes]:
    edges = [0, *sorted(at % (len(data) + 1) for at in cuts), len(data)]
    content = b"".join(piece for a, b in itertools.pairwise(edges) for piece in reader.feed(data[a:b]))
    return content, reader.rest


@given(st.lists(st.binary(max_size=30), max_size=6), st.lists(st.integers(0, 300), max_size=8), st.binary(max_size=5))
def test_chunks_are_read_however_they_are_cut(pieces: list[bytes], cuts: list[int], behind: bytes) -> None:
    coded = b"".join(map(chunk, pieces)) + LAST_CHUNK
    reader = ChunkedReader()
    assert read(reader, coded + behind, cuts) == (b"".join(pieces), behind)
    assert reader.done
    assert reader.received == len(b"".join(pieces))
    assert reader.offset == len(coded)


@given(st.binary(max_size=30), st.lists(st.integers(0, 300), max_size=8), st.binary(max_size=5))
def test_a_length_is_kept_to_however_it_is_cut(content: bytes, cuts: list[int], behind: bytes) -> None:
    reader = LengthReader(len(content))
    assert read(reader, content + behind, cuts) == (content, behind)
    assert reader.done


def test_extensions_are_ignored_and_trailers_kept() -> None:
    reader = ChunkedReader()
    data = b'5;a;b="c d" ; e\r\nhello\r\n0;x\r\nExpires: never\r\nA: b\r\n\r\n'
    assert read(reader, data, []) == (b"hello", b"")
    assert list(reader.trailers) == [("Expires", "never"), ("A", "b")]


def test_what_was_announced_is_known_before_it_comes() -> None:
    reader = ChunkedReader()
    reader.feed(b"3\r\nabc\r\nfff\r\nx")
    assert (reader.received, reader.announced) == (4, 3 + 0xFFF)


def test_a_byte_a_time_costs_no_more_than_it_must() -> None:
    reader = ChunkedReader()
    data = b"1;" + b"x" * 200 + b"\r\ny\r\n"
    for at in range(len(data)):
        reader.feed(data[at : at + 1])
    assert reader.received == 1


def test_to_the_end_of_the_stream() -> None:
    reader = CloseReader()
    assert reader.feed(b"abc") == [b"abc"]
    assert not reader.done
    reader.end_of_stream()
    assert reader.done


@pytest.mark.parametrize("reader", [LengthReader(5), ChunkedReader()])
def test_missing_content_is_not_success(reader: ContentReader) -> None:
    reader.feed(b"1\r\n")
    with pytest.raises(PeerError, match="ended after"):
        reader.end_of_stream()
