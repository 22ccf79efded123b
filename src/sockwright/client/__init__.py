"""Call any service over any protocol, from plain Python.

    from sockwright import call
    call("tcp://:7007", "hello").text           # 'hello'
    call("xmlrpc://:7081", "is_even", 4)        # True
    call("http://127.0.0.1:7080/").status       # 200

Blocking calls with deadlines, no event loop: from a coroutine use `asyncio.to_thread`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from sockwright.endpoint import Endpoint, parse
from sockwright.errors import ConfigError

if TYPE_CHECKING:
    from sockwright.client.exchanges import Exchange, exchange
    from sockwright.client.http import Response, request
    from sockwright.client.xmlrpc import call_method
    from sockwright.transport.connection import Connection

__all__ = ["Connection", "Exchange", "Response", "call", "call_method", "connect", "exchange", "request"]

# public name -> its module; imported on first use, since whoever calls over tcp needs neither HTTP nor XML
_PUBLIC = {
    "Connection": "sockwright.transport.connection",
    "Exchange": "sockwright.client.exchanges",
    "Response": "sockwright.client.http",
    "call_method": "sockwright.client.xmlrpc",
    "exchange": "sockwright.client.exchanges",
    "request": "sockwright.client.http",
}


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def call(url: str, *values: Any, wait: float | None = None, **options: Any) -> Any:
    """Call `url` with `values`, and return what came back.

    - tcp, udp: each value (text or bytes) is a message; an `Exchange`. Options `frame`, `split`, `gap`, `limit`.
      Over tcp without `frame` one message is said as it is, and the answer is all that comes until the peer hangs up.
    - http, https: the value, if any, is the content; a `Response`. Options `method`, `fields`, `json`, `follow`,
      `limit`.
    - xmlrpc: the method's name and its values; the value it returned.

    Raises: TimeoutError after `wait` seconds of silence (default 5), OSError where the peer cannot be reached or
    breaks off, PeerError where it breaks its protocol, ServiceError for a fault, ConfigError for a bad URL.
    """
    endpoint = parse(url, "http")
    match endpoint.protocol:
        case "tcp" | "udp":
            from sockwright.client.exchanges import exchange

            messages = [value.encode() if isinstance(value, str) else bytes(value) for value in values]
            return exchange(endpoint, messages, wait=wait, **options)
        case "http":
            from sockwright.client.http import request

            content = values[0] if values else b""
            has_content = bool(values) or "json" in options
            method = options.pop("method", "POST" if has_content else "GET")
            return request(method, endpoint, content=content, wait=wait, **options)
        case "xmlrpc":
            from sockwright.client.xmlrpc import call_method

            if not values:
                raise ConfigError(f"{url} needs a method's name", cure="call(url, 'is_even', 4)")
            return call_method(endpoint, *values, wait=wait, **options)
    raise ConfigError(f"{endpoint.scheme} cannot be called yet", cure="tcp, udp, http, https and xmlrpc can")


def connect(url: str | Endpoint, wait: float = 5.0) -> Connection:
    """Return a connection to `url` (tcp, or the bytes below http, smtp ...), to be talked over by hand; `wait` in
    seconds until it must stand.

    Raises: OSError, TimeoutError; ConfigError for udp, which has no connections.
    """
    from sockwright.transport.dial import dial

    endpoint = parse(url) if isinstance(url, str) else url
    if endpoint.protocol == "udp":
        raise ConfigError("UDP has no connections", cure="call('udp://...', data) sends and waits for the answer")
    return dial(endpoint, wait)
