"""What hosted programs complain about, on its way to a terminal."""

from __future__ import annotations

import threading

import pytest

from sockwright.hosts import log
from sockwright.hosts.log import Complaints, ErrorStream, trace_of


def test_texts_are_written_in_order_as_lines_of_their_own() -> None:
    written: list[str] = []
    complaints = Complaints(written.append)
    for text in ("one", "two\n", "three"):
        complaints.say(text)
    complaints.flush()
    assert written == ["one\n", "two\n", "three\n"]
    complaints.say("four")
    complaints.flush()
    assert written[-1] == "four\n"


def test_the_same_again_and_again_is_counted() -> None:
    written: list[str] = []
    complaints = Complaints(written.append)
    for text in ("boom", "boom", "boom", "other"):
        complaints.say(text)
    complaints.flush()
    assert written == ["boom\n", "(the last one came 2 times more)\n", "other\n"]


def test_a_terminal_that_takes_nothing_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "QUIET", 0.01)
    written: list[str] = []
    told, opened = threading.Event(), threading.Event()

    def write(text: str) -> None:
        opened.wait(5)
        written.append(text)
        if "too many" in text:
            told.set()

    complaints = Complaints(write)
    for number in range(log.WAITING * 3):
        complaints.say(f"{number}")
    opened.set()
    assert told.wait(5)
    complaints.flush()
    assert written[0] == "0\n"
    lost = int(written[-1].strip("(").split()[0])
    assert len(written) - 1 + lost == log.WAITING * 3


def test_a_trace_begins_with_the_applications_own_lines() -> None:
    try:
        ErrorStream(lambda text: 1 / 0).write("x")
    except ZeroDivisionError as broken:
        trace = trace_of(broken)
    assert "ZeroDivisionError" in trace
    assert "hosts/log.py" in trace  # it stands between lines that are not ours, so it stays
    assert trace.count("File") == 3


def test_bytes_have_no_place_in_a_log() -> None:
    with pytest.raises(TypeError, match="not bytes"):
        ErrorStream(print).write(b"x")  # type: ignore[arg-type]
