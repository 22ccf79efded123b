"""What is answered: the list of built-in services.

A service is a module with `offer(context) -> Sequence[Service]`, and one line in `SERVICES`. The first it offers is the
one spoken where a protocol has no names. Somebody else's comes by the entry point `sockwright.services`.
"""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sockwright.binding import Service, load
from sockwright.config import suggest
from sockwright.errors import ConfigError

# service, as `--do` names it -> (module in this room, one line for --help)
SERVICES: Mapping[str, tuple[str, str]] = {
    "echo": ("echo", "sends back what it gets (RFC 862)"),
    "discard": ("discard", "swallows and counts (RFC 863)"),
    "time": ("time", "the time as text (RFC 867)"),
    "greet": ("greet", "thanks whoever comes"),
    "symbols": ("symbols", "a stream of the last symbol the peer sent"),
    "files": ("files", "http: the files of a folder, as files:DIR"),
    "hello": ("hello", "http: Hello World! to every GET"),
    "probes": ("probes", "http: answers for testing clients, at httpbin's paths"),
    "parity": ("parity", "is_even: the lecture's call"),
    "validator1": ("validator1", "the nine calls of the XML-RPC validation suite"),
}
# What is named with something behind a colon: files:DIR.
TAKES_ARGUMENT = frozenset({"files"})


async def _no_sleep(seconds: float) -> None:
    """There is no clock."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a service may lean on: `now` (seconds since the epoch), `sleep`, and the bench's store, where it has one."""

    now: Callable[[], float]
    # Waits so many seconds, or until the bench stops.
    sleep: Callable[[float], Awaitable[None]] = _no_sleep
    store: Any = None
    extra: Mapping[str, Any] = field(default_factory=dict)


def offered(name: str, context: Context) -> Sequence[Service]:
    """Return what the service `name` offers: a built-in one, an installed one, `module:function` or `file.py:function`.

    Raises: ConfigError with the nearest one.
    """
    kind, _, argument = name.partition(":")
    if kind in TAKES_ARGUMENT:
        context = replace(context, extra={**context.extra, "argument": argument})
        name = kind
    if name in SERVICES:
        offer = importlib.import_module(f"{__name__}.{SERVICES[name][0]}").offer
        return tuple(offer(context))
    from importlib.metadata import entry_points  # 20 ms that a built-in name need not pay

    for entry in entry_points(group="sockwright.services"):
        if entry.name == name:
            return tuple(entry.load()(context))
    if ":" in name:
        return (load(name),)
    raise ConfigError(
        f"there is no service {name!r}.{suggest(name, SERVICES)}",
        cure=f"services: {', '.join(SERVICES)}; or your own as module:function or file.py:function",
    )
