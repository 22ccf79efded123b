"""The consoles of this machine, which nobody shall be led to: a call, a check or a tap there would carry their token.

An address is ours whatever it is called: `localhost`, `[::1]`, `127.1`, `0.0.0.0`, this machine's name. So names are
looked up first, and what counts is whether the address is one of this machine's and the port a console's.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import socket
from collections.abc import Callable, Iterable

from sockwright.config import home
from sockwright.endpoint import Endpoint, parse
from sockwright.errors import ConfigError, ServiceError


def console_ports() -> frozenset[int]:
    """Return the ports at which consoles of this user's benches listen."""
    from sockwright.transport import control  # 40 ms, which who calls somebody else need not pay

    return frozenset(filter(None, (_port_of(bench.console) for bench in control.running())))


def _port_of(console: str) -> int:
    try:
        return parse(console, "http").port if console else 0
    except ConfigError:
        return 0


def _perhaps(port: int) -> bool:
    """Tell whether a console may be at `port`, by files that may be left from benches that were killed."""
    for path in (home().state / "benches").glob("*.json"):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            if _port_of(json.loads(path.read_text("utf-8")).get("console", "")) == port:
                return True
    return False


def is_ours(address: str) -> bool:
    """Tell whether `address` (no name) is one of this machine's."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if found.is_loopback or found.is_unspecified:
        return True
    family = socket.AF_INET if found.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:  # nothing is sent: one can bind only what one has
        try:
            probe.bind((str(found), 0))
        except OSError:
            return False
    return True


def leads_to_console(host: str, port: int, ports: Iterable[int] | None = None) -> bool:
    """Tell whether somebody who dials `host` and `port` reaches a console of this machine."""
    if ports is None and not _perhaps(port):
        return False
    if port not in (console_ports() if ports is None else ports):
        return False
    try:
        entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False  # whoever dials says so better
    return any(is_ours(str(entry[4][0])) for entry in entries)


def avoided() -> Callable[[str, int], bool] | None:
    """Return what tells of an address, as looked up, and a port whether somebody who dials there must be kept away.

    None where there is no console, so that nobody need ask.
    """
    if not any((home().state / "benches").glob("*.json")):  # no bench: spare the look whether it lives
        return None
    ports = console_ports()
    if not ports:
        return None
    return lambda address, port: port in ports and is_ours(address)


def refuse(endpoint: Endpoint, verb: str) -> None:
    """Raise ServiceError (403) where `endpoint` is a console's address."""
    if endpoint.protocol != "udp" and leads_to_console(endpoint.host, endpoint.port):
        raise ServiceError(
            f"{endpoint.authority} is the console of a running bench, which {verb} keeps away from: "
            "look at it in the browser",
            code=403,
        )
