"""Probes: answers made for testing HTTP clients, at the paths and with the fields of httpbin.

    echo        /get /post /put /patch /delete /anything /headers /ip /user-agent
    status      /status/{codes}: one code, or several with weights (200:0.9,500:0.1)
    time        /delay/{n} /drip /stream/{n} /sse
    content     /bytes/{n} /stream-bytes/{n} /range/{n} /links/{n} /uuid /base64/{value} /encoding/utf8
    redirects   /redirect/{n} /absolute-redirect/{n} /relative-redirect/{n} /redirect-to
    cookies     /cookies /cookies/set /cookies/set/{name}/{value} /cookies/delete
    login       /basic-auth/{user}/{password} /hidden-basic-auth/... /digest-auth/{qop}/{user}/{password} /bearer
    caching     /cache /cache/{seconds} /etag/{tag} /response-headers
    coding      /gzip /deflate /brotli
    images      /image (by Accept) /image/{png,svg,jpeg,webp}
    documents   /html /json /xml /robots.txt /deny

Every wait and every size has a limit.
"""

from __future__ import annotations

import base64
import gzip
import random
import uuid
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl, quote

import msgspec

from sockwright.binding import Service, service_of
from sockwright.conversation import Begin
from sockwright.errors import ServiceError
from sockwright.services import Context
from sockwright.services.digest import Digests, algorithm_of
from sockwright.services.pictures import PICTURES, TYPES
from sockwright.session import Session
from sockwright.wire.conditions import http_date, precondition, ranges
from sockwright.wire.exchange import BYTES, HTML, JSON, TEXT, Request, Response
from sockwright.wire.fields import write_field

LONGEST = 10.0  # seconds that a probe waits in all
MOST_BYTES = 100 * 1024  # of /bytes, /stream-bytes, /range and /drip
MOST_LINES = 100  # of /stream and /sse
MOST_LINKS = 200
MOST_REDIRECTS = 100

UTF8 = (
    "Съешь же ещё этих мягких французских булок, да выпей чаю\n"
    "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich\n"
    "∮ E⋅da = Q, ∀x∈ℝ: ⌈x⌉ = −⌊−x⌋\n"
    "いろはにほへと ちりぬるを\n"
    "👋🏽 👩‍🚀\n"
)


def _json(value: Any, status: int = 200, fields: Sequence[tuple[str, str]] = ()) -> Response:
    content = msgspec.json.format(msgspec.json.encode(value, order="deterministic"), indent=2) + b"\n"
    return Response(content, status, JSON, fields)


def _whole(text: str, what: str, most: int, least: int = 0) -> int:
    """Return the number in `text`, cut to `most`. Raises: ServiceError (400) where it is none."""
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise ServiceError(f"{what} is a number, not {text[:60]!r}", code=400)
    return max(least, min(int(text), most))


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not value >= 0:
        raise ServiceError(f"a time is a number of seconds, not {text[:60]!r}", code=400)
    return min(value, LONGEST)


def _folded(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return pairs as httpbin shows them: a name given several times has a list."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _fields(request: Request) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, _ in request.fields:
        found.setdefault("-".join(part.capitalize() for part in name.split("-")), request.fields.get(name))
    return found


def _cookies(request: Request) -> dict[str, str]:
    pairs = (part.strip().partition("=") for value in request.fields.values("cookie") for part in value.split(";"))
    return {name: value.strip('"') for name, found, value in pairs if found}


def _text_or_url(content: bytes) -> str:
    """Return content as text, as a data: URL where it is none."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return "data:application/octet-stream;base64," + base64.b64encode(content).decode()


def _about(request: Request, *names: str) -> dict[str, Any]:
    """Return what was asked, as httpbin tells it."""
    about: dict[str, Any] = {
        "args": _folded(request.parameters),
        "headers": _fields(request),
        "origin": request.peer.host,
        "url": request.origin + request.target,
        "method": request.method,
    }
    if "data" in names:
        about |= {"data": "", "form": {}, "files": {}, "json": None}
        if request.type == "application/x-www-form-urlencoded":
            about["form"] = _folded(parse_qsl(request.content.decode("utf-8", "replace"), keep_blank_values=True))
        elif request.type == "multipart/form-data":
            about["form"], about["files"] = _multipart(request)
        else:
            about["data"] = _text_or_url(request.content)
            try:
                about["json"] = msgspec.json.decode(request.content) if request.content else None
            except (msgspec.DecodeError, RecursionError):
                pass
    return {name: value for name, value in about.items() if name != "method" or name in names}


def _multipart(request: Request) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the values and the files of a form."""
    kind = write_field("Content-Type", request.fields.get("content-type"))
    message = BytesParser(policy=HTTP).parsebytes(kind + b"\r\n" + request.content)
    values: list[tuple[str, str]] = []
    files: list[tuple[str, str]] = []
    for part in message.iter_parts() if message.is_multipart() else ():
        payload = part.get_payload(decode=True)
        name = part.get_param("name", header="content-disposition")
        if isinstance(payload, bytes) and isinstance(name, str):
            (values if part.get_filename() is None else files).append((name, _text_or_url(payload)))
    return _folded(values), _folded(files)


# -- echo


def get(request: Request) -> Response:
    """Tell what was asked."""
    return _json(_about(request))


def post(request: Request) -> Response:
    """Tell what was asked, and what came with it."""
    return _json(_about(request, "data"))


def anything(request: Request) -> Response:
    """Tell everything about a request of any method."""
    return _json(_about(request, "data", "method"))


def headers(request: Request) -> Response:
    """Tell the fields."""
    return _json({"headers": _fields(request)})


def ip(request: Request) -> Response:
    """Tell where the request came from."""
    return _json({"origin": request.peer.host})


def user_agent(request: Request) -> Response:
    """Tell which program asks."""
    return _json({"user-agent": request.fields.get("user-agent") or None})


# -- status


def status(request: Request) -> Response:
    """Answer with a status code, or one of several by their weights."""
    codes: list[int] = []
    weights: list[float] = []
    for one in request.captured["codes"].split(","):
        code, _, weight = one.partition(":")
        try:
            codes.append(int(code))
            weights.append(float(weight) if weight else 1.0)
        except ValueError:
            raise ServiceError(f"{one[:60]!r} is no status code", code=400) from None
        if not 200 <= codes[-1] <= 599 or not 0 <= weights[-1] < 1e9:
            raise ServiceError(f"{one[:60]!r}: status codes of answers go from 200 to 599, weights from 0", code=400)
    if not any(weights):
        raise ServiceError("all weights are 0", code=400)
    chosen = random.choices(codes, weights)[0]
    fields: dict[int, tuple[str, str]] = {
        401: ("WWW-Authenticate", 'Basic realm="Fake Realm"'),
        407: ("Proxy-Authenticate", 'Basic realm="Fake Realm"'),
    }
    if chosen in (301, 302, 303, 305, 307, 308):
        return Response(b"", chosen, fields=[("Location", f"{request.path.partition('/status/')[0]}/redirect/1")])
    return Response(b"", chosen, fields=[fields[chosen]] if chosen in fields else ())


# -- content


def _random_bytes(request: Request) -> bytes:
    count = _whole(request.captured["count"], "a number of bytes", MOST_BYTES)
    seed = request.parameter("seed")
    return random.Random(seed or None).randbytes(count)


def random_bytes(request: Request) -> Response:
    """Answer with so many bytes of chance; the same ones for the same `seed`."""
    return Response(_random_bytes(request), type=BYTES)


def part(request: Request) -> Response:
    """Answer with so many letters, of which parts can be asked for."""
    size = _whole(request.captured["count"], "a number of bytes", MOST_BYTES, 1)
    tag = f'"range{size}"'
    content = (b"abcdefghijklmnopqrstuvwxyz" * (size // 26 + 1))[:size]
    told = [("ETag", tag), ("Accept-Ranges", "bytes")]
    wanted = ranges(request.fields, size, tag, 0) if request.method == "GET" else None
    if wanted is None or len(wanted) > 1:
        return Response(content, type=BYTES, fields=told)
    if not wanted:
        return Response(b"", 416, fields=[*told, ("Content-Range", f"bytes */{size}")])
    offset, count = wanted[0]
    place = f"bytes {offset}-{offset + count - 1}/{size}"
    return Response(content[offset : offset + count], 206, BYTES, [*told, ("Content-Range", place)])


def links(request: Request) -> Response:
    """Answer with a page of so many links to its neighbours."""
    count = _whole(request.captured["count"], "a number of links", MOST_LINKS, 1)
    here = _whole(request.captured.get("offset", "0"), "an offset", MOST_LINKS)
    before = request.path.partition("/links/")[0]
    shown = [
        str(number) if number == here else f"<a href='{before}/links/{count}/{number}'>{number}</a>"
        for number in range(count)
    ]
    return Response(f"<html><head><title>Links</title></head><body>{' '.join(shown)} </body></html>", type=HTML)


def new_uuid(request: Request) -> Response:
    """Answer with a new UUID."""
    return _json({"uuid": str(uuid.uuid4())})


def from_base64(request: Request) -> Response:
    """Undo base64 in its URL-safe alphabet."""
    try:
        value = request.captured["value"].encode()
        return Response(base64.b64decode(value + b"=" * (-len(value) % 4), b"-_", validate=True), type=TEXT)
    except (ValueError, UnicodeEncodeError):
        raise ServiceError("this is not base64; try SGVsbG8=", code=400) from None


def utf8(request: Request) -> Response:
    """Answer with letters of many scripts."""
    return Response(f"<!DOCTYPE html><title>UTF-8</title><pre>{UTF8}</pre>\n", type=HTML)


# -- redirects


def redirect(request: Request) -> Response:
    """Send the client on so many times, then to /get."""
    left = _whole(request.captured["count"], "a number of redirects", MOST_REDIRECTS, 1)
    kind = "absolute-redirect" if request.parameter("absolute").lower() == "true" else "relative-redirect"
    for name in ("absolute-redirect", "relative-redirect"):
        if f"/{name}/" in request.path:
            kind = name
    before = request.path.rpartition("/")[0].rpartition("/")[0]
    place = f"{before}/get" if left == 1 else f"{before}/{kind}/{left - 1}"
    return Response(b"", 302, fields=[("Location", (request.origin if kind.startswith("a") else "") + place)])


def redirect_to(request: Request) -> Response:
    """Send the client to `url`, with `status_code`."""
    given = dict([*parse_qsl(request.content.decode("utf-8", "replace")), *request.parameters])
    place = given.get("url", "")
    if not place or not place.isprintable():
        raise ServiceError("where to? /redirect-to?url=...", code=400)
    code = _whole(given.get("status_code", "302"), "a status code", 999)
    return Response(b"", code if 300 <= code <= 399 else 302, fields=[("Location", quote(place, safe=_URL))])


_URL = "%:/?#[]@!$&'()*+,;=~"


# -- cookies


def cookies(request: Request) -> Response:
    """Tell the cookies that came."""
    return _json({"cookies": _cookies(request)})


def _to_cookies(request: Request, told: Sequence[str]) -> Response:
    place = ("Location", request.path.partition("/cookies/")[0] + "/cookies")
    return Response(b"", 302, fields=[place, *(("Set-Cookie", one) for one in told)])


def _cookie(name: str, value: str) -> str:
    if not name or not all(33 <= ord(sign) < 127 and sign not in '()<>@,;:\\"/[]?={}' for sign in name):
        raise ServiceError(f"{name[:60]!r} is no name for a cookie", code=400)
    safe = all(33 <= ord(sign) < 127 and sign not in '",;\\' for sign in value)
    return f"{name}={value if safe else quote(value)}; Path=/"


def set_cookies(request: Request) -> Response:
    """Have the query's names and values remembered."""
    return _to_cookies(request, [_cookie(name, value) for name, value in request.parameters])


def set_cookie(request: Request) -> Response:
    """Have one name and value remembered."""
    return _to_cookies(request, [_cookie(request.captured["name"], request.captured["value"])])


def delete_cookies(request: Request) -> Response:
    """Have the query's names forgotten."""
    gone = "; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0"
    return _to_cookies(request, [_cookie(name, "") + gone for name, _ in request.parameters])


# -- login


def _asked_basic(request: Request) -> bool:
    scheme, _, given = request.fields.get("authorization").partition(" ")
    wanted = f"{request.captured['user']}:{request.captured['password']}".encode()
    try:
        return scheme.lower() == "basic" and base64.b64decode(given.strip(), validate=True) == wanted
    except ValueError:
        return False


def _logged_in(user: str) -> Response:
    return _json({"authenticated": True, "user": user})


def basic(request: Request) -> Response:
    """Ask for the user and the password of the path."""
    if _asked_basic(request):
        return _logged_in(request.captured["user"])
    return Response(b"", 401, fields=[("WWW-Authenticate", 'Basic realm="Fake Realm"')])


def hidden_basic(request: Request) -> Response:
    """The same, with 404 for who does not know."""
    return _logged_in(request.captured["user"]) if _asked_basic(request) else _json({}, 404)


def bearer(request: Request) -> Response:
    """Ask for a token, whatever it is."""
    scheme, _, token = request.fields.get("authorization").partition(" ")
    if scheme != "Bearer" or not token:
        return Response(b"", 401, fields=[("WWW-Authenticate", "Bearer")])
    return _json({"authenticated": True, "token": token})


# -- caching


def cache(request: Request) -> Response:
    """Answer 304 to who asks whether something changed."""
    if "if-modified-since" in request.fields or "if-none-match" in request.fields:
        return Response(b"", 304)
    tag = uuid.uuid5(uuid.NAMESPACE_URL, request.target).hex
    return _json(_about(request), fields=[("Last-Modified", http_date(0)), ("ETag", f'"{tag}"')])


def cache_for(request: Request) -> Response:
    """Let the answer be kept for so many seconds."""
    seconds = _whole(request.captured["seconds"], "a number of seconds", 10**9)
    return _json(_about(request), fields=[("Cache-Control", f"public, max-age={seconds}")])


def etag(request: Request) -> Response:
    """Answer with a tag, and to conditions on it."""
    tag = f'"{quote(request.captured["tag"])}"'
    wrong = precondition(request.fields, tag, 0)
    if wrong:
        return Response(b"", wrong, fields=[("ETag", tag)])
    return _json(_about(request), fields=[("ETag", tag)])


def response_headers(request: Request) -> Response:
    """Answer with the fields that the query names."""
    ours = {"content-length", "content-type", "connection", "date", "transfer-encoding"}
    wanted = [(name, value) for name, value in request.parameters if name.lower() not in ours]
    try:
        return _json(_folded(request.parameters), fields=wanted)
    except ValueError as wrong:
        raise ServiceError(str(wrong), code=400) from None


# -- coding


def _coded(request: Request, coding: str, key: str, code: Callable[[bytes], bytes]) -> Response:
    plain = msgspec.json.encode({**_about(request, "method"), key: True}, order="deterministic")
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


# -- images


def image(request: Request) -> Response:
    """Answer with a picture in the format that is accepted: by the client's order, not by its weights."""
    accepted = [one.partition(";")[0].strip() for one in request.fields.tokens("accept")] or ["image/*"]
    for wanted in accepted:
        if wanted in ("image/*", "*/*"):
            return picture("png")
        for form, kind in TYPES.items():
            if wanted == kind:
                return picture(form)
    raise ServiceError(f"accepted formats: {', '.join(TYPES.values())}", code=406)


def image_of(request: Request) -> Response:
    """Answer with a picture in the format of the path."""
    form = request.captured["form"]
    if form not in PICTURES:
        raise ServiceError(f"there is no such format; {', '.join(PICTURES)} are", code=404)
    return picture(form)


def picture(form: str) -> Response:
    """Return the picture in one format."""
    return Response(PICTURES[form], type=TYPES[form])


# -- documents


_HTML = """\
<!DOCTYPE html>
<html><head><title>A page</title></head>
<body><h1>A page</h1><p>With a paragraph.</p></body></html>
"""
_XML = """\
<?xml version='1.0' encoding='utf-8'?>
<slideshow title='Slides'><slide type='all'><title>One</title></slide></slideshow>
"""
_SLIDES = {"slideshow": {"title": "Slides", "author": "nobody", "slides": [{"title": "One", "type": "all"}]}}


def html(request: Request) -> Response:
    """Answer with a page."""
    return Response(_HTML, type=HTML)


def json(request: Request) -> Response:
    """Answer with JSON."""
    return _json(_SLIDES)


def xml(request: Request) -> Response:
    """Answer with XML."""
    return Response(_XML, type="application/xml")


def robots(request: Request) -> Response:
    """Ask robots to stay away from /deny."""
    return Response(f"User-agent: *\nDisallow: {request.path.removesuffix('/robots.txt')}/deny\n", type="text/plain")


def deny(request: Request) -> Response:
    """What robots should not read."""
    return Response("robots should not be here\n", type="text/plain")


_ECHO = ("POST", "PUT", "PATCH", "DELETE")
_ANY = ("GET", *_ECHO)
_PATHS: Sequence[tuple[Sequence[str], str, Callable[..., Any]]] = (
    (("GET",), "/get", get),
    (("POST",), "/post", post),
    (("PUT",), "/put", post),
    (("PATCH",), "/patch", post),
    (("DELETE",), "/delete", post),
    (_ANY, "/anything", anything),
    (_ANY, "/anything/{path...}", anything),
    (("GET",), "/headers", headers),
    (("GET",), "/ip", ip),
    (("GET",), "/user-agent", user_agent),
    (_ANY, "/status/{codes}", status),
    (("GET",), "/bytes/{count}", random_bytes),
    (("GET",), "/range/{count}", part),
    (("GET",), "/links/{count}", links),
    (("GET",), "/links/{count}/{offset}", links),
    (("GET",), "/uuid", new_uuid),
    (("GET",), "/base64/{value}", from_base64),
    (("GET",), "/encoding/utf8", utf8),
    (("GET",), "/redirect/{count}", redirect),
    (("GET",), "/absolute-redirect/{count}", redirect),
    (("GET",), "/relative-redirect/{count}", redirect),
    (_ANY, "/redirect-to", redirect_to),
    (("GET",), "/cookies", cookies),
    (("GET",), "/cookies/set", set_cookies),
    (("GET",), "/cookies/set/{name}/{value}", set_cookie),
    (("GET",), "/cookies/delete", delete_cookies),
    (("GET",), "/basic-auth/{user}/{password}", basic),
    (("GET",), "/hidden-basic-auth/{user}/{password}", hidden_basic),
    (("GET",), "/bearer", bearer),
    (("GET",), "/cache", cache),
    (("GET",), "/cache/{seconds}", cache_for),
    (("GET",), "/etag/{tag}", etag),
    (("GET", "POST"), "/response-headers", response_headers),
    (("GET",), "/gzip", gzipped),
    (("GET",), "/deflate", deflated),
    (("GET",), "/brotli", brotli),
    (("GET",), "/image", image),
    (("GET",), "/image/{form}", image_of),
    (("GET",), "/html", html),
    (("GET",), "/json", json),
    (("GET",), "/xml", xml),
    (("GET",), "/robots.txt", robots),
    (("GET",), "/deny", deny),
)


class Probes:
    """The probes that need more than the request: a clock to wait by, a key."""

    def __init__(self, context: Context) -> None:
        self._sleep = context.sleep
        self._digests = Digests()
        self.paths: Sequence[tuple[Sequence[str], str, Callable[..., Any]]] = (
            (_ANY, "/delay/{seconds}", self.delay),
            (("GET",), "/drip", self.drip),
            (("GET",), "/stream/{count}", self.stream),
            (("GET",), "/stream-bytes/{count}", self.stream_bytes),
            (("GET",), "/sse", self.sse),
            (("GET",), "/digest-auth/{qop}/{user}/{password}", self.digest),
            (("GET",), "/digest-auth/{qop}/{user}/{password}/{algorithm}", self.digest),
        )

    def _said(self, pieces: Sequence[bytes], pause: float, head: Response | None = None, wait: float = 0.0) -> Begin:
        """Have `pieces` said one by one, `pause` seconds apart, after `wait` seconds."""

        async def say(session: Session) -> None:
            await self._sleep(wait)
            for number, piece in enumerate(pieces):
                if number and pause:
                    await self._sleep(pause)
                await session.send(piece)

        return Begin(service_of(say), {"head": head})

    def delay(self, request: Request) -> Begin:
        """Tell what was asked, after so many seconds."""
        wait = _seconds(request.captured["seconds"])
        content = _json(_about(request, "data")).content
        lines = write_field("Content-Type", JSON) + write_field("Content-Length", len(content))
        return self._said([b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n" + content], 0, wait=wait)

    def drip(self, request: Request) -> Begin:
        """Answer drop by drop: `numbytes` over `duration` seconds, after `delay`, with `code`."""
        count = _whole(request.parameter("numbytes", "10"), "numbytes", MOST_BYTES, 1)
        duration = _seconds(request.parameter("duration", "2"))
        wait = _seconds(request.parameter("delay", "0"))
        code = _whole(request.parameter("code", "200"), "code", 599, 200)
        drops = min(count, 1000)
        sizes = [count * (number + 1) // drops - count * number // drops for number in range(drops)]
        lines = write_field("Content-Type", BYTES) + write_field("Content-Length", count)
        head = b"HTTP/1.1 %d Drip\r\n%b\r\n" % (code, lines)
        pieces = [b"*" * size for size in sizes]
        return self._said([head + pieces[0], *pieces[1:]], duration / drops, wait=wait)

    def stream(self, request: Request) -> Begin:
        """Answer with so many lines of JSON, each a chunk."""
        count = _whole(request.captured["count"], "a number of lines", MOST_LINES)
        about = _about(request)
        lines = [msgspec.json.encode({**about, "id": number}) + b"\n" for number in range(count)]
        return self._said(lines, 0, Response(b"", type=JSON))

    def stream_bytes(self, request: Request) -> Begin:
        """Answer with so many bytes of chance, in chunks of `chunk_size`."""
        data = _random_bytes(request)
        size = _whole(request.parameter("chunk_size", "10240"), "chunk_size", MOST_BYTES, 1)
        return self._said([data[at : at + size] for at in range(0, len(data), size)], 0, Response(b"", type=BYTES))

    def sse(self, request: Request) -> Begin:
        """Answer with `count` events over `duration` seconds, after `delay`."""
        count = _whole(request.parameter("count", "10"), "count", MOST_LINES, 1)
        duration = _seconds(request.parameter("duration", "5"))
        events = [
            b"event: ping\nid: %d\ndata: %b\n\n" % (number, msgspec.json.encode({"id": number}))
            for number in range(count)
        ]
        head = Response(b"", type="text/event-stream", fields=[("Cache-Control", "no-store")])
        return self._said(events, duration / count, head, _seconds(request.parameter("delay", "0")))

    def digest(self, request: Request) -> Response:
        """Ask for the user and the password of the path, in a way that does not show the password (RFC 7616)."""
        caught: Mapping[str, str] = request.captured
        given = request.fields.get("authorization")
        user, password = caught["user"], caught["password"]
        if self._digests.right(given, user, password, request.method, request.target):
            return _logged_in(user)
        qop = caught["qop"] if caught["qop"] in ("auth", "auth-int") else ""
        challenge = self._digests.challenge("auth" if qop else "", algorithm_of(caught.get("algorithm", "MD5")))
        return Response(b"", 401, fields=[("WWW-Authenticate", challenge)])


def offer(context: Context) -> Sequence[Service]:
    """Return every probe at httpbin's own path and below /probe; `prefixes` names others."""
    prefixes: Any = context.settings.get("prefixes", ("", "/probe"))
    offered: list[Service] = []
    for methods, path, function in (*_PATHS, *Probes(context).paths):
        made = replace(service_of(function, "probes"), blocking=False)
        offered += [replace(made, route=f"{method} {prefix}{path}") for prefix in prefixes for method in methods]
    return offered
