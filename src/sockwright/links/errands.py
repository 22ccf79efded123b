"""What goes to the process that reads pages and what comes back, and what that process does with it."""

from __future__ import annotations

import socket
import struct

import msgspec

from sockwright.links.page import Page, read_page

_PIECE = 262_144  # bytes that are received at once
HEAD = struct.Struct("<IQ")  # length, ticket


class Errand(msgspec.Struct, array_like=True, gc=False):
    """A document to be read."""

    content: bytes
    url: str
    content_type: str
    limit: int


encode = msgspec.msgpack.Encoder().encode
decode_page = msgspec.msgpack.Decoder(Page).decode
_decode_errand = msgspec.msgpack.Decoder(Errand).decode


def serve(connection: socket.socket) -> None:
    """Read pages until the other side is gone."""
    read_page(b"<p>", "http://localhost/", "text/html")  # loads what reads pages, before the first one comes
    with connection.makefile("rb", buffering=_PIECE) as errands:
        while len(head := errands.read(HEAD.size)) == HEAD.size:
            length, ticket = HEAD.unpack(head)
            packed = _read(errands.read(length))
            connection.sendall(HEAD.pack(len(packed), ticket) + packed)


def _read(packed: bytes) -> bytes:
    """Return the page of an errand, or nothing where it cannot be told."""
    errand = _decode_errand(packed)
    page = read_page(errand.content, errand.url, errand.content_type, limit=errand.limit)
    try:
        return encode(page)
    except UnicodeEncodeError:
        return b""
