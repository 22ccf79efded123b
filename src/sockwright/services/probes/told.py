"""What probes tell of a request, in httpbin's words, and how they read numbers."""

from __future__ import annotations

import base64
import functools
import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from sockwright.conversation import Begin
from sockwright.errors import PeerError, ServiceError
from sockwright.wire.exchange import JSON, Request, Response
from sockwright.wire.fields import write_field
from sockwright.wire.multipart import MultipartReader, PartEnd, PartHead, boundary_of

LONGEST = 10.0  # seconds that a probe waits in all

# What proxies add; httpbin keeps it to itself unless the query says `show_env`.
_PROXIES = frozenset({"Via", "Total-Route-Time", "Connect-Time", "X-Varnish", "X-Real-Ip", "X-Request-Id"})
_PROXIES |= {f"X-Forwarded-{what}" for what in ("For", "Port", "Proto", "Protocol", "Ssl")}
_PROXIES |= {f"X-Heroku-{what}" for what in ("Dynos-In-Use", "Queue-Depth", "Queue-Wait-Time")} | {"X-Request-Start"}

_ESCAPED = re.compile(rb"\\([0-3][0-7]{2}|.)", re.DOTALL)

Answer = Response | Begin
Probe = Callable[[Request], Answer]


def json(value: Any, status: int = 200, fields: Sequence[tuple[str, str]] = ()) -> Response:
    """Return `value` as httpbin shows it: sorted and indented."""
    content = msgspec.json.format(msgspec.json.encode(value, order="deterministic"), indent=2) + b"\n"
    return Response(content, status, JSON, fields)


def whole(text: str, what: str, most: int, least: int = 0) -> int:
    """Return the number in `text`, cut to `most`. Raises: ServiceError (400) where it is none."""
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise ServiceError(f"{what} is a number, not {text[:60]!r}", code=400)
    return max(least, min(int(text), most))


def seconds(text: str) -> float:
    """Return a time in seconds, cut to LONGEST. Raises: ServiceError (400) where it is none."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not value >= 0:
        raise ServiceError(f"a time is a number of seconds, not {text[:60]!r}", code=400)
    return min(value, LONGEST)


def parameter(request: Request, name: str, default: str = "") -> str:
    """Return a value of the query, whose name may be written in any case."""
    return next((value for key, value in request.parameters if key.lower() == name), default)


def folded(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return pairs as httpbin shows them: a name given several times has a list."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def fields_of(request: Request) -> dict[str, str]:
    """Return the request's fields, their names written as is usual."""
    hidden = frozenset() if any(name == "show_env" for name, _ in request.parameters) else _PROXIES
    found: dict[str, str] = {}
    for name, _ in request.fields:
        usual = "-".join(part.capitalize() for part in name.split("-"))
        if usual not in hidden:
            found.setdefault(usual, ",".join(request.fields.values(name)))  # as WSGI joins what came twice
    return found


def origin_of(request: Request) -> str:
    """Return where a request came from; a proxy's word is taken for it, since nothing hangs on it."""
    return request.fields.get("x-forwarded-for") or request.peer.host


def url_of(request: Request) -> str:
    """Return what was asked for, with the scheme that a proxy names."""
    given = request.fields.get("x-forwarded-proto") or request.fields.get("x-forwarded-protocol")
    if not given and request.fields.get("x-forwarded-ssl") == "on":
        given = "https"
    scheme, _, rest = (request.origin + request.target).partition("://")
    return f"{given if given in ('http', 'https') else scheme}://{rest}"


def cookies_of(request: Request) -> dict[str, str]:
    """Return the cookies that came."""
    pairs = (part.strip().partition("=") for value in request.fields.values("cookie") for part in value.split(";"))
    return {name: _unquoted(value) for name, found, value in pairs if found}


def _unquoted(value: str) -> str:
    """Undo the quotes of a cookie's value, and what is escaped in them."""
    if len(value) < 2 or not value.startswith('"') or not value.endswith('"'):
        return value
    data = _ESCAPED.sub(_unescaped, value[1:-1].encode("utf-8", "replace"))
    return data.decode("utf-8", "replace")


def _unescaped(found: re.Match[bytes]) -> bytes:
    sign = found[1]
    return bytes([int(sign, 8)]) if len(sign) == 3 else sign


def about(request: Request, *names: str) -> dict[str, Any]:
    """Return what was asked, as httpbin tells it; with "data" also what came, with "method" how it was asked."""
    told: dict[str, Any] = {
        "args": folded(request.parameters),
        "headers": fields_of(request),
        "origin": origin_of(request),
        "url": url_of(request),
    }
    if "method" in names:
        told["method"] = request.method
    if "data" in names:
        told |= {"data": "", "form": {}, "files": {}, "json": None}
        if request.type == "application/x-www-form-urlencoded":
            told["form"] = folded(parse_qsl(request.content.decode("utf-8", "replace"), keep_blank_values=True))
        elif request.type == "multipart/form-data":
            told["form"], told["files"] = _form(request)
        else:
            told["data"] = _text_or_url(request.content)
            try:
                told["json"] = msgspec.json.decode(request.content) if request.content else None
            except (msgspec.DecodeError, RecursionError):
                pass
    return told


def _text_or_url(content: bytes, kind: str = "") -> str:
    """Return content as text, as a data: URL where it is none."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        kind = kind or "application/octet-stream"
        return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _form(request: Request) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the values and the files of a form, as far as it is one."""
    values: list[tuple[str, str]] = []
    files: list[tuple[str, str]] = []
    head: PartHead | None = None
    content = bytearray()
    try:
        reader = MultipartReader(boundary_of(request.fields.get("content-type")))
        for event in reader.feed(request.content):
            match event:
                case PartHead():
                    head = event
                    content.clear()
                case PartEnd() if head is not None:
                    into = values if head.filename is None else files
                    into.append((head.name, _text_or_url(bytes(content), head.type)))
                case bytes():
                    content += event
    except PeerError:
        pass  # httpbin finds nothing in what it cannot read, and says so by telling nothing
    return folded(values), folded(files)


# -- pages of other origins


def crossing(request: Request, *, trusted: bool) -> bytes:
    """Return the field lines that let pages of other origins read an answer, as httpbin lets them.

    Only where probes are all there is (`trusted`) are credentials let through: cookies know no ports, so beside other
    services a page could read theirs.
    """
    if not trusted:
        lines = b"Access-Control-Allow-Origin: *\r\n"
    else:
        origin = request.fields.get("origin") or "*"
        lines = write_field("Access-Control-Allow-Origin", origin) + b"Access-Control-Allow-Credentials: true\r\n"
    if request.method == "OPTIONS":
        lines += b"Access-Control-Allow-Methods: GET, POST, PUT, DELETE, PATCH, OPTIONS\r\n"
        lines += b"Access-Control-Max-Age: 3600\r\n"
        asked = request.fields.get("access-control-request-headers")
        if asked:
            lines += write_field("Access-Control-Allow-Headers", asked)
    return lines


def open_to_pages(probe: Probe, *, trusted: bool) -> Probe:
    """Return `probe` with the fields of `crossing` in whatever it answers."""

    @functools.wraps(probe)
    def opened(request: Request) -> Answer:
        lines = crossing(request, trusted=trusted)
        try:
            answer = probe(request)
        except ServiceError as refused:
            answer = Response(f"{refused}\n", refused.code)
        if isinstance(answer, Response):
            return Response.ready(answer.content, lines + answer.lines, answer.status)
        head = answer.extra.get("head")
        if isinstance(head, Response):
            head = Response.ready(head.content, lines + head.lines, head.status)
        return Begin(answer.service, {**answer.extra, "head": head, "lines": lines})

    return opened
