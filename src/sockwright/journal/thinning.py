"""When more comes than is kept: what goes on, and what is left out and counted.

Fair to the quiet: who says little beside a flood is kept whole. Of the flood the newest is kept. What opened and
ended is always kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from operator import itemgetter

from sockwright.journal.records import ENDED, EXCHANGED, OPENED, RECEIVED, SENT, Record

_ALWAYS = frozenset({OPENED, ENDED})
# Bytes of each payload that are left when bodies are cut.
CUT = 1024

_number_of = itemgetter(1)


class Allowance:
    """So much at once, and so much per second after that."""

    __slots__ = ("_at", "burst", "left", "rate")

    def __init__(self, burst: float, rate: float, now: float) -> None:
        self.burst = self.left = float(burst)
        self.rate = rate
        self._at = now

    def at(self, now: float) -> int:
        """Return how much may be taken now."""
        self.left = min(self.burst, self.left + max(0.0, now - self._at) * self.rate)
        self._at = now
        return max(0, int(self.left))

    def take(self, amount: float) -> None:
        self.left -= amount


def thin(records: Sequence[Record], most: int, all_bulk: bool = False) -> tuple[Sequence[Record], Mapping[int, int]]:
    """Return about `most` of `records`, in their order, and how many were left out of which connection.

    Half of what may stay goes to the connections that say least, as many as fit whole; half to the newest records.
    `all_bulk` promises that nothing opened or ended, which spares a look.
    """
    if len(records) <= most:
        return records, {}
    newest = len(records) - most // 2
    head = records[:newest]
    counts = Counter(map(_number_of, head))
    left = most - most // 2
    quiet: set[int] = set()
    for number, count in sorted(counts.items(), key=itemgetter(1)):
        left -= count
        if left < 0:
            break
        quiet.add(number)
    omitted = {number: count for number, count in counts.items() if number not in quiet}
    if all_bulk:
        kept = [record for record in head if record[1] in quiet] if quiet else []
    else:
        kept = [record for record in head if record[1] in quiet or record[0] in _ALWAYS]
        for record in kept:
            if record[0] in _ALWAYS and record[1] in omitted:
                omitted[record[1]] -= 1
    kept += records[newest:]
    return kept, {number: count for number, count in omitted.items() if count}


def cut(records: Sequence[Record]) -> Sequence[Record]:
    """Return `records` with at most the first CUT bytes of each payload."""
    return [_cut(*record) if record[0] in (RECEIVED, SENT, EXCHANGED) else record for record in records]


def _cut(
    kind: int, number: int, now: float, payload: bytes, size: int, sent: bytes | None = None, size_sent: int = 0
) -> Record:
    if kind != EXCHANGED:
        return (kind, number, now, payload[:CUT], size)
    return (kind, number, now, payload[:CUT], size, None if sent is None else sent[:CUT], size_sent)
