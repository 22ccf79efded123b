"""pcapng: packets as they could have been, for Wireshark and tshark.

We see streams, not packets: each chunk becomes a segment (several where it is longer than one can be), and what opens
and ends a connection is made up as it was seen to open and end. Sequence and acknowledgement numbers fit; bytes that
were not kept are a hole, as in any capture that lost packets. TLS is shown decrypted. The number of a connection is
in the comment of its first packet.
"""

from __future__ import annotations

import heapq
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from sockwright import __version__
from sockwright.journal.connections import Connection
from sockwright.journal.export.packets import (
    ACK,
    FIN,
    MOST_SEGMENT,
    PSH,
    RST,
    SYN,
    Address,
    addresses,
    tcp_packet,
    udp_packet,
)
from sockwright.journal.records import ERROR
from sockwright.journal.records import RST as RESET
from sockwright.journal.transcript import Chunk, Gap, HalfClose, Item, Transcript

RAW_IP = 101  # link type: the packet begins with its IP header


class Packet(NamedTuple):
    """A packet, when it was there (seconds since the epoch), and what to say of it."""

    time: float
    data: bytes
    size: int  # as it was on the wire; more than `data` where that was cut
    comment: str = ""


def write(transcripts: Iterable[Transcript], out: BinaryIO) -> int:
    out.write(_section() + _interface())
    count = 0
    # The packets of all connections in the order of time; only those that overlap are held at once.
    under_way: list[tuple[float, int, Packet, Iterator[Packet]]] = []

    def emit(until: float) -> None:
        while under_way and under_way[0][0] <= until:
            _, number, packet, rest = heapq.heappop(under_way)
            out.write(_block(packet))
            _push(under_way, number, rest)

    for transcript in transcripts:
        emit(transcript.connection.since)
        packets = packets_of(transcript)
        count += 1
        _push(under_way, count, packets)
    emit(float("inf"))
    return count


def _push(heap: list[tuple[float, int, Packet, Iterator[Packet]]], number: int, packets: Iterator[Packet]) -> None:
    packet = next(packets, None)
    if packet is not None:
        heapq.heappush(heap, (packet.time, number, packet, packets))


def packets_of(transcript: Transcript) -> Iterator[Packet]:
    """Yield the packets of one connection."""
    opened = transcript.connection.opened
    local, peer = addresses(opened.local, opened.peer)
    if transcript.is_stream:
        yield from _Dialogue(transcript, local, peer).packets()
    else:
        for place, chunk in enumerate(transcript.chunks()):
            source, target = (peer, local) if chunk.direction == "received" else (local, peer)
            packet = udp_packet(source, target, chunk.data, chunk.size)
            size = len(packet) + chunk.size - len(chunk.data)
            yield Packet(chunk.time, packet, size, "" if place else _title(transcript.connection))


def _title(connection: Connection) -> str:
    tls = ", decrypted" if connection.opened.tls else ""
    return f"#{connection.number} {connection.opened.proto} {connection.opened.service}{tls}"


@dataclass
class _Side:
    """One end of a TCP connection: the next byte that it sends, from 0, the SYN being the first."""

    address: Address
    next: int = 0
    is_done: bool = False


class _Dialogue:
    """The segments of one TCP connection."""

    def __init__(self, transcript: Transcript, local: Address, peer: Address) -> None:
        self.transcript = transcript
        self.us, self.them = _Side(local), _Side(peer)
        self.left = {"received": transcript.missing("received").size, "sent": transcript.missing("sent").size}

    def packets(self) -> Iterator[Packet]:
        connection = self.transcript.connection
        yield from self._handshake(connection)
        last = connection.since
        for item in self.transcript.items:
            last = max(last, item.time)
            yield from self._item(item)
        self._skip()
        yield from self._end(connection, max(last, connection.until or last))

    def _handshake(self, connection: Connection) -> Iterator[Packet]:
        caller, called = (self.us, self.them) if connection.opened.role == "client" else (self.them, self.us)
        now = connection.since
        yield self._packet(now, caller, SYN, comment=_title(connection))
        caller.next += 1
        yield self._packet(now, called, SYN | ACK)
        called.next += 1
        yield self._packet(now, caller, ACK)

    def _item(self, item: Item) -> Iterator[Packet]:
        match item:
            case Chunk():
                yield from self._chunk(item)
            case HalfClose(time=now) if not self.them.is_done:
                yield self._packet(now, self.them, FIN | ACK)
                self.them.next += 1
                self.them.is_done = True
                yield self._packet(now, self.us, ACK)
            case Gap():
                self._skip()

    def _chunk(self, chunk: Chunk) -> Iterator[Packet]:
        side = self.them if chunk.direction == "received" else self.us
        comment = f"cut: of {chunk.size} bytes {len(chunk.data)} were kept" if chunk.is_cut else ""
        end = side.next + chunk.size
        for at in range(0, len(chunk.data), MOST_SEGMENT):
            data = chunk.data[at : at + MOST_SEGMENT]
            last = at + MOST_SEGMENT >= len(chunk.data)
            yield self._packet(chunk.time, side, PSH | ACK if last else ACK, data, comment if last else "")
            side.next += len(data)
        side.next = end

    def _skip(self) -> None:
        """Leave a hole for what was not kept. Where there are several gaps, the first is all of it."""
        self.them.next += self.left["received"]
        self.us.next += self.left["sent"]
        self.left = {"received": 0, "sent": 0}

    def _end(self, connection: Connection, now: float) -> Iterator[Packet]:
        ended = connection.ended
        if ended is None or (ended.how == ERROR and not ended.who):
            return  # nobody knows how it went on
        first, second = (self.them, self.us) if ended.who == "peer" else (self.us, self.them)
        if ended.how == RESET:
            yield self._packet(now, first, RST | ACK, comment=connection.ending)
            return
        for side in (first, second):
            if not side.is_done:
                yield self._packet(now, side, FIN | ACK, comment=connection.ending if side is first else "")
                side.next += 1
                side.is_done = True
        yield self._packet(now, first, ACK)

    def _packet(self, now: float, side: _Side, flags: int, data: bytes = b"", comment: str = "") -> Packet:
        other = self.us if side is self.them else self.them
        packet = tcp_packet(side.address, other.address, side.next, other.next, flags, data)
        return Packet(now, packet, len(packet), comment)


# -- blocks (pcapng, draft-ietf-opsawg-pcapng)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + value + b"\0" * (-len(value) % 4)


def _framed(kind: int, body: bytes) -> bytes:
    length = len(body) + 12
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


def _section() -> bytes:
    application = _option(4, f"sockwright {__version__}".encode()) + _option(0, b"")
    return _framed(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + application)


def _interface() -> bytes:
    named = _option(2, b"sockwright") + _option(3, b"packets made from the streams in a journal") + _option(0, b"")
    return _framed(1, struct.pack("<HHI", RAW_IP, 0, 0) + named)


def _block(packet: Packet) -> bytes:
    """Return an Enhanced Packet Block; times are in microseconds, pcapng's default."""
    stamp = max(0, round(packet.time * 1e6))
    head = struct.pack("<IIIII", 0, stamp >> 32, stamp & 0xFFFFFFFF, len(packet.data), packet.size)
    padding = b"\0" * (-len(packet.data) % 4)
    comment = packet.comment.encode(errors="replace")[:1000]
    said = _option(1, comment) + _option(0, b"") if comment else b""
    return _framed(6, head + packet.data + padding + said)
