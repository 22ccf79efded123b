"""What an ASGI application is told of a request: its connection scope (ASGI HTTP spec 2.5)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from sockwright.hosts.environ import server_of
from sockwright.wire.exchange import Request
from sockwright.wire.requests import RequestHead

VERSIONS = {"version": "3.0", "spec_version": "2.5"}
# Heads whose fields are remembered in this form; clients repeat themselves.
_REMEMBERED = 128


def http_scope(request: Request, prefix: str) -> dict[str, Any]:
    """Return the scope for an application that stands at `prefix`; its path holds the prefix, as the spec says."""
    scope = dict(_of_head(request.head, prefix, request.secure))
    scope["asgi"] = dict(VERSIONS)
    scope["headers"] = list(scope["headers"])
    scope["client"] = (request.peer.host, request.peer.port)
    scope["extensions"] = {"http.response.pathsend": {}}
    return scope


@lru_cache(_REMEMBERED)
def _of_head(head: RequestHead, prefix: str, secure: bool) -> Mapping[str, Any]:
    """Return what the head alone tells."""
    target = head.target.encode("utf-8", "surrogateescape")
    raw_path, _, query = target.partition(b"?")
    name, port = server_of(head.host, secure)
    return {
        "type": "http",
        "http_version": head.version,
        "method": head.method,
        "scheme": "https" if secure else "http",
        "path": unquote(head.path) if "%" in head.path or not head.path.isascii() else head.path,
        "raw_path": raw_path,
        "query_string": query,
        "root_path": prefix,
        "headers": tuple((name.lower(), value) for name, value in head.fields.pairs),
        "server": (name, int(port)),
    }
