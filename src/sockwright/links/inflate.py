"""Gzip undone with a limit, for files that are compressed themselves (`sitemap.xml.gz`)."""

from __future__ import annotations

import zlib

# Bytes that come out at most. A sitemap may have 50 MB by its rules, but 20 hold more than a run reads.
INFLATED = 20 * 1024 * 1024


def inflate(content: bytes, limit: int = INFLATED) -> tuple[bytes, str]:
    """Return the content of a gzip file (RFC 1952), all members of it, and "" or why it is not whole."""
    pieces: list[bytes] = []
    room = limit
    while content:
        member = zlib.decompressobj(wbits=31)
        try:
            piece = member.decompress(content, room + 1)
        except zlib.error:
            # What follows the first member may be padding.
            return b"".join(pieces), "" if pieces else "gzip: the data are broken"
        pieces.append(piece[:room])
        room -= len(piece)
        if room < 0:
            return b"".join(pieces), f"gzip: only the first {limit} bytes were read"
        if not member.eof:
            return b"".join(pieces), "gzip: the end is missing"
        content = member.unused_data
    return b"".join(pieces), ""
