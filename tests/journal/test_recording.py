"""Recordings: what is written is read back, whole, by whoever plays it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sockwright.backstage import PIECE
from sockwright.errors import ConfigError
from sockwright.journal import recording
from sockwright.journal.connections import Connection
from sockwright.journal.recording import Recorder, Said, read, written
from sockwright.journal.records import ENDED, NOTE, OPENED, RECEIVED, SENT, Ended, Opened, Record
from sockwright.journal.transcript import transcript_of

OPEN = Opened("tcp", "tap", "tcp://127.0.0.1:1", "127.0.0.1:1", "127.0.0.1:50000", "", "tap")


def tape(path: Path, records: list[Record]) -> None:
    with Recorder(path, {"listen": "tcp://:1"}) as recorder:
        now = recorder._began
        recorder.tape([(kind, number, now + when, payload, size) for kind, number, when, payload, size, *_ in records])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=50)), max_size=20))
def test_every_byte_comes_back_in_its_piece(
    tmp_path_factory: pytest.TempPathFactory, said: list[tuple[bool, bytes]]
) -> None:
    path = tmp_path_factory.mktemp("tape") / "запись.jsonl"
    records: list[Record] = [(OPENED, 7, 0.5, OPEN, 0)]
    records += [(RECEIVED if by else SENT, 7, 1.0 + place, data, len(data)) for place, (by, data) in enumerate(said)]
    records.append((ENDED, 7, 99.0, Ended("peer", "rst", "", 0, 0, 0, 0), 0))
    tape(path, records)
    (take,) = read(path)
    assert [(one.by == "client", one.data) for one in take.said] == said
    assert [one.time for one in take.said] == pytest.approx([0.5 + place for place in range(len(said))], abs=2e-6)
    assert (take.peer, take.end, take.ended_by) == ("127.0.0.1:50000", "rst", "client")


def test_many_and_large_pieces_stay_in_order(tmp_path: Path) -> None:
    said = [str(number).encode() for number in range(2 * PIECE + 5)]
    said[10] = bytes(recording.PIECE_BYTES + 1)
    said[11] = b"\xff" * recording.PIECE_BYTES
    tape(tmp_path / "r", [(OPENED, 1, 0, OPEN, 0), *((RECEIVED, 1, 0.25, data, len(data)) for data in said)])
    (take,) = read(tmp_path / "r")
    assert [one.data for one in take.said] == said


def test_what_the_disk_cannot_keep_up_with_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "MOST_WAITING", 10)
    monkeypatch.setattr(recording, "TICK", 60.0)  # nothing is written before the end
    with Recorder(tmp_path / "r", {}) as recorder:
        for kind, data in ((RECEIVED, b"12345"), (RECEIVED, b"1234567"), (RECEIVED, b"67890"), (SENT, b"!")):
            recorder.tape([(kind, 1, recorder._began, data, len(data))])
    assert '"lost",2]' in (tmp_path / "r").read_text()
    (take,) = read(tmp_path / "r")
    assert take.bytes_from("client") == b"1234567890"
    assert take.bytes_from("server") == b""
    assert take.lost


def test_text_is_readable_in_the_file(tmp_path: Path) -> None:
    tape(
        tmp_path / "r",
        [(OPENED, 1, 0, OPEN, 0), (RECEIVED, 1, 0.25, "привет\r\n".encode(), 14), (SENT, 1, 0.5, b"\xff", 1)],
    )
    lines = (tmp_path / "r").read_text("utf-8").splitlines()
    assert lines[2].startswith("[1,25") or lines[2].startswith("[1,249999")
    assert lines[2].endswith('">","привет\\r\\n"]')
    assert lines[3].endswith('"<",null,"/w=="]')


def test_the_journal_makes_the_same_recording(tmp_path: Path) -> None:
    records: list[Record] = [
        (OPENED, 3, 10.0, OPEN, 0),
        (RECEIVED, 3, 10.5, b"ask", 3),
        (SENT, 3, 11.0, b"answer", 6),
        (RECEIVED, 3, 11.5, b"", 0),
        (NOTE, 3, 12.0, ("half-close", {"by": "target"}), 0),
    ]
    end = Ended("target", "fin", "", 3, 1, 6, 1)
    connection = Connection(3, OPEN, 10.0, 12.5, end)
    (tmp_path / "r").write_bytes(b"".join(written([transcript_of(connection, records)])))
    (take,) = read(tmp_path / "r")
    assert take.said == [
        Said(0.5, "client", b"ask"),
        Said(1.0, "server", b"answer"),
        Said(1.5, "client", b""),
        Said(2.0, "server", b""),
    ]
    assert (take.end, take.ended_by) == ("fin", "server")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("hello\n", "line 1"),
        ('["something else", 1, {}]\n', "is not a recording"),
        ('["sockwright recording", 9, {}]\n', "version"),
        ('["sockwright recording", 1, {}]\n', "no connection"),
        ('["sockwright recording", 1, {}]\n[1, 0, ">", 5]\n', "line 2"),
        ('["sockwright recording", 1, {}]\n[1, -5, ">", "x"]\n', "line 2"),
        ('["sockwright recording", 1, {}]\n[1, 0, ">", null, "%"]\n', "base64"),
        ('["sockwright recording", 1, {}]\n[1, 0, "sideways", "x"]\n', "sideways"),
    ],
)
def test_what_is_no_recording_is_told_with_its_line(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "r").write_text(content, "utf-8")
    with pytest.raises(ConfigError, match=said):
        read(tmp_path / "r")
