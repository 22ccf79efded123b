"""A connection in one piece, and in one line: what its records say of it as a whole, without its bytes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import msgspec

from sockwright.journal.records import (
    ENDED,
    ERROR,
    FAULT,
    FIN,
    LIMIT,
    NOTE,
    RST,
    STOPPED,
    TIMEOUT,
    Ended,
    Opened,
    Record,
)
from sockwright.wire.visible import visible

# Notes that a person wants to see beside the connection, not only inside it.
REMARKABLE = frozenset({"malformed", "refused", "failed", "limit"})
# The note that says which protocol was recognised on a relayed connection.
SPEAKS = "speaks"
# Characters of a remark, and of a reason in a line.
REMARK = 200

_BY_PEER = {
    FIN: "peer closed first (FIN)",
    RST: "peer reset (RST)",
    TIMEOUT: "peer went silent",
    ERROR: "peer broke off",
}
_BY_US = {
    FIN: "we closed first (FIN)",
    RST: "we reset (RST)",
    TIMEOUT: "time-out",
    LIMIT: "over a limit",
    ERROR: "error",
    STOPPED: "stopped",
}
_BY_TARGET = {  # of a tap
    FIN: "server closed first (FIN)",
    RST: "server reset (RST)",
    ERROR: "server could not be reached",
}
_OVER_UDP = {FIN: "over", TIMEOUT: "nothing more came", LIMIT: "over a limit", ERROR: "error", STOPPED: "stopped"}


class Connection(msgspec.Struct, gc=False):
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
            if name == SPEAKS:
                self.opened = msgspec.structs.replace(self.opened, proto=about["protocol"])
            if name in REMARKABLE:
                self.remark = remark_of(name, about)
        elif kind == FAULT:
            self.faults += 1

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON. Times are seconds since the epoch; what is not known yet is null."""
        opened, ended = self.opened, self.ended
        return {
            "number": self.number,
            "state": self.state,
            "proto": opened.proto,
            "service": opened.service,
            "endpoint": opened.endpoint,
            "local": opened.local,
            "peer": opened.peer,
            "tls": opened.tls,
            "role": opened.role,
            "opened": self.since,
            "ended": self.until,
            "duration": None if self.until is None else round(self.until - self.since, 6),
            "end": ended.how if ended else None,
            "by": ended.who if ended else None,
            "reason": ended.reason if ended else None,
            "received": ended.received if ended else None,
            "received_chunks": ended.received_chunks if ended else None,
            "sent": ended.sent if ended else None,
            "sent_chunks": ended.sent_chunks if ended else None,
            "notes": self.notes,
            "faults": self.faults,
            "omitted": self.omitted,
            "remark": self.remark,
            "seed": opened.seed,
        }

    def line(self, so_far: Ended | None = None) -> str:
        """Return it in one line, safe for a terminal; `so_far` has the counts of one that is still open.

        12:00:04 #1 tcp echo 127.0.0.1:51044  5 B in 1 chunk -> 5 B, peer closed first (FIN), 3 ms
        """
        opened = self.opened
        counts = self.ended or so_far
        said = [_counted(opened, counts)] if counts is not None else []
        said.append(self.ending)
        if self.until is not None:
            said.append(duration_words(self.until - self.since))
        if self.omitted:
            said.append(f"{self.omitted:,} records left out")
        tls = "+tls" if opened.tls else ""
        head = f"{clock(self.since)} #{self.number} {opened.proto}{tls} {opened.service} {opened.peer}"
        remark = f"  ! {self.remark}" if self.remark else ""
        return visible(f"{head}  {', '.join(said)}{remark}")

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        ended = self.ended
        if ended is None:
            return "still open" if not self.lost else "its run was killed"
        if self.opened.proto == "udp":
            words = _OVER_UDP.get(ended.how, ended.how)
        else:
            known = {"peer": _BY_PEER, "target": _BY_TARGET}.get(ended.who, _BY_US)
            words = known.get(ended.how, ended.how)
        return f"{words}: {visible(ended.reason, REMARK)}" if ended.reason else words


def _counted(opened: Opened, counts: Ended) -> str:
    """Return the traffic: first what the client said, then what the server answered."""
    asked = (counts.received, counts.received_chunks)
    answered = (counts.sent, counts.sent_chunks)
    if opened.role == "client":
        asked, answered = answered, asked
    unit = "datagram" if opened.proto == "udp" else "chunk"
    chunks = f" in {asked[1]:,} {unit}{'' if asked[1] == 1 else 's'}" if asked[1] else ""
    return f"{bytes_words(asked[0])}{chunks} -> {bytes_words(answered[0])}"


def remark_of(kind: str, about: Mapping[str, Any]) -> str:
    """Return a note in one line of a person's words."""
    words = str(about.get("message") or "") or ", ".join(f"{key} {value}" for key, value in about.items())
    text = f"{kind}: {words}" if words else kind
    return text if len(text) <= REMARK else text[: REMARK - 1] + "…"


def clock(when: float) -> str:
    """Return the time of day here, to the second; with the date where that is not today."""
    then = time.localtime(when)
    today = time.localtime()[:3] == then[:3]
    return time.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S", then)


def bytes_words(count: int) -> str:
    """Return a number of bytes in words: exact below 10,000, then to three digits."""
    if count < 10_000:
        return f"{count:,} B"
    for unit, worth in (("kB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if count < worth * 999.5:
            return f"{count / worth:.3g} {unit}"
    return f"{count / 1e9:,.0f} GB"


def duration_words(seconds: float) -> str:
    """Return a duration in words: `3 ms`, `1.25 s`, `2 min 5 s`, `3 h 20 min`."""
    if seconds < 0.9995:
        return f"{max(seconds, 0) * 1e3:.{1 if seconds < 0.00095 else 0}f} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
