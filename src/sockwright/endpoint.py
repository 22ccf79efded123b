"""Endpoints as a person writes them: `scheme[+tls]://[host]:port[/path][?options]`.

Knows nothing of how an endpoint is reached; that is `transport`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

from sockwright.config import suggest
from sockwright.errors import ConfigError

LOOPBACK = "127.0.0.1"

# scheme -> (default port or None, TLS from the first byte)
SCHEMES: Mapping[str, tuple[int | None, bool]] = MappingProxyType(
    {
        "tcp": (None, False),
        "udp": (None, False),
        "http": (80, False),
        "https": (443, True),
        "xmlrpc": (80, False),
        "smtp": (25, False),
        "smtps": (465, True),
    }
)
# The name of the protocol that a scheme speaks where the two differ.
_PROTOCOL = {"https": "http", "smtps": "smtp"}
# A URL's query belongs to the request where the protocol has request-targets; elsewhere it holds our options.
_QUERY_IS_TARGET = {"http", "https", "xmlrpc"}
OPTIONS = ("frame", "wait", "starttls", "cert", "key", "ca", "verify", "sni")

_SPLIT = re.compile(r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9.-]*)(?P<tls>\+tls)?://)?(?P<rest>.*)\Z", re.DOTALL)


class Peer(NamedTuple):
    """The other side's address. `port` is 0 where there is none."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


NOBODY = Peer("", 0)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Protocol and address where we listen or dial.

    `host` is never empty; `port` 0 asks the system. `path` starts with a slash or is empty, and with http and
    xmlrpc holds the whole request-target, query included. `user` and `password` are percent-decoded.
    """

    scheme: str
    host: str
    port: int
    tls: bool = False
    path: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def protocol(self) -> str:
        """The protocol spoken, without its TLS: `http` for https."""
        return _PROTOCOL.get(self.scheme, self.scheme)

    @property
    def is_loopback(self) -> bool:
        """Tell whether only programs on this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host.partition("%")[0]).is_loopback
        except ValueError:
            return False

    @property
    def authority(self) -> str:
        """`host:port`, the host in brackets where it is IPv6."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def at(self, host: str, port: int) -> Endpoint:
        """Return this endpoint with the address that it really got."""
        return replace(self, host=host, port=port)

    def __str__(self) -> str:
        plus = "+tls" if self.tls and not SCHEMES[self.scheme][1] else ""
        return f"{self.scheme}{plus}://{self.authority}{self.path}"


def parse(text: str, scheme: str = "tcp") -> Endpoint:
    """Return the endpoint that `text` names; without a scheme it is `scheme`, without a host the loopback.

    Raises: ConfigError with the nearest right spelling.
    """
    found = _SPLIT.match(text)
    assert found is not None
    name = (found["scheme"] or scheme).lower()
    rest = found["rest"]
    if "://" in rest and found["scheme"] is None:
        raise ConfigError(f"{text!r} does not begin with a scheme", cure=f"schemes: {', '.join(SCHEMES)}")
    if name not in SCHEMES:
        raise ConfigError(
            f"there is no scheme {name!r} in {text!r}.{suggest(name, SCHEMES)}",
            cure=f"schemes: {', '.join(SCHEMES)}; +tls behind one adds TLS",
        )
    default_port, implicit_tls = SCHEMES[name]
    rest, _, _fragment = rest.partition("#")
    place, question, query = rest.partition("?")
    authority, slash, tail = place.partition("/")
    path = slash + tail
    if name in _QUERY_IS_TARGET:
        path, query = path + question + query, ""
        if path.startswith("?"):
            path = "/" + path
    credentials, _, address = authority.rpartition("@")
    user, _, password = credentials.partition(":")
    host, port = _split_address(address, text)
    if port is None:
        if default_port is None:
            raise ConfigError(f"{text!r} names no port", cure=f"write it like {name}://{host or ''}:7007")
        port = default_port
    return Endpoint(
        scheme=name,
        host=host or LOOPBACK,
        port=port,
        tls=implicit_tls or found["tls"] is not None,
        path=path,
        options=_options(query, text),
        user=unquote(user),
        password=unquote(password),
    )


def _split_address(address: str, text: str) -> tuple[str, int | None]:
    if address.startswith("["):
        host, bracket, rest = address[1:].partition("]")
        if not bracket:
            raise ConfigError(f"{text!r} opens a bracket that it never closes", cure="IPv6 is written [::1]:7007")
        try:
            ipaddress.IPv6Address(host.partition("%")[0])
        except ValueError:
            raise ConfigError(f"{host!r} in {text!r} is not an IPv6 address") from None
        colon, port = rest[:1], rest[1:]
        if rest and colon != ":":
            raise ConfigError(f"{rest!r} behind the address in {text!r} makes no sense")
    else:
        if address.count(":") > 1:
            raise ConfigError(f"{text!r} has more than one colon", cure=f"IPv6 goes in brackets: [{address}]:7007")
        host, colon, port = address.partition(":")
        if not colon and host.isdecimal():
            host, colon, port = "", ":", host
    if any(sign <= " " or sign == "\x7f" for sign in host):
        raise ConfigError(f"the host in {text!r} holds a blank or a control character")
    if not colon or not port:
        if colon:
            raise ConfigError(f"{text!r} names no port behind the colon", cure="port 0 asks the system for a free one")
        return host, None
    if not (port.isascii() and port.isdecimal()) or int(port) > 65535:
        raise ConfigError(f"{port!r} in {text!r} is not a port", cure="a port is a number from 0 to 65535")
    return host, int(port)


def _options(query: str, text: str) -> Mapping[str, str]:
    options: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in OPTIONS:
            raise ConfigError(
                f"there is no option {name!r} in {text!r}.{suggest(name, OPTIONS)}",
                cure=f"options: {', '.join(OPTIONS)}",
            )
        options[name] = value
    return MappingProxyType(options)
