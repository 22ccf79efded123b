from __future__ import annotations

import time

import pytest

from sockwright.journal.connections import Connection, bytes_words, clock, duration_words
from sockwright.journal.journal import Journal
from sockwright.journal.records import (
    ENDED,
    ERROR,
    FAULT,
    FIN,
    LIMIT,
    NOTE,
    OPENED,
    RECEIVED,
    RST,
    STOPPED,
    TIMEOUT,
    Ended,
    Entry,
    Opened,
    Record,
)
from sockwright.journal.summary import Summaries

OPEN = Opened("tcp", "echo", "tcp://127.0.0.1:7007", "127.0.0.1:7007", "127.0.0.1:51044")
TODAY = time.mktime((*time.localtime()[:3], 12, 0, 4, 0, 0, -1))


def told(*records: Record) -> list[Entry]:
    return list(enumerate(records, 1))


def test_a_connection_is_one_line() -> None:
    records = told(
        (OPENED, 1, TODAY, OPEN, 0),
        (RECEIVED, 1, TODAY, b"hello", 5),
        (ENDED, 1, TODAY + 0.003, Ended("peer", FIN, "", 5, 1, 5, 1), 0),
    )
    (connection,) = Summaries().ended(records)
    assert (
        connection.line()
        == "12:00:04 #1 tcp echo 127.0.0.1:51044  5 B in 1 chunk -> 5 B, peer closed first (FIN), 3 ms"
    )
    assert connection.as_dict() == {
        "number": 1,
        "state": "ended",
        "proto": "tcp",
        "service": "echo",
        "endpoint": "tcp://127.0.0.1:7007",
        "local": "127.0.0.1:7007",
        "peer": "127.0.0.1:51044",
        "tls": "",
        "role": "server",
        "opened": TODAY,
        "ended": TODAY + 0.003,
        "duration": 0.003,
        "end": "fin",
        "by": "peer",
        "reason": "",
        "received": 5,
        "received_chunks": 1,
        "sent": 5,
        "sent_chunks": 1,
        "notes": 0,
        "faults": 0,
        "omitted": 0,
        "remark": "",
        "seed": 0,
    }


def test_only_what_has_ended_is_told_and_strangers_are_ignored() -> None:
    summaries = Summaries()
    assert summaries.ended(told((OPENED, 1, TODAY, OPEN, 0), (OPENED, 2, TODAY, OPEN, 0))) == []
    ended = Ended("us", FIN, "", 0, 0, 0, 0)
    done = summaries.ended(told((ENDED, 2, TODAY, ended, 0), (ENDED, 9, TODAY, ended, 0)))
    assert [one.number for one in done] == [2]


def test_a_journal_s_batches_are_understood() -> None:
    journal = Journal(None)
    summaries = Summaries()
    done: list[Connection] = []
    journal.follow(lambda entries: done.extend(summaries.ended(entries)))
    number = journal.begin(TODAY, OPEN)
    journal.append((RECEIVED, number, TODAY, b"x", 1))
    journal.append((NOTE, number, TODAY, ("malformed", {"rule": "RFC 1", "message": "not\x1b[2J UTF-8"}), 0))
    journal.append((NOTE, number, TODAY, ("tls", {"version": "TLSv1.3"}), 0))
    journal.append((FAULT, number, TODAY, ("cut", "to client", "after 1 byte"), 0))
    journal.append((ENDED, number, TODAY + 1, Ended("us", LIMIT, "too\nlong", 1, 1, 0, 0), 0))
    journal.flush()
    journal.close()
    (one,) = done
    assert (one.notes, one.faults) == (2, 1)
    assert one.line().endswith("1 B in 1 chunk -> 0 B, over a limit: too\\nlong, 1 s  ! malformed: not\\x1b[2J UTF-8")


@pytest.mark.parametrize(
    ("opened", "ended", "words"),
    [
        (OPEN, Ended("peer", RST, "", 0, 0, 27, 1), "0 B -> 27 B, peer reset (RST), 2 s"),
        (OPEN, Ended("us", RST, "", 0, 0, 0, 0), "0 B -> 0 B, we reset (RST), 2 s"),
        (OPEN, Ended("us", TIMEOUT, "idle for 5m", 0, 0, 0, 0), "0 B -> 0 B, time-out: idle for 5m, 2 s"),
        (OPEN, Ended("us", STOPPED, "", 12_345, 2, 0, 0), "12.3 kB in 2 chunks -> 0 B, stopped, 2 s"),
        (OPEN, Ended("", ERROR, "no route", 0, 0, 0, 0), "0 B -> 0 B, error: no route, 2 s"),
        (
            Opened("udp", "echo", "", "", "[::1]:9", role="server"),
            Ended("peer", TIMEOUT, "", 3, 1, 3, 1),
            "3 B in 1 datagram -> 3 B, nothing more came, 2 s",
        ),
        (
            Opened("http", "call", "", "", "192.0.2.1:80", tls="TLSv1.3", role="client"),
            Ended("us", FIN, "", 1_500_000, 30, 78, 1),
            "78 B in 1 chunk -> 1.5 MB, we closed first (FIN), 2 s",
        ),
    ],
)
def test_how_it_ended_in_words(opened: Opened, ended: Ended, words: str) -> None:
    connection = Connection(3, opened, TODAY, TODAY + 2, ended)
    tls = "+tls" if opened.tls else ""
    assert connection.line() == f"12:00:04 #3 {opened.proto}{tls} {opened.service} {opened.peer}  {words}"


def test_open_and_lost_connections() -> None:
    assert Connection(3, OPEN, TODAY).line() == "12:00:04 #3 tcp echo 127.0.0.1:51044  still open"
    so_far = Ended("", "", "", 5, 1, 6, 1)
    assert Connection(3, OPEN, TODAY).line(so_far).endswith("  5 B in 1 chunk -> 6 B, still open")
    lost = Connection(3, OPEN, TODAY, omitted=1234, lost=True)
    assert lost.line().endswith("  its run was killed, 1,234 records left out")
    assert (lost.state, lost.as_dict()["end"]) == ("lost", None)


def test_quantities_in_words() -> None:
    assert [bytes_words(n) for n in (0, 9_999, 10_000, 999_499, 1_000_000, 2_500_000_000, 10**13)] == [
        "0 B",
        "9,999 B",
        "10 kB",
        "999 kB",
        "1 MB",
        "2.5 GB",
        "10,000 GB",
    ]
    assert [duration_words(s) for s in (0, 0.0003, 0.0031, 0.25, 1.25, 59.9, 125, 12_000)] == [
        "0.0 ms",
        "0.3 ms",
        "3 ms",
        "250 ms",
        "1.25 s",
        "59.9 s",
        "2 min 5 s",
        "3 h 20 min",
    ]
    assert clock(0.0).startswith("19")
