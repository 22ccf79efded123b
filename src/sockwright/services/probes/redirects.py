"""Probes that send the client elsewhere."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote

from sockwright.errors import ServiceError
from sockwright.services.probes.told import parameter, whole
from sockwright.wire.exchange import Request, Response

MOST = 100
_URL = "%:/?#[]@!$&'()*+,;=~"


def redirect(request: Request) -> Response:
    """Send the client on so many times, then to /get."""
    left = whole(request.captured["count"], "a number of redirects", MOST, 1)
    kind = "absolute-redirect" if parameter(request, "absolute").lower() == "true" else "relative-redirect"
    for name in ("absolute-redirect", "relative-redirect"):
        if f"/{name}/" in request.path:
            kind = name
    before = request.path.rpartition("/")[0].rpartition("/")[0]
    place = f"{before}/get" if left == 1 else f"{before}/{kind}/{left - 1}"
    return Response(b"", 302, fields=[("Location", (request.origin if kind.startswith("a") else "") + place)])


def redirect_to(request: Request) -> Response:
    """Send the client to `url`, with `status_code`."""
    given = dict([*parse_qsl(request.content.decode("utf-8", "replace")), *request.parameters])
    given = {name.lower(): value for name, value in given.items()}
    place = given.get("url", "")
    if not place or not place.isprintable():
        raise ServiceError("where to? /redirect-to?url=...", code=400)
    code = whole(given.get("status_code", "302"), "a status code", 999)
    return Response(b"", code if 300 <= code <= 399 else 302, fields=[("Location", quote(place, safe=_URL))])
