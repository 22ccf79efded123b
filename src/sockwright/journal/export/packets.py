"""IP packets as they could have been on the wire, with right lengths and checksums (RFC 791, 8200, 9293, 768)."""

from __future__ import annotations

import struct
import sys
from array import array
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
TCP, UDP = 6, 17

# What one TCP segment may carry: with both headers it still fits the 16 bits of IPv4's total length.
MOST_SEGMENT = 65_000

# Both sides offer the largest segment of a loopback and scale their window by 2^14, so that no reader thinks that a
# window is full. Options: MSS, window scale, padding.
_SYN_OPTIONS = struct.pack(">BBH BBB B", 2, 4, 65_495, 3, 3, 14, 0)

# Where an address cannot be read (TEST-NET-1, RFC 5737).
_UNKNOWN = IPv4Address("192.0.2.1")


class Address(NamedTuple):
    """An address as packets hold it: 4 or 16 bytes, and a port."""

    host: bytes
    port: int


def addresses(one: str, other: str) -> tuple[Address, Address]:
    """Return two addresses as people write them, both of one family; an IPv4 one is mapped beside an IPv6 one."""
    first, second = _parsed(one), _parsed(other)
    if first[0].version != second[0].version:
        first, second = _mapped(first), _mapped(second)
    return Address(first[0].packed, first[1]), Address(second[0].packed, second[1])


def _parsed(text: str) -> tuple[IPv4Address | IPv6Address, int]:
    host, _, port = text.rpartition(":")
    try:
        address = ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        address = _UNKNOWN
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address, int(port) & 0xFFFF if port.isascii() and port.isdecimal() else 0


def _mapped(parsed: tuple[IPv4Address | IPv6Address, int]) -> tuple[IPv4Address | IPv6Address, int]:
    address, port = parsed
    return (IPv6Address(b"\0" * 10 + b"\xff\xff" + address.packed) if address.version == 4 else address), port


def tcp_packet(
    source: Address, target: Address, sequence: int, acknowledged: int, flags: int, data: bytes = b""
) -> bytes:
    """Return one TCP segment in its IP packet."""
    options = _SYN_OPTIONS if flags & SYN else b""
    offset = (20 + len(options)) // 4
    header = struct.pack(
        ">HHIIBBHHH",
        source.port,
        target.port,
        sequence & 0xFFFFFFFF,
        acknowledged & 0xFFFFFFFF if flags & ACK else 0,
        offset << 4,
        flags,
        0xFFFF,
        0,
        0,
    )
    segment = bytearray(header + options + data)
    segment[16:18] = _checksum(_pseudo_header(source, target, TCP, len(segment)) + segment).to_bytes(2, "big")
    return _ip_header(source, target, TCP, len(segment)) + segment


def udp_packet(source: Address, target: Address, data: bytes, size: int) -> bytes:
    """Return one datagram of `size` bytes in its IP packet; where `data` is less, the packet ends early (snapped)."""
    length = 8 + size
    checksum = 0  # unknown
    if len(data) == size:
        plain = struct.pack(">HHHH", source.port, target.port, length, 0) + data
        checksum = _checksum(_pseudo_header(source, target, UDP, length) + plain) or 0xFFFF
    datagram = struct.pack(">HHHH", source.port, target.port, length & 0xFFFF, checksum) + data
    return _ip_header(source, target, UDP, length) + datagram


def _ip_header(source: Address, target: Address, protocol: int, length: int) -> bytes:
    if len(source.host) == 16:
        return struct.pack(">IHBB", 6 << 28, length & 0xFFFF, protocol, 64) + source.host + target.host
    header = bytearray(
        struct.pack(">BBHHHBBH", 0x45, 0, (20 + length) & 0xFFFF, 0, 0x4000, 64, protocol, 0)
        + source.host
        + target.host
    )
    header[10:12] = _checksum(bytes(header)).to_bytes(2, "big")
    return bytes(header)


def _pseudo_header(source: Address, target: Address, protocol: int, length: int) -> bytes:
    if len(source.host) == 16:
        return source.host + target.host + struct.pack(">II", length, protocol)
    return source.host + target.host + struct.pack(">BBH", 0, protocol, length)


def _checksum(data: bytes | bytearray) -> int:
    """Return the Internet checksum (RFC 1071). Words are added in this machine's order, and the sum is turned round."""
    words = array("H", bytes(data) + b"\0" * (len(data) % 2))
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    if sys.byteorder == "little":
        total = (total >> 8) | (total & 0xFF) << 8
    return ~total & 0xFFFF
