"""Probes about what a client keeps, and about fields as such.

httpbin writes entity-tags without quotes, which RFC 9110, 8.8.3 wants; clients' tests compare with what it writes, so
these are without, too.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence

from sockwright.errors import ServiceError
from sockwright.services.probes.told import about, folded, json, whole
from sockwright.wire.conditions import http_date
from sockwright.wire.exchange import JSON, Request, Response
from sockwright.wire.fields import write_field

_TAG = re.compile(r'\s*(?:W/)?"?([^"]*)"?\s*')
_OURS = frozenset({"content-length", "connection", "date", "transfer-encoding"})


def cache(request: Request) -> Response:
    """Answer 304 to who asks whether something changed."""
    if request.fields.get("if-modified-since") or request.fields.get("if-none-match"):
        return Response(b"", 304)
    tag = uuid.uuid5(uuid.NAMESPACE_URL, request.target).hex
    return json(about(request), fields=[("Last-Modified", http_date(request.now)), ("ETag", tag)])


def cache_for(request: Request) -> Response:
    """Let the answer be kept for so many seconds."""
    seconds = whole(request.captured["seconds"], "a number of seconds", 10**9)
    return json(about(request), fields=[("Cache-Control", f"public, max-age={seconds}")])


def etag(request: Request) -> Response:
    """Answer with a tag, and to conditions on it."""
    tag = request.captured["tag"]
    try:
        write_field("ETag", tag)
    except ValueError:
        raise ServiceError("this is no entity-tag", code=400) from None
    unless = _tags(request, "if-none-match")
    only = _tags(request, "if-match")
    if unless:
        if tag in unless or "*" in unless:
            return Response(b"", 304, fields=[("ETag", tag)])
    elif only and tag not in only and "*" not in only:
        return Response(b"", 412)
    return json(about(request), fields=[("ETag", tag)])


def _tags(request: Request, name: str) -> Sequence[str]:
    given = request.fields.get(name)
    return [found[1] for part in given.split(",") if (found := _TAG.match(part))] if given else []


def response_headers(request: Request) -> Response:
    """Answer with the fields that the query names, and tell all that there are; Content-Type may be one of them."""
    wanted = [(name, value) for name, value in request.parameters if name.lower() not in _OURS]
    typed = next((value for name, value in reversed(wanted) if name.lower() == "content-type"), JSON)
    others = [(name, value) for name, value in wanted if name.lower() != "content-type"]
    told = {**folded(request.parameters), "Content-Type": typed}
    try:
        size = 0
        while True:  # the length is a field too, and a part of the content
            told["Content-Length"] = str(size)
            answer = json(told)
            if answer.length == size:
                return Response(answer.content, type=typed, fields=others)
            size = answer.length
    except ValueError as wrong:
        raise ServiceError(str(wrong), code=400) from None
