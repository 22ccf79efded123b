"""A connection in one piece: what its records say of it as a whole, without its bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from sockwright.journal.records import ENDED, FAULT, NOTE, Ended, Opened, Record

# Notes that a person wants to see beside the connection, not only inside it.
REMARKABLE = frozenset({"malformed", "refused", "failed", "limit"})
# Characters of a remark that are kept.
REMARK = 200


class Connection(msgspec.Struct):
    """One connection, from OPENED to ENDED.

    `ended` is None while it is open, and for good where its run was killed before it could say more (`lost`).
    `first_batch` and `last_batch` are the rows of the file that hold its records, 0 where it has none.
    """

    number: int
    opened: Opened
    since: float  # seconds since the epoch
    until: float | None = None
    ended: Ended | None = None
    notes: int = 0
    faults: int = 0
    omitted: int = 0  # records that were left out
    remark: str = ""  # the last note that a person should see
    run: int = 0
    first_batch: int = 0
    last_batch: int = 0
    lost: bool = False

    @property
    def state(self) -> str:
        """`open`, `ended`, or `lost`: its run was killed while it was open."""
        return "ended" if self.ended is not None else "lost" if self.lost else "open"

    def fold(self, record: Record) -> None:
        """Take in one NOTE, FAULT or ENDED of this connection."""
        kind, _, now, payload = record[:4]
        if kind == ENDED:
            self.ended, self.until = payload, now
        elif kind == NOTE:
            self.notes += 1
            name, about = payload
            if name in REMARKABLE:
                self.remark = remark_of(name, about)
        elif kind == FAULT:
            self.faults += 1


def remark_of(kind: str, about: Mapping[str, Any]) -> str:
    """Return a note in one line of a person's words."""
    words = str(about.get("message") or "") or ", ".join(f"{key} {value}" for key, value in about.items())
    text = f"{kind}: {words}" if words else kind
    return text if len(text) <= REMARK else text[: REMARK - 1] + "…"
