"""Probes that are documents, pictures, and JSON in each coding."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import msgspec

from sockwright.errors import ServiceError
from sockwright.services.probes.pictures import PICTURES, TYPES
from sockwright.services.probes.status import not_acceptable
from sockwright.services.probes.told import about, json
from sockwright.wire.exchange import HTML, JSON, Request, Response

UTF8 = (
    "Съешь же ещё этих мягких французских булок, да выпей чаю\n"
    "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich\n"
    "∮ E⋅da = Q, ∀x∈ℝ: ⌈x⌉ = −⌊−x⌋\n"
    "いろはにほへと ちりぬるを\n"
    "👋🏽 👩‍🚀\n"
)
_HTML = """\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>A page</title></head>
<body><h1>Herman Melville - Moby-Dick</h1>
<p>Call me Ishmael. Some years ago—never mind how long precisely—having little or no money in my purse, and nothing
particular to interest me on shore, I thought I would sail about a little and see the watery part of the world.</p>
</body></html>
"""
_XML = """\
<?xml version='1.0' encoding='utf-8'?>
<slideshow title='Sample Slide Show' date='today' author='nobody'>
<slide type='all'><title>One</title></slide>
<slide type='all'><title>Two</title><item>first</item><item>second</item></slide>
</slideshow>
"""
_SLIDES = [{"title": "One", "type": "all"}, {"title": "Two", "type": "all", "items": ["first", "second"]}]
_SLIDESHOW = {"title": "Sample Slide Show", "date": "today", "author": "nobody", "slides": _SLIDES}


def html(request: Request) -> Response:
    """Answer with a page."""
    return Response(_HTML, type=HTML)


def slideshow(request: Request) -> Response:
    """Answer with JSON."""
    return json({"slideshow": _SLIDESHOW})


def xml(request: Request) -> Response:
    """Answer with XML."""
    return Response(_XML, type="application/xml")


def robots(request: Request) -> Response:
    """Ask robots to stay away from /deny."""
    return Response(f"User-agent: *\nDisallow: {request.path.removesuffix('/robots.txt')}/deny\n", type="text/plain")


def deny(request: Request) -> Response:
    """What robots should not read."""
    return Response("YOU SHOULDN'T BE HERE, if you are a robot\n", type="text/plain")


def utf8(request: Request) -> Response:
    """Answer with letters of many scripts."""
    return Response(f"<!DOCTYPE html><title>UTF-8</title><pre>{UTF8}</pre>\n", type=HTML)


# -- pictures


def image(request: Request) -> Response:
    """Answer with a picture in the best format that is accepted."""
    accepted = request.fields.get("accept").lower()
    for form in ("webp", "svg", "jpeg", "png"):
        if TYPES[form] in accepted:
            return _picture(form)
    return _picture("png") if not accepted or "image/*" in accepted or "*/*" in accepted else not_acceptable()


def image_of(request: Request) -> Response:
    """Answer with a picture in the format of the path."""
    form = request.captured["form"]
    if form not in PICTURES:
        raise ServiceError(f"there is no such format; {', '.join(PICTURES)} are", code=404)
    return _picture(form)


def _picture(form: str) -> Response:
    return Response(PICTURES[form], type=TYPES[form])


# -- codings


def _coded(request: Request, coding: str, key: str, code: Callable[[bytes], bytes]) -> Response:
    plain = msgspec.json.encode({**about(request, "method"), key: True}, order="deterministic")
    return Response(code(plain), type=JSON, fields=[("Content-Encoding", coding)])


def gzipped(request: Request) -> Response:
    """Answer in gzip."""
    return _coded(request, "gzip", "gzipped", lambda plain: gzip.compress(plain, mtime=0))


def deflated(request: Request) -> Response:
    """Answer in deflate (RFC 9110, 8.4.1.2: with zlib's wrapping)."""
    return _coded(request, "deflate", "deflated", zlib.compress)


def brotli(request: Request) -> Response:
    """Answer in Brotli."""
    return _coded(request, "br", "brotli", brotli_stored)


def brotli_stored(plain: bytes) -> bytes:
    """Return `plain` as a Brotli stream that compresses nothing (RFC 7932, 9): no library is needed for that."""
    out = bytearray()
    first = True
    for at in range(0, len(plain), 1 << 16):
        piece = plain[at : at + (1 << 16)]
        # The first one begins with WBITS (0: a window of 64 KiB). Then ISLAST 0, MNIBBLES 0 (four of them follow),
        # MLEN - 1 in 16 bits, ISUNCOMPRESSED 1; the rest of the byte is 0.
        bits, width = (len(piece) - 1) << 3 | 1 << 19, 20
        if first:
            bits, width = bits << 1, width + 1
        out += bits.to_bytes((width + 7) // 8, "little") + piece
        first = False
    # ISLAST 1, ISLASTEMPTY 1.
    return bytes(out) + (b"\x06" if first else b"\x03")
