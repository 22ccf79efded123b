"""A batch: the records of one look into the ring, with sequence numbers, and packed as MessagePack.

Packing one list of plain tuples costs 25 ns a record; columns of arrays cost five times that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, overload

import msgspec

from sockwright.journal.records import (
    ENDED,
    EXCHANGED,
    NOTE,
    OMITTED,
    OPENED,
    RECEIVED,
    SENT,
    Ended,
    Entry,
    Opened,
    Record,
)

_encode = msgspec.msgpack.Encoder(enc_hook=repr).encode
_decode = msgspec.msgpack.Decoder(list[tuple[Any, ...]]).decode


class Batch(Sequence[Entry]):
    """Records and the sequence number of the first; entries are made when somebody asks.

    `rare` holds those records that carry no bytes: what a follower wants who counts connections.
    """

    __slots__ = ("first", "rare", "records")

    def __init__(self, first: int, records: Sequence[Record], rare: Sequence[Record]) -> None:
        self.first = first
        self.records = records
        self.rare = rare

    def __len__(self) -> int:
        return len(self.records)

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Entry]: ...
    def __getitem__(self, index: int | slice) -> Entry | Sequence[Entry]:
        if isinstance(index, slice):
            return [(self.first + place, self.records[place]) for place in range(*index.indices(len(self.records)))]
        return (self.first + range(len(self.records))[index], self.records[index])

    def __iter__(self) -> Iterator[Entry]:
        return iter(zip(range(self.first, self.first + len(self.records)), self.records, strict=True))


class Packed(NamedTuple):
    """One batch, ready to be kept."""

    first: int
    time: float
    low: int
    high: int
    blob: bytes


def pack(records: Sequence[Record]) -> bytes:
    """Return `records` as one MessagePack array.

    A payload that MessagePack cannot hold (a note with half a surrogate pair, an endless number) becomes its `repr`.
    """
    try:
        return _encode(records)
    except (UnicodeEncodeError, OverflowError, TypeError, ValueError, RecursionError):
        return _encode([_packable(record) for record in records])


def _packable(record: Record) -> Record:
    try:
        _encode(record)
    except (UnicodeEncodeError, OverflowError, TypeError, ValueError, RecursionError):
        kind, number, now, payload = record[:4]
        match payload:
            case Opened() | Ended():
                payload = type(payload)(*map(_plain, msgspec.structs.astuple(payload)))
            case (str() as name, dict() as data):
                payload = (_plain(name), {_plain(str(key)): _plain(value) for key, value in data.items()})
            case tuple():
                payload = tuple(map(_plain, payload))
            case _:
                return (NOTE, number, now, ("unreadable", {"repr": ascii(record)}), 0)
        return (kind, number, now, payload, record[4])
    return record


def _plain(value: Any) -> Any:
    try:
        _encode(value)
    except (UnicodeEncodeError, OverflowError, TypeError, ValueError, RecursionError):
        return ascii(value)
    return value


def unpack(blob: bytes) -> list[Record]:
    """Return the records of one packed batch.

    Raises: msgspec.DecodeError where `blob` is not one.
    """
    return [record if record[0] in _AS_THEY_ARE else _revived(*record) for record in _decode(blob)]


_AS_THEY_ARE = frozenset({RECEIVED, SENT, EXCHANGED, OMITTED})


def _revived(kind: int, number: int, now: float, payload: Any, size: int) -> Record:
    if kind == OPENED:
        payload = msgspec.convert(payload, Opened)
    elif kind == ENDED:
        payload = msgspec.convert(payload, Ended)
    else:
        payload = tuple(payload)
    return (kind, number, now, payload, size)
