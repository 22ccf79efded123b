"""Flags that several verbs share: the faults of a bench."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from sockwright.transport.breaking import Request

F = TypeVar("F", bound=Callable[..., Any])


def faults(named: bool = True) -> Callable[[F], F]:
    """Return the decorator that adds the flags of faults; with `named`, --fault among them."""

    def decorate(function: F) -> F:
        options = [
            click.option("--profile", metavar="NET", help="gprs, edge, 3g, dsl, wifi, starlink, satellite or train."),
            click.option("--up", "to_server", is_flag=True, help="Faults in the direction to the server."),
            click.option("--down", "to_client", is_flag=True, help="Faults in the direction to the client (default)."),
            click.option("--rate", "share", metavar="SHARE", help="Only this share of the connections: 10%."),
            click.option("--for", "lasting", metavar="TIME", help="Heal by itself after so long (30s)."),
            click.option("--seed", type=click.IntRange(0, 2**62), metavar="N", help="The same faults again."),
        ]
        if named:
            about = "What shall go wrong: latency=200ms, reset=100 ... (again for more)."
            options.insert(0, click.option("--fault", "faults", multiple=True, metavar="FAULT", help=about))
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def request(options: Mapping[str, Any]) -> Request | None:
    """Return what the flags ask for, None where they name no fault.

    Raises: ConfigError for a flag that makes no sense.
    """
    from sockwright import config
    from sockwright.errors import ConfigError
    from sockwright.faults.reading import share
    from sockwright.transport.breaking import Request

    given = {"--rate": options.get("share"), "--for": options.get("lasting"), "--up": options.get("to_server")}
    if not options.get("faults") and not options.get("profile"):
        for flag, value in given.items():
            if value:
                raise ConfigError(f"{flag} says how a fault is, and none is named", cure="add --fault latency=200ms")
        return None
    try:
        part = share(options["share"]) if options.get("share") else 1.0
    except ValueError as wrong:
        raise ConfigError(f"--rate: {wrong}") from None
    try:
        seconds = config.duration(options["lasting"]) if options.get("lasting") else None
    except ValueError as wrong:
        raise ConfigError(f"--for: {wrong}") from None
    return Request(
        tuple(options.get("faults") or ()),
        options.get("profile") or "",
        bool(options.get("to_server")),
        bool(options.get("to_client")),
        part,
        seconds,
        options.get("seed"),
    )


def from_table(name: str, given: object) -> list[Request]:
    """Return what one entry of `[faults]` in sockwright.toml asks for: texts, or tables with more about them.

    Raises: ConfigError naming the entry.
    """
    from sockwright.config import suggest
    from sockwright.errors import ConfigError

    keys = {"fault": "faults", "profile": "profile", "up": "to_server", "down": "to_client", "rate": "share"}
    keys |= {"for": "lasting", "seed": "seed"}
    found: list[Request] = []
    for one in given if isinstance(given, list) else [given]:
        table = {"fault": one} if isinstance(one, str) else one
        if not isinstance(table, dict):
            raise ConfigError(f"faults.{name} in sockwright.toml: {one!r} is neither text nor a table")
        for key in table:
            if key not in keys:
                raise ConfigError(f"faults.{name} in sockwright.toml: there is no key {key!r}.{suggest(key, keys)}")
        options = {keys[key]: value for key, value in table.items()}
        texts = options.get("faults", ())
        options["faults"] = (texts,) if isinstance(texts, str) else tuple(texts)
        asked = request(options)
        if asked is not None:
            found.append(asked)
    return found
