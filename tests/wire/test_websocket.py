from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sockwright.errors import PeerError
from sockwright.wire.websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    TEXT,
    FrameReader,
    Message,
    accept_key,
    close_frame,
    frame,
    may_be_sent,
    unmasked,
)


def sent(opcode: int, payload: bytes, mask: bytes = b"\x01\x02\x03\x04", *, fin: bool = True) -> bytes:
    """Return a frame as a client sends it."""
    made = bytearray(frame(opcode, payload))
    head = len(made) - len(payload)
    made[0] = (0x80 if fin else 0) | opcode
    made[1] |= 0x80
    return bytes(made[:head]) + mask + unmasked(payload, mask)


def test_the_key_of_the_standard() -> None:
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455, 1.3


@pytest.mark.parametrize("key", ["", "dGhl", "ж", "dGhlIHNhbXBsZSBub25jZQ==x", "dGhlIHNhbXBsZSBub25j\nZQ=="])
def test_what_is_no_key(key: str) -> None:
    assert accept_key(key) is None


def test_the_frames_of_the_standard() -> None:  # RFC 6455, 5.7
    assert frame(TEXT, b"Hello") == bytes.fromhex("810548656c6c6f")
    assert FrameReader().feed(bytes.fromhex("818537fa213d7f9f4d5158")) == [Message(TEXT, b"Hello")]
    assert frame(BINARY, bytes(256))[:4] == bytes.fromhex("827e0100")
    assert frame(BINARY, bytes(65536))[:10] == bytes.fromhex("827f0000000000010000")


MESSAGES = st.lists(
    st.tuples(
        st.sampled_from([TEXT, BINARY]),
        st.lists(st.text(max_size=200), min_size=1, max_size=4),
        st.binary(min_size=4, max_size=4),
        st.booleans(),
    ),
    max_size=5,
)


@given(MESSAGES, st.lists(st.integers(1, 60), min_size=1, max_size=20))
def test_messages_come_whole_wherever_they_were_cut(
    messages: list[tuple[int, list[str], bytes, bool]], cuts: list[int]
) -> None:
    stream, wanted = b"", []
    for opcode, parts, mask, pings in messages:
        for number, part in enumerate(parts):
            fin = number == len(parts) - 1
            stream += sent(CONTINUATION if number else opcode, part.encode(), mask, fin=fin)
            if pings and not fin:
                stream += sent(PING, b"?")
                wanted.append(Message(PING, b"?"))
        wanted.append(Message(opcode, "".join(parts).encode()))
    reader = FrameReader()
    came: list[Message] = []
    at = turn = 0
    while at < len(stream):
        size = cuts[turn % len(cuts)]
        came += reader.feed(stream[at : at + size])
        at, turn = at + size, turn + 1
    assert came == wanted


@given(st.sampled_from([TEXT, BINARY, PING]), st.binary(max_size=125).filter(lambda raw: raw.isascii()))
def test_what_we_write_can_be_read(opcode: int, payload: bytes) -> None:
    assert FrameReader().feed(sent(opcode, payload)) == [Message(opcode, payload)]


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (frame(TEXT, b"x"), 1002, "not masked"),
        (b"\xc1\x80", 1002, "reserved bit"),
        (b"\x83\x80", 1002, "no opcode 3"),
        (sent(PING, b"x", fin=False), 1002, "control frame"),
        (b"\x89\xfe\x00\x7e", 1002, "longer than 125"),
        (b"\x81\xfe\x00\x05", 1002, "fewest bytes"),
        (b"\x81\xff\x00\x00\x00\x00\x00\x00\x01\x00", 1002, "fewest bytes"),
        (b"\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00", 1002, "fewest bytes"),
        (sent(CONTINUATION, b"x"), 1002, "continuation of nothing"),
        (sent(TEXT, b"x", fin=False) + sent(TEXT, b"y"), 1002, "within another"),
        (sent(TEXT, b"\xff"), 1007, "not UTF-8"),
        (sent(TEXT, "ж".encode()[:1], fin=False) + sent(CONTINUATION, b""), 1007, "not UTF-8"),
        (sent(CLOSE, b"\x03"), 1002, "no code"),
        (sent(CLOSE, b"\x03\xed"), 1002, "no code"),
        (sent(CLOSE, b"\x03\xe8\xff"), 1007, "not UTF-8"),
        (sent(BINARY, bytes(1001)), 1009, "longer than the 1000"),
        (sent(BINARY, bytes(600), fin=False) + sent(CONTINUATION, bytes(401)), 1009, "longer than the 1000"),
    ],
)
def test_what_breaks_a_rule_says_which(data: bytes, code: int, words: str) -> None:
    with pytest.raises(PeerError, match=words) as caught:
        FrameReader(1000).feed(data)
    assert caught.value.code == code
    assert caught.value.section.startswith("RFC 6455")
    with pytest.raises(PeerError, match=words):
        byte_by_byte(FrameReader(1000), data)


def byte_by_byte(reader: FrameReader, data: bytes) -> None:
    for byte in data:
        reader.feed(bytes((byte,)))


def test_a_length_that_is_too_long_is_refused_before_it_comes() -> None:
    with pytest.raises(PeerError, match="longer than the 1000"):
        FrameReader(1000).feed(b"\x82\xff\x00\x00\x00\x10\x00\x00\x00\x00")


def test_the_offset_is_that_of_the_frame() -> None:
    with pytest.raises(PeerError) as caught:
        FrameReader(offset=100).feed(sent(TEXT, b"abc") + b"\xc1\x80")
    assert caught.value.offset == 109


def test_nothing_behind_a_close_counts() -> None:
    assert FrameReader().feed(sent(CLOSE, b"\x03\xe8bye") + b"\xff\xff") == [Message(CLOSE, b"\x03\xe8bye")]


def test_reasons_are_cut_between_characters() -> None:
    made = close_frame(1000, "ж" * 100)
    assert len(made) == 2 + 2 + 122
    assert made[4:].decode() == "ж" * 61
    assert close_frame(1005) == b"\x88\x00"


def test_codes_that_stand_for_no_close_frame_are_not_sent() -> None:
    assert [code for code in (999, 1000, 1004, 1005, 1006, 1007, 1011, 1014, 1015, 2999, 3000, 4999, 5000) if
            may_be_sent(code)] == [1000, 1007, 1011, 1014, 3000, 4999]  # fmt: skip
