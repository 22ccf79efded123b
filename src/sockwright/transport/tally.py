"""What went through one endpoint: the sum of connections that are over, to which those that are open are added."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Counts(NamedTuple):
    """Bytes and chunks (datagrams over UDP) of one connection."""

    received: int
    received_chunks: int
    sent: int
    sent_chunks: int


class Counted(Protocol):
    """A connection that is open. May be read from any thread: all it gives are numbers."""

    number: int

    @property
    def counts(self) -> Counts: ...


class Tally:
    """Bytes of the connections that are over, and how many were turned away at the door."""

    __slots__ = ("received", "refused", "sent")

    def __init__(self) -> None:
        self.received = self.sent = self.refused = 0

    def add(self, counts: Counts) -> None:
        """One connection is over."""
        self.received += counts.received
        self.sent += counts.sent
