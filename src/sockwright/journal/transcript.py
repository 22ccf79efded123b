"""What was said in one connection, by whom and when: the view that `log show`, exports and filters read.

A chunk is what one read or write carried (a datagram over UDP). Framing and matching are applied to `stream` or
`pieces`, never to chunks: where those were cut means nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sockwright.journal.connections import Connection
from sockwright.journal.records import ENDED, EXCHANGED, FAULT, NOTE, OMITTED, OPENED, RECEIVED, SENT, Record

Direction = Literal["received", "sent"]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes of one read or write. Of its `size` bytes, `data` is what was kept, from the first on."""

    time: float  # seconds since the epoch
    direction: Direction
    data: bytes
    size: int

    @property
    def is_cut(self) -> bool:
        return len(self.data) < self.size


@dataclass(frozen=True, slots=True)
class HalfClose:
    """The peer said that it has said all (FIN)."""

    time: float


@dataclass(frozen=True, slots=True)
class Noted:
    """What a protocol understood or refused."""

    time: float
    kind: str
    about: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Faulted:
    """A fault that was done on purpose."""

    time: float
    name: str
    direction: str
    why: str


@dataclass(frozen=True, slots=True)
class Gap:
    """At this place records were left out, since more came than is kept; 0 where nobody knows how many."""

    time: float
    records: int


Item = Chunk | HalfClose | Noted | Faulted | Gap


@dataclass(frozen=True, slots=True)
class Counts:
    """Bytes and chunks of one direction."""

    size: int
    chunks: int


@dataclass(frozen=True, slots=True)
class Transcript:
    """A connection and what was said in it, in the order of the records."""

    connection: Connection
    items: list[Item]

    @property
    def is_stream(self) -> bool:
        return self.connection.opened.proto != "udp"

    def chunks(self, direction: Direction | None = None) -> Iterator[Chunk]:
        for item in self.items:
            if isinstance(item, Chunk) and (direction is None or item.direction == direction):
                yield item

    def pieces(self, direction: Direction) -> list[bytes]:
        """Return what is known without a gap: of a stream each unbroken run of bytes, over UDP each datagram."""
        if not self.is_stream:
            return [chunk.data for chunk in self.chunks(direction)]
        pieces: list[list[bytes]] = [[]]
        for item in self.items:
            if isinstance(item, Gap):
                pieces.append([])
            elif isinstance(item, Chunk) and item.direction == direction:
                pieces[-1].append(item.data)
                if item.is_cut:
                    pieces.append([])
        return [b"".join(piece) for piece in pieces if piece]

    def stream(self, direction: Direction) -> bytes:
        """Return the bytes of one direction from the first to the first gap."""
        said: list[bytes] = []
        for item in self.items:
            if isinstance(item, Gap):
                break
            if isinstance(item, Chunk) and item.direction == direction:
                said.append(item.data)
                if item.is_cut and self.is_stream:
                    break
        return b"".join(said)

    def both_ways(self) -> tuple[bytes, bytes]:
        """Return what the client said and what the server said, each as `stream` does."""
        received, sent = self.stream("received"), self.stream("sent")
        return (sent, received) if self.connection.opened.role == "client" else (received, sent)

    def kept(self, direction: Direction) -> Counts:
        """Return how much of a direction there are records of. The bytes are the true ones, even of a cut chunk."""
        sizes = [chunk.size for chunk in self.chunks(direction)]
        return Counts(sum(sizes), len(sizes))

    def total(self, direction: Direction) -> Counts:
        """Return how much there was: the truth once the connection has ended, before that what there are records of."""
        ended = self.connection.ended
        if ended is None:
            return self.kept(direction)
        if direction == "received":
            return Counts(ended.received, ended.received_chunks)
        return Counts(ended.sent, ended.sent_chunks)

    def missing(self, direction: Direction) -> Counts:
        """Return how much of a direction was left out altogether."""
        total, kept = self.total(direction), self.kept(direction)
        return Counts(max(0, total.size - kept.size), max(0, total.chunks - kept.chunks))


def transcript_of(connection: Connection, records: Iterable[Record]) -> Transcript:
    """Return the transcript of `connection` from records that tell of it and of others, in their order."""
    number = connection.number
    items: list[Item] = []
    is_stream = connection.opened.proto != "udp"
    began = False
    for record in records:
        if record[1] != number:
            if record[0] == OMITTED and number in record[3]:
                items.append(Gap(record[2], record[3][number]))
            continue
        kind = record[0]
        if kind == OPENED:
            began = True
            continue
        if not began:  # its beginning is gone
            items.append(Gap(connection.since, 0))
            began = True
        if kind == ENDED:
            break
        items += items_of(record, is_stream)
    if not began:
        items.append(Gap(connection.since, 0))
    return Transcript(connection, items)


def items_of(record: Record, is_stream: bool) -> Sequence[Item]:
    """Return what one record of a connection tells of what was said in it."""
    kind, _, now, payload, size = record[:5]
    if kind == RECEIVED:
        return (Chunk(now, "received", payload, size) if size or not is_stream else HalfClose(now),)
    if kind == SENT:
        return (Chunk(now, "sent", payload, size),)
    if kind == EXCHANGED:
        answer, size_sent = record[5:]  # type: ignore[misc]  # of the two shapes it is the longer
        sent = Chunk(now, "sent", payload if answer is None else answer, size_sent)
        return (Chunk(now, "received", payload, size), sent)
    if kind == NOTE:
        return (Noted(now, *payload),)
    if kind == FAULT:
        return (Faulted(now, *payload),)
    return ()
