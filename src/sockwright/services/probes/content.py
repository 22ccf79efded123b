"""Probes whose content has the size, or says the thing, that is asked for."""

from __future__ import annotations

import base64
import random
import re
import uuid

from sockwright.errors import ServiceError
from sockwright.services.probes.told import json, parameter, whole
from sockwright.wire.exchange import BYTES, HTML, TEXT, Request, Response

MOST_BYTES = 100 * 1024  # of /bytes, /stream-bytes and /range
MOST_LINKS = 200
_RANGE = re.compile(r"\s*bytes=(\d{0,18})-(\d{0,18})\s*", re.ASCII)


def bytes_of_chance(request: Request) -> bytes:
    """Return so many bytes of chance; for a `seed` those of Python's `randint(0, 255)`, as httpbin's are."""
    count = whole(request.captured["count"], "a number of bytes", MOST_BYTES)
    seed = parameter(request, "seed")
    if not seed:
        return random.randbytes(count)
    try:
        draw = random.Random(int(seed)).getrandbits
    except ValueError:
        raise ServiceError(f"a seed is a number, not {seed[:60]!r}", code=400) from None
    found = bytearray()
    while len(found) < count:
        if (value := draw(9)) < 256:
            found.append(value)
    return bytes(found)


def random_bytes(request: Request) -> Response:
    """Answer with so many bytes of chance; the same ones for the same `seed`."""
    return Response(bytes_of_chance(request), type=BYTES)


def part_of(request: Request) -> tuple[Response, bytes]:
    """Return the head and the content of an answer with so many letters, of which one part may be asked for.

    Unlike RFC 9110, 14.1.2 and as httpbin does it, a part that ends behind the end is none at all.
    """
    text = request.captured["count"]
    size = int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else -1
    told = [("ETag", f"range{max(size, 0)}"), ("Accept-Ranges", "bytes")]
    if not 0 < size <= MOST_BYTES:
        return Response(b"", 404, fields=told), f"number of bytes must be in the range (0, {MOST_BYTES}]\n".encode()
    asked = _RANGE.fullmatch(request.fields.get("range"))
    first, last = 0, size - 1
    if asked is not None and asked[1]:
        first, last = int(asked[1]), int(asked[2]) if asked[2] else last
    elif asked is not None and asked[2]:
        first = max(0, size - int(asked[2]))
    if not 0 <= first <= last < size:
        return Response(b"", 416, fields=[*told, ("Content-Range", f"bytes */{size}")]), b""
    content = (b"abcdefghijklmnopqrstuvwxyz" * (size // 26 + 1))[first : last + 1]
    told.append(("Content-Range", f"bytes {first}-{last}/{size}"))
    return Response(b"", 200 if len(content) == size else 206, BYTES, told), content


def links(request: Request) -> Response:
    """Answer with a page of so many links to its neighbours."""
    count = whole(request.captured["count"], "a number of links", MOST_LINKS, 1)
    before = request.path.partition("/links/")[0]
    if "offset" not in request.captured:
        return Response(b"", 302, fields=[("Location", f"{before}/links/{count}/0")])
    here = whole(request.captured["offset"], "an offset", 10**9)
    shown = [
        str(number) if number == here else f"<a href='{before}/links/{count}/{number}'>{number}</a>"
        for number in range(count)
    ]
    return Response(f"<html><head><title>Links</title></head><body>{' '.join(shown)} </body></html>", type=HTML)


def new_uuid(request: Request) -> Response:
    """Answer with a new UUID."""
    return json({"uuid": str(uuid.uuid4())})


def from_base64(request: Request) -> Response:
    """Undo base64 in its URL-safe alphabet."""
    try:
        value = request.captured["value"].encode()
        return Response(base64.b64decode(value + b"=" * (-len(value) % 4), b"-_", validate=True), type=TEXT)
    except (ValueError, UnicodeEncodeError):
        raise ServiceError("Incorrect Base64 data; try SGVsbG8=", code=400) from None
