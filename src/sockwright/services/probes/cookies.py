"""Probes that have the client remember, and tell what it remembers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sockwright.errors import ServiceError
from sockwright.services.probes.told import cookies_of, json
from sockwright.wire.exchange import Request, Response

_SAFE = re.compile(r"[\w!#$%&'()*+\-./:<=>?@\[\]^`{|}~]*", re.ASCII)


def cookies(request: Request) -> Response:
    """Tell the cookies that came."""
    return json({"cookies": cookies_of(request)})


def set_cookies(request: Request) -> Response:
    """Have the query's names and values remembered."""
    return _sent_back(request, [cookie(request, name, value) for name, value in request.parameters])


def set_cookie(request: Request) -> Response:
    """Have one name and value remembered."""
    return _sent_back(request, [cookie(request, request.captured["name"], request.captured["value"])])


def delete_cookies(request: Request) -> Response:
    """Have the query's names forgotten."""
    gone = "; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0"
    return _sent_back(request, [cookie(request, name, "") + gone for name, _ in request.parameters])


def cookie(request: Request, name: str, value: str) -> str:
    """Return what Set-Cookie says. Raises: ServiceError (400) where `name` is none."""
    if not name or not all(33 <= ord(sign) < 127 and sign not in '()<>@,;:\\"/[]?={}' for sign in name):
        raise ServiceError(f"{name[:60]!r} is no name for a cookie", code=400)
    secure = "Secure; " if request.secure else ""
    return f"{name}={quoted(value)}; {secure}Path=/"


def quoted(value: str) -> str:
    """Return a cookie's value as httpbin writes it: in quotes, with bytes in octal, where it needs that."""
    if _SAFE.fullmatch(value):
        return value
    signs = "".join(
        f"\\{chr(byte)}" if byte in b'"\\' else chr(byte) if 32 <= byte < 127 and byte not in b",;" else f"\\{byte:03o}"
        for byte in value.encode("utf-8", "replace")
    )
    return f'"{signs}"'


def _sent_back(request: Request, told: Sequence[str]) -> Response:
    place = ("Location", request.path.partition("/cookies/")[0] + "/cookies")
    return Response(b"", 302, fields=[place, *(("Set-Cookie", one) for one in told)])
