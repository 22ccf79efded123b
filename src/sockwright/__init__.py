"""A network workbench that serves, calls, watches, breaks and checks TCP, UDP, HTTP, XML-RPC and SMTP.

Public names are imported on first use, so that the command line starts fast.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# public name -> the module that defines it
_PUBLIC = {
    "BlockingSession": "session",
    "ConfigError": "errors",
    "Mail": "wire.mail",
    "Peer": "endpoint",
    "PeerError": "errors",
    "Request": "wire.exchange",
    "Response": "wire.exchange",
    "ServiceError": "errors",
    "Session": "session",
    "User": "wire.people",
    "call": "client",
    "connect": "client",
    "join": "client.people",
    "service": "binding",
}

__all__ = [
    "BlockingSession",
    "ConfigError",
    "Mail",
    "Peer",
    "PeerError",
    "Request",
    "Response",
    "ServiceError",
    "Session",
    "User",
    "__version__",
    "call",
    "connect",
    "join",
    "service",
]


def __getattr__(name: str) -> Any:
    home = _PUBLIC.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
