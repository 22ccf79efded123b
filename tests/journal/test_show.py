from __future__ import annotations

import pytest

from sockwright.journal.connections import Connection
from sockwright.journal.records import (
    EXCHANGED,
    FAULT,
    FIN,
    NOTE,
    OMITTED,
    OPENED,
    RECEIVED,
    SENT,
    Ended,
    Opened,
    Record,
)
from sockwright.journal.show import hexdump, is_binary, told
from sockwright.journal.transcript import Transcript, transcript_of

NOW = 1_795_000_000.25
OPEN = Opened("tcp", "echo", "tcp://127.0.0.1:7007", "127.0.0.1:7007", "127.0.0.1:51044")


def made(records: list[Record], ended: Ended | None = None, opened: Opened = OPEN, until: float = 1.0) -> Transcript:
    connection = Connection(17, opened, NOW, NOW + until if ended else None, ended)
    return transcript_of(connection, [(OPENED, 17, NOW, opened, 0), *records])


def test_who_said_what_when_in_which_chunks() -> None:
    transcript = made(
        [
            (RECEIVED, 17, NOW, b"hel", 3),
            (RECEIVED, 17, NOW + 0.25, "lo\nмир".encode(), 9),
            (SENT, 17, NOW + 2.5, b"\x1b[2Jhi\r\n", 8),
            (RECEIVED, 17, NOW + 2.5, b"", 0),
        ],
        Ended("peer", FIN, "", 12, 2, 8, 1),
        until=2.503,
    )
    lines = list(told(transcript))
    assert lines[0] == "#17 tcp echo  127.0.0.1:51044 -> 127.0.0.1:7007"
    assert lines[1].startswith("  opened 20")
    assert lines[1].endswith(".250  tcp://127.0.0.1:7007")
    assert lines[2:] == [
        "  +   0.000  peer  3 B",
        "            | hel",
        "  +   0.250  peer  9 B",
        "            | lo\\n",
        "            | мир",
        "            ... 2.25 s of silence",
        "  +   2.500  us    8 B",
        "            | \\x1b[2Jhi\\r\\n",
        "  +   2.500  peer  has said all (FIN)",
        "  peer closed first (FIN) after 2.5 s",
        "  peer said 12 B in 2 chunks, we said 8 B in 1 chunk",
    ]


def test_binary_is_a_hexdump_and_hex_is_for_the_asking() -> None:
    lines = list(told(made([(RECEIVED, 17, NOW, bytes(range(20)), 20)])))
    assert "            000000  00 01 02 03 04 05 06 07  08 09 0a 0b 0c 0d 0e 0f  ................" in lines
    assert "            000010  10 11 12 13                                       ...." in lines
    text = made([(SENT, 17, NOW, b"hello", 5)])
    assert any("68 65 6c 6c 6f" in line for line in told(text, as_hex=True))
    assert not any("68 65 6c 6c 6f" in line for line in told(text))


def test_gaps_cuts_notes_and_faults_are_told() -> None:
    transcript = made(
        [
            (EXCHANGED, 17, NOW, b"x" * 1024, 65536, b"", 0),
            (OMITTED, 0, NOW, {17: 1234, 18: 5}, 0),
            (NOTE, 17, NOW, ("failed", {"message": "KeyError: \x07", "trace": "Traceback\n  File x\n"}), 0),
            (FAULT, 17, NOW, ("cut", "to client", "after 100 bytes"), 0),
        ],
        Ended("us", "limit", "too long\n", 10**6, 1300, 0, 0),
    )
    text = "\n".join(told(transcript))
    assert "peer  65,536 B, of which 1,024 B were kept" in text
    assert "1,234 records are left out here" in text
    assert (
        "note  failed\n            ! message: KeyError: \\x07\n            ! trace: Traceback\n            !   File x"
        in text
    )
    assert "fault cut to client after 100 bytes" in text
    assert "over a limit: too long\\n after 1 s" in text
    assert "not kept of what peer said: 934,464 B in 1,299 chunks" in text
    assert "not kept of what we said" not in text


def test_a_long_chunk_is_shown_whole_only_for_the_asking() -> None:
    transcript = made([(RECEIVED, 17, NOW, b"line\n" * 10_000, 50_000)])
    short = list(told(transcript))
    assert short[-3] == "            ... and 33,616 B more (--all shows them)"
    assert len(list(told(transcript, whole=True))) > 10_000


def test_an_open_connection_and_one_whose_beginning_is_gone() -> None:
    connection = Connection(17, OPEN, NOW)
    lines = list(told(transcript_of(connection, [(RECEIVED, 17, NOW + 1, b"x", 1)])))
    assert lines[2:4] == ["  +   0.000  ...   what came before is not kept any more", "            ... 1 s of silence"]
    assert "  still open" in lines


def test_datagrams_are_no_stream() -> None:
    opened = Opened("udp", "echo", "", "127.0.0.1:7", "127.0.0.1:8")
    text = "\n".join(told(made([(RECEIVED, 17, NOW, b"", 0), (SENT, 17, NOW, b"pong", 4)], opened=opened)))
    assert "peer  an empty datagram" in text
    assert "peer said 0 B in 1 datagram, we said 4 B in 1 datagram" in text


@pytest.mark.parametrize(
    ("data", "binary"),
    [
        (b"", False),
        (b"hello\r\n\t\x1b[1m", False),
        ("Привет, мир".encode(), False),
        ("Привет, мир".encode()[1:-1], False),  # cut inside characters
        ("я".encode()[:1], False),
        (b"\xff\xfe\xfd\xfc", True),
        (b"\x80\x81\x82\x83\x84", True),
        (b"a\0b" + b"c" * 100, True),
        (b"caf\xe9 au lait, s'il vous pla\xeet", False),  # Latin-1: mostly text
    ],
)
def test_what_is_better_read_in_hexadecimal(data: bytes, binary: bool) -> None:
    assert is_binary(data) is binary


def test_hexdump_of_nothing() -> None:
    assert list(hexdump(b"")) == []
