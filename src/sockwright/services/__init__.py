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
from sockwright.stores import Store
from sockwright.stores.memory import MemoryStore

# service, as `--do` names it -> (module in this room, one line for --help)
SERVICES: Mapping[str, tuple[str, str]] = {
    "echo": ("echo", "sends back what it gets (RFC 862)"),
    "discard": ("discard", "swallows and counts (RFC 863)"),
    "time": ("time", "the time as text (RFC 867)"),
    "greet": ("greet", "thanks whoever comes"),
    "symbols": ("symbols", "a stream of the last symbol the peer sent"),
    "mailsink": ("mailsink", "smtp: takes every mail, keeps it, delivers none"),
    "files": ("files", "http: the files of a folder, as files:DIR"),
    "hello": ("hello", "http: Hello World! to every GET"),
    "codebook": ("codebook", "a list of enciphered words in, the plain words out"),
    "people": ("people", "a peer says who it is and stays; all see who is connected"),
    "probes": ("probes", "http: answers for testing clients, at httpbin's paths"),
    "parity": ("parity", "is_even: the lecture's call"),
    "validator1": ("validator1", "the nine calls of the XML-RPC validation suite"),
}
# What is named with something behind a colon: files:DIR.
TAKES_ARGUMENT = frozenset({"files"})


# Built-in services that have no use for a store that outlives the process, or is shared.
_STATELESS = frozenset(SERVICES) - {"codebook", "people"}


def keeps_state(name: str) -> bool:
    """Tell whether the service `name` may keep something in the store; of somebody else's nobody knows."""
    return name not in _STATELESS and ":" not in name


def is_users(name: str) -> bool:
    """Tell whether `name` is that of somebody's own code: `module:name` or `file.py:name`."""
    if ":" not in name or name.partition(":")[0] in TAKES_ARGUMENT or name.endswith((".jsonl", ".recording")):
        return False
    return name not in SERVICES


async def _no_sleep(seconds: float) -> None:
    """There is no clock."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a service may lean on: `now` (seconds since the epoch), `sleep`, and the bench's store.

    `extra` is what services leave there for others to find, by name; `settings` what was said to this service alone
    (`files:DIR` has an `argument`).
    """

    now: Callable[[], float]
    # Waits so many seconds, or until the bench stops.
    sleep: Callable[[float], Awaitable[None]] = _no_sleep
    store: Store = field(default_factory=MemoryStore)
    extra: dict[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


def offered(name: str, context: Context) -> Sequence[Service]:
    """Return what the service `name` offers: a built-in one, an installed one, `module:function` or `file.py:function`.

    Raises: ConfigError with the nearest one.
    """
    kind, _, argument = name.partition(":")
    if kind in TAKES_ARGUMENT:
        context = replace(context, settings={**context.settings, "argument": argument})
        name = kind
    if name in SERVICES:
        offer = importlib.import_module(f"{__name__}.{SERVICES[name][0]}").offer
        return tuple(offer(context))
    if name.endswith((".jsonl", ".recording")) or "/" in name:
        from sockwright.services import recorded

        if recorded.is_file(name):
            return tuple(recorded.offer_file(name, context.now))
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
