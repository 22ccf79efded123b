"""What a WSGI application is told of a request: its environ (PEP 3333, "environ Variables"; RFC 3875, 4.1).

Texts in it are native strings that stand for bytes, one character each (latin-1), whatever their encoding really is.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

from sockwright.wire.exchange import Request
from sockwright.wire.fields import Fields

# Heads whose fields are remembered in this form; clients repeat themselves.
_REMEMBERED = 128
# Cookies are the one list that is not joined by commas (RFC 6265, 5.4; RFC 9113, 8.2.3).
_JOINED_BY = {b"cookie": b"; "}
# About the way the content came, which is over: the application finds it whole.
_LEFT_OUT = frozenset({b"transfer-encoding"})


def environ_of(request: Request, prefix: str, length: int) -> dict[str, Any]:
    """Return the CGI part of the environ for an application that stands at `prefix` (decoded, without a slash behind).

    `length` is that of the content, in bytes, as it was received: chunks are put together by then, and whoever asks for
    a Content-Length finds one.
    """
    head = request.head
    script, path = split_path(head.path, prefix)
    name, port = server_of(head.host, request.secure)
    _, mark, query = head.target.partition("?")
    environ: dict[str, Any] = dict(_fields(head.fields))
    environ["REQUEST_METHOD"] = head.method
    environ["SCRIPT_NAME"] = script
    environ["PATH_INFO"] = path
    environ["QUERY_STRING"] = _native(query) if mark else ""
    environ["REQUEST_URI"] = environ["RAW_URI"] = _native(head.target)
    environ["SERVER_NAME"] = name
    environ["SERVER_PORT"] = port
    environ["SERVER_PROTOCOL"] = "HTTP/" + head.version
    environ["REMOTE_ADDR"] = request.peer.host
    environ["REMOTE_PORT"] = str(request.peer.port)
    if head.length:
        environ["CONTENT_LENGTH"] = str(length)
    if request.secure:
        environ["HTTPS"] = "on"
    return environ


def split_path(path: str, prefix: str) -> tuple[str, str]:
    """Return SCRIPT_NAME and PATH_INFO of a path as it came: where the application stands, and what is behind it.

    Cut by segments before anything is decoded, so that `%2F` is no border.
    """
    if not prefix:
        return "", _decoded(path)
    segments = path.split("/")
    border = prefix.count("/") + 1
    behind = "/".join(segments[border:])
    return _native(prefix), _decoded("/" + behind) if len(segments) > border else ""


def server_of(host: str, secure: bool) -> tuple[str, str]:
    """Return SERVER_NAME and SERVER_PORT for what the Host field says; neither may be empty."""
    name, port = host, ""
    bracket = host.rfind("]")
    colon = host.rfind(":")
    if colon > bracket:
        name, port = host[:colon], host[colon + 1 :]
    return name or "localhost", port or ("443" if secure else "80")


def _decoded(path: str) -> str:
    if "%" not in path and path.isascii():
        return path
    return unquote_to_bytes(path.encode("utf-8", "surrogateescape")).decode("latin-1")


def _native(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("latin-1")


@lru_cache(_REMEMBERED)
def _fields(fields: Fields) -> Mapping[str, str]:
    """Return the fields as HTTP_ variables. A name with an underscore is left out: it would pass for another one."""
    found: dict[str, str] = {}
    for name, values in fields.index.items():
        if name == b"content-type":
            found["CONTENT_TYPE"] = values[0].decode("latin-1")
        elif name == b"content-length":
            found["CONTENT_LENGTH"] = values[0].decode("latin-1")
        elif name not in _LEFT_OUT and b"_" not in name:
            key = "HTTP_" + name.decode("latin-1").upper().replace("-", "_")
            found[key] = _JOINED_BY.get(name, b",").join(values).decode("latin-1")
    return found
