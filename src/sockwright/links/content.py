"""Content codings undone with a limit (RFC 9110, 8.4): what inflates without end is cut, not believed.

The engines hand over bodies as they came over the wire; so both limits, on the wire and inflated, are kept
in one place. Only what we ask for is undone: gzip and deflate.
"""

from __future__ import annotations

import zlib

from sockwright.links.asking import Exchange, Limits

ACCEPTED = "gzip, deflate"
_RATIO_FROM = 1_000_000  # bytes; below, no ratio is a bomb
_CODINGS_MAX = 3  # one on another; each could multiply what the one below has multiplied
_GZIP = ("gzip", "x-gzip")


def decode_content(exchange: Exchange, limits: Limits) -> None:
    """Undo the codings of `exchange.content`; say in `cut` or `trouble` what stood against it."""
    if not exchange.content:
        return
    field = exchange.value("content-encoding")
    if not field:
        return
    codings = [coding.strip().lower() for coding in field.split(",")]
    codings = [coding for coding in codings if coding and coding != "identity"]
    whole = not exchange.cut and not exchange.trouble
    wire = len(exchange.content)
    for coding in reversed(codings):
        if len(codings) > _CODINGS_MAX or coding not in (*_GZIP, "deflate"):
            exchange.cut = f"its body is coded in {coding[:20]!r}, which nobody asked for, and was not read"
            exchange.content = b""
            return
        try:
            exchange.content, over = _inflate(exchange.content, coding, wire, limits, whole)
        except zlib.error as wrong:
            exchange.trouble, exchange.detail, exchange.content = "coding", f"{coding}: {wrong}", b""
            return
        if over:
            exchange.cut = over
            if over.startswith("its body inflates"):
                exchange.content = b""
            return


def _inflate(data: bytes, coding: str, wire: int, limits: Limits, whole: bool) -> tuple[bytes, str]:
    """Return `data` inflated, and why not all of it."""
    bits = 31
    if coding == "deflate":  # with the zlib wrapper as the RFC says, or bare as some servers send it
        bits = 15 if len(data) > 1 and data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0 else -15
    pieces: list[bytes] = []
    size = 0
    while data:
        inflater = zlib.decompressobj(bits)
        while data and not inflater.eof:
            piece = inflater.decompress(data, 65_536)
            data = inflater.unconsumed_tail
            size += len(piece)
            pieces.append(piece)
            if size > limits.ratio * wire and size > _RATIO_FROM:
                return b"", f"its body inflates to more than {limits.ratio} times its size, and was not read"
            if size > limits.inflated:
                return b"".join(pieces)[: limits.inflated], f"only the first {limits.inflated} bytes were read"
        if not inflater.eof:
            if whole:
                raise zlib.error("it ends too early")
            break
        data = inflater.unused_data
        if bits != 31 or not data.startswith(b"\x1f\x8b"):  # gzip may be several members, and padding after them
            break
    return b"".join(pieces), ""
