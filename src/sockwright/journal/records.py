"""What a record is: a plain tuple, since one is made for every read and every write of every connection.

    (kind, number, time, payload, size)
    (EXCHANGED, number, time, received, size received, sent, size sent)

- `kind`: one of the constants below.
- `number`: the connection's number in this run.
- `time`: seconds since the epoch.
- `payload`: OPENED an `Opened`; RECEIVED and SENT bytes, possibly cut; NOTE `(kind, mapping)`; FAULT
  `(name, direction, why)`; ENDED an `Ended`.
- EXCHANGED is RECEIVED and SENT in one: what one read brought was answered at once with one write (one tuple per
  message instead of two is a tenth of an echo server's speed). `sent` is None where it equals `received`.
- `size`: RECEIVED and SENT the true number of bytes, of which `payload` may be a beginning; else 0.

Over a stream an empty RECEIVED is the peer's end of stream (FIN), which is no chunk and counts as none; over UDP it is
a datagram like any other.
OMITTED `(OMITTED, 0, time, {number: count}, 0)` is made by the journal alone when more comes than it keeps: at this
place so many records of these connections were left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

OPENED, RECEIVED, SENT, NOTE, FAULT, ENDED, EXCHANGED, OMITTED = range(8)
KINDS = ("opened", "received", "sent", "note", "fault", "ended", "exchanged", "omitted")
# All but the commonest, those that carry bytes.
RARE = frozenset({OPENED, NOTE, FAULT, ENDED, OMITTED})

Record = tuple[int, int, float, Any, int] | tuple[int, int, float, Any, int, Any, int]

# What a tap tells a recording: OPENED, RECEIVED, SENT with all its bytes, ENDED.
Taped = tuple[int, int, float, Any, int]
Tape = Callable[[Sequence[Taped]], Any]

# How a connection ended, and who did it. `who` is "peer", "us", "target" (the server behind a tap) or "" (nobody: the
# machine, the network).
FIN = "fin"  # both sides said all they had
RST = "rst"
TIMEOUT = "time-out"
LIMIT = "limit"
ERROR = "error"  # TLS failed, the network broke
STOPPED = "stopped"  # the bench was shut down
ENDS = (FIN, RST, TIMEOUT, LIMIT, ERROR, STOPPED)


class Opened(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A connection came (or, over UDP, the first datagram of an address)."""

    proto: str  # tcp, udp, http, xmlrpc, smtp ...
    service: str
    endpoint: str  # where we listen, as a person writes it
    local: str  # host:port
    peer: str  # host:port
    tls: str = ""  # TLS version, "" without
    role: str = "server"  # server, client, tap
    seed: int = 0  # of its faults


class Ended(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A connection is over. Counters are true even where bodies were dropped."""

    who: str
    how: str
    reason: str
    received: int  # bytes
    received_chunks: int  # reads (datagrams over UDP)
    sent: int
    sent_chunks: int


def note(number: int, now: float, kind: str, data: Mapping[str, Any]) -> Record:
    """Return the record of a note that a protocol made."""
    return (NOTE, number, now, (kind, dict(data)), 0)


# One entry of the journal: its sequence number in the run, and the record.
Entry = tuple[int, Record]
