from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sockwright.errors import ConfigError, PeerError
from sockwright.wire.framing import LONGEST, framing

Seen = tuple[list[bytes], str]


def cut(name: str, pieces: Sequence[bytes], limit: int = LONGEST) -> Seen:
    """Return the frames of a stream that comes in `pieces`, and the complaint it ends with."""
    frames: list[bytes] = []
    ours = framing(name, limit)
    try:
        for piece in pieces:
            frames += ours.feed(piece)
        rest = ours.finish()
        if rest is not None:
            frames.append(rest)
    except PeerError as broken:
        return frames, str(broken)
    return frames, ""


def pieces_of(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted(at % (len(data) + 1) for at in cuts), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


EXAMPLES = [
    ("line", b"one\ntwo\r\n\nfour", [b"one", b"two", b"", b"four"]),
    ("line", b"", []),
    ("line", b"a\r\r\n", [b"a\r"]),
    ("line", "слово\nещё\n".encode(), ["слово".encode(), "ещё".encode()]),
    ("crlf", b"one\r\nt\nw\ro\r\n\r\nrest\r", [b"one", b"t\nw\ro", b"", b"rest\r"]),
    ("len2", b"\x00\x03abc\x00\x00\x00\x01x", [b"abc", b"", b"x"]),
    ("len4", b"\x00\x00\x00\x03abc\x00\x00\x00\x00", [b"abc", b""]),
    ("fixed:3", b"abcdef", [b"abc", b"def"]),
    ("eof", b"all\nof\x00it", [b"all\nof\x00it"]),
    ("eof", b"", [b""]),
    ("raw", b"", []),
]


@pytest.mark.parametrize(("name", "data", "frames"), EXAMPLES)
def test_frames_do_not_depend_on_the_cuts(name: str, data: bytes, frames: list[bytes]) -> None:
    assert cut(name, [data]) == (frames, "")
    assert cut(name, [data[at : at + 1] for at in range(len(data))]) == (frames, "")
    for at in range(len(data)):
        assert cut(name, [data[:at], b"", data[at:]]) == (frames, "")


@given(
    st.sampled_from(["line", "crlf", "len2", "len4", "fixed:3", "eof"]),
    st.lists(st.one_of(st.sampled_from([b"\n", b"\r", b"\r\n", b"\x00", b"\x00\x05", b"abcdef"]), st.binary())),
    st.lists(st.integers(min_value=0)),
)
def test_any_cut_of_any_stream_gives_the_same_frames_and_the_same_complaint(
    name: str, parts: list[bytes], cuts: list[int]
) -> None:
    data = b"".join(parts)
    assert cut(name, pieces_of(data, cuts), limit=5) == cut(name, [data], limit=5)


@pytest.mark.parametrize("name", ["line", "crlf", "len2", "len4", "fixed:2"])
@given(frames=st.lists(st.binary(min_size=2, max_size=2).filter(lambda frame: not {10, 13} & set(frame))))
def test_what_is_encoded_comes_back(name: str, frames: list[bytes]) -> None:
    said = framing(name).encode_all(frames)
    assert said == b"".join(map(framing(name).encode, frames))
    assert cut(name, [said]) == (frames, "")


def test_raw_hands_on_what_each_read_brought() -> None:
    assert cut("raw", [b"a\n", b"", b"b"]) == ([b"a\n", b"b"], "")


@pytest.mark.parametrize(
    ("name", "data", "offset"),
    [
        ("line", b"ok\n12345\r\n123456\n", 10),
        ("line", b"ok\n123456", 3),
        ("line", b"123456\n", 0),
        ("crlf", b"ok\r\n12345\r\n1234\r6\r\n", 11),
        ("crlf", b"12345\r\n123456", 7),
        ("len2", b"\x00\x05abcde\x00\x06", 7),
        ("len4", b"\xff\xff\xff\xff", 0),
        ("eof", b"123456", 0),
    ],
)
def test_a_frame_above_the_limit_is_told_with_its_place_after_the_frames_in_front(
    name: str, data: bytes, offset: int
) -> None:
    frames, complaint = cut(name, [data], limit=5)
    assert complaint.endswith(f"at byte {offset}")
    assert "5 bytes allowed" in complaint or "at most 5" in complaint
    assert cut(name, [data[at : at + 1] for at in range(len(data))], limit=5) == (frames, complaint)


def test_a_broken_stream_says_so_at_once_and_stays_broken() -> None:
    ours = framing("line", limit=5)
    assert ours.feed(b"ok\n123456") == [b"ok"]
    assert ours.broken is not None
    for _ in range(2):
        with pytest.raises(PeerError, match="longer than the 5 bytes"):
            ours.feed(b"\n")
    with pytest.raises(PeerError):
        ours.finish()


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("len2", b"\x00\x03ab", "2 of its 3 bytes came"),
        ("len4", b"\x00\x01x\x00\x00", "1 of its 96256 bytes came"),
        ("len4", b"\x00\x00", "2 of the 4 bytes of its length"),
        ("fixed:4", b"abcdef", "2 of its 4 bytes came"),
    ],
)
def test_a_stream_that_ends_inside_a_frame_is_the_peers_fault(name: str, data: bytes, words: str) -> None:
    assert words in cut(name, [data])[1]


def test_an_endless_line_in_small_pieces_neither_copies_nor_grows() -> None:
    ours = framing("line", limit=1 << 20)
    for _ in range(1 << 20):  # were it copied each time, this would take minutes
        assert ours.feed(b"x") == []
    with pytest.raises(PeerError):
        ours.feed(b"x")


@pytest.mark.parametrize("name", ["", "lines", "len3", "fixed", "fixed:", "fixed:0", "fixed:-1", "fixed:²", "line:2"])
def test_an_unknown_framing_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(ConfigError) as refused:
        framing(name)
    assert refused.value.cure


def test_a_length_that_cannot_be_said_is_refused() -> None:
    assert framing("len2").encode(b"x" * 65535)[:2] == b"\xff\xff"
    with pytest.raises(ValueError, match="at most 65535"):
        framing("len2").encode(b"x" * 65536)
    with pytest.raises(ValueError, match="says 4 and no other"):
        framing("fixed:4").encode(b"abc")
