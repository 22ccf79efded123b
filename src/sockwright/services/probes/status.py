"""The probe that answers with the status code it is asked for."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from sockwright.errors import ServiceError
from sockwright.services.probes.pictures import TYPES
from sockwright.services.probes.told import json
from sockwright.wire.exchange import Request, Response

TEAPOT = r"""
    -=[ teapot ]=-
        ___
     .-'   '-. __
  __/ o     o \  |
  \_   ._.    |__/
    '._______.'
"""
_REALM = 'Basic realm="Fake Realm"'
# What belongs to a status (RFC 9110, 15) or is expected of httpbin: fields and content.
_WITH: Mapping[int, tuple[dict[str, str], Any]] = {
    401: ({"WWW-Authenticate": _REALM}, b""),
    402: ({}, "this one is not for free\n"),
    407: ({"Proxy-Authenticate": _REALM}, b""),
    418: ({"x-more-info": "http://tools.ietf.org/html/rfc2324"}, TEAPOT),
}
_REDIRECTS = frozenset({301, 302, 303, 305, 307, 308})


def not_acceptable() -> Response:
    """Return the answer for who takes none of our pictures."""
    accepted = [TYPES[form] for form in ("webp", "svg", "jpeg", "png")]
    words = "Client did not request a supported media type."
    return json({"message": words, "accept": [*accepted, "image/*"]}, 406)


def answer(code: int, place: str) -> Response:
    """Return the answer with `code`; `place` is where redirects lead."""
    if code in _REDIRECTS:
        return Response(b"", code, fields=[("Location", place)])
    if code == 406:
        return not_acceptable()
    fields, content = _WITH.get(code, ({}, b""))
    return Response(content, code, fields=fields)


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
            raise ServiceError(f"Invalid status code: {one[:60]!r}", code=400) from None
        if not 200 <= codes[-1] <= 599 or not 0 <= weights[-1] < 1e9:
            raise ServiceError(f"{one[:60]!r}: status codes of answers go from 200 to 599, weights from 0", code=400)
    if not any(weights):
        raise ServiceError("all weights are 0", code=400)
    return answer(random.choices(codes, weights)[0], request.path.partition("/status/")[0] + "/redirect/1")
