"""Small pictures for probes: a blue square on white, 16 pixels a side, in four formats."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Mapping

SIDE = 16
_WHITE, _BLUE = b"\xff\xff\xff", b"\x00\x66\xcc"


def png() -> bytes:
    """Return the picture as PNG, written out here."""

    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    inner = range(SIDE // 4, SIDE - SIDE // 4)
    rows = (b"\0" + b"".join(_BLUE if x in inner and y in inner else _WHITE for x in range(SIDE)) for y in range(SIDE))
    head = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", zlib.compress(b"".join(rows))) + part(b"IEND", b"")
    )


SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16"><path fill="#fff" d="M0 0h16v16H0z"/>'
    b'<path fill="#06c" d="M4 4h8v8H4z"/></svg>\n'
)
# The same square drawn and coded by a browser, without its colour profile.
JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1RV19i"
    "Z2hnPk1xeXBkeFxlZ2P/2wBDARESEhgVGC8aGi9jQjhCY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2Nj"
    "Y2NjY2NjY2P/wAARCAAQABADASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAb/xAAeEAAABAcAAAAAAAAAAAAAAAAFERIT"
    "AAEVJEJRYf/EABUBAQEAAAAAAAAAAAAAAAAAAAME/8QAGREAAgMBAAAAAAAAAAAAAAAAABMjUWKB/9oADAMBAAIRAxEAPwCqHBqj"
    "sW7zqs0kRcnuAGNVh+3ZaTmozPktQHAWsMXDLSsFGZdlqAGC0d+4edTgkiPs9xRErXbAlbk//9k="
)
WEBP = base64.b64decode(
    "UklGRmAAAABXRUJQVlA4IFQAAADQAgCdASoQABAAAsBMJagCdHMBMAFz/+gBu1XsgA7AAP7w81P/Cf//wjAv/8Mhcc5Z1oCI3b5X"
    "RGMW5nmgasLHlyFsY2u1RNnph6Xj3SwiZMdNMAA="
)

PICTURES: Mapping[str, bytes] = {"png": png(), "svg": SVG, "jpeg": JPEG, "webp": WEBP}
TYPES: Mapping[str, str] = {"png": "image/png", "svg": "image/svg+xml", "jpeg": "image/jpeg", "webp": "image/webp"}
