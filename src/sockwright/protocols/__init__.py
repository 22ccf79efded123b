"""Who says what, when: the list of protocols, and what one is given to begin with.

A protocol is a module with `open_with(terms) -> Opening`, and one line in `PROTOCOLS`. Somebody else's comes by the
entry point `sockwright.protocols`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from sockwright.binding import Service
from sockwright.config import suggest
from sockwright.conversation import Opening
from sockwright.errors import ConfigError

# protocol, as in an endpoint's scheme -> the module in this room that speaks it
PROTOCOLS: Mapping[str, str] = {
    "tcp": "lines",
    "udp": "datagrams",
    "http": "http",
    "xmlrpc": "xmlrpc",
    "smtp": "smtp",
}
DATAGRAM = frozenset({"udp"})


@dataclass(frozen=True, slots=True)
class Terms:
    """What a conversation is about: the services of one endpoint, the first being the one spoken where there are
    no names; framing (None: the service's own wish, else the protocol's habit); limits that differ from the
    protocol's defaults, by name; and what else the protocol understands (`extra`: HTTP's directory, ...)."""

    services: Sequence[Service]
    frame: str | None = None
    limits: Mapping[str, object] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)


def protocol(name: str) -> ModuleType:
    """Return the module that speaks protocol `name`.

    Raises: ConfigError with the nearest one.
    """
    if name in PROTOCOLS:
        return importlib.import_module(f"{__name__}.{PROTOCOLS[name]}")
    from importlib.metadata import entry_points  # 20 ms that a built-in name need not pay

    for entry in entry_points(group="sockwright.protocols"):
        if entry.name == name:
            module = entry.load()
            assert isinstance(module, ModuleType)
            return module
    raise ConfigError(
        f"nothing here speaks {name!r}.{suggest(name, PROTOCOLS)}", cure=f"spoken: {', '.join(PROTOCOLS)}"
    )


def open_with(name: str, terms: Terms) -> Opening:
    """Return what makes a conversation of protocol `name` for each new peer."""
    opening: Opening = protocol(name).open_with(terms)
    return opening
