from __future__ import annotations

from sockwright.journal.journal import Journal
from sockwright.journal.records import FIN, OPENED, RECEIVED, Ended, Entry, Opened

OPEN = Opened("tcp", "echo", "tcp://127.0.0.1:7007", "127.0.0.1:7007", "127.0.0.1:51044")


def test_what_is_appended_is_there_after_a_flush() -> None:
    journal = Journal(None)
    seen: list[Entry] = []
    stop = journal.follow(seen.extend)
    number = journal.begin(1.0, OPEN)
    journal.append((RECEIVED, number, 1.5, b"hello", 5))
    journal.end(number, 2.0, Ended("peer", FIN, "", 5, 1, 0, 0))
    journal.flush()
    assert number == 1
    assert journal.records()[:2] == [(OPENED, 1, 1.0, OPEN, 0), (RECEIVED, 1, 1.5, b"hello", 5)]
    assert journal.records()[2][3] == Ended("peer", FIN, "", 5, 1, 0, 0)
    assert [sequence for sequence, _ in seen] == [1, 2, 3]
    stop()
    assert journal.begin(3.0, OPEN) == 2
    journal.close()
    assert len(seen) == 3
    assert len(journal.records()) == 4
