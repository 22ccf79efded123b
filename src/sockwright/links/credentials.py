"""Who we say we are, and to whom: fields and passwords that belong to one host and never go to another."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote

from msgspec import Struct, field

Fields = tuple[tuple[str, str], ...]


class Credentials(Struct, frozen=True):
    """Extra fields by origin (`https://example.org:8443`) or by host (`example.org:8443`, any scheme)."""

    by_host: dict[str, Fields] = field(default_factory=dict)

    def apply(self, url: str) -> tuple[str, Fields]:
        """Return `url` as it may be asked, without user and password, and the fields that go with it."""
        scheme, _, rest = url.partition("://")
        authority, slash, path = rest.partition("/")
        user, at, host = authority.rpartition("@")
        fields: Fields = ()
        if self.by_host:
            fields = self.by_host.get(f"{scheme}://{host}", ()) + self.by_host.get(host, ())
        if at:
            url = f"{scheme}://{host}{slash}{path}"
            if not any(name.lower() == "authorization" for name, _ in fields):
                name, _, password = user.partition(":")
                fields = (("Authorization", basic(unquote(name), unquote(password))), *fields)
        return url, fields


NO_CREDENTIALS = Credentials()


def basic(user: str, password: str) -> str:
    """Return the value of an Authorization field (RFC 7617; UTF-8 as its charset)."""
    import base64

    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def bare(url: str) -> str:
    """Return a canonical URL as it may be shown: without user and password."""
    if "@" not in url:
        return url
    scheme, colon, rest = url.partition("://")
    if not colon:
        return url
    end = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
    return f"{scheme}://{rest[:end].rpartition('@')[2]}{rest[end:]}"


def masked(text: str) -> str:
    """Return foreign text with a mark in the place of every user and password of a URL in it."""
    return _USERINFO.sub(r"\1***@", text) if "@" in text else text


def login_of(url: str) -> str:
    """Return the value of an Authorization field for the user and password in a canonical URL, empty for none."""
    user, at, _ = url.partition("://")[2].partition("/")[0].rpartition("@")
    name, _, password = user.partition(":")
    return basic(unquote(name), unquote(password)) if at else ""


def gather(pairs: Iterable[tuple[str, str, str]]) -> Credentials:
    """Return credentials from (host or origin, field name, value)."""
    by_host: dict[str, Fields] = {}
    for host, name, value in pairs:
        by_host[host] = (*by_host.get(host, ()), (name, value))
    return Credentials(by_host)


# `http://`, `//` and what browsers take for it: backslashes, one slash or none behind http:
_USERINFO = re.compile(r"((?<![^\s:\"'(=<,])[/\\]{2,}|\bhttps?:[/\\]?)[^\s/\\?#\"'<>]*@", re.IGNORECASE)
_HOST = re.compile(r"(?:https?://)?(?:localhost|[^\s=/@:]*[.][^\s=/@:]*|\[[0-9a-fA-F:.]+\])(?::\d+)?/?", re.IGNORECASE)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection"})


def _hosts(text: str, own: list[str]) -> tuple[list[str], str]:
    """Take `HOST=` off the front of a flag's value; without one it is meant for the hosts `own`."""
    host, equals, rest = text.partition("=")
    if equals and _HOST.fullmatch(host):
        return [host.rstrip("/").lower()], rest
    if not own:
        raise ValueError("no host is named that it is meant for")
    return own, text


def parse_header(text: str, own: list[str]) -> list[tuple[str, str, str]]:
    """Return (host, name, value) for `[HOST=]NAME:VALUE`.

    Raises: ValueError saying what is wrong with it.
    """
    hosts, line = _hosts(text, own)
    name, colon, value = line.partition(":")
    name, value = name.strip(), value.strip()
    if not colon or not _NAME.fullmatch(name) or not value.isprintable():
        raise ValueError(f"not a field: {line!r:.100}")
    if name.lower() in _OURS:
        raise ValueError(f"{name} is not for you to set: it belongs to the connection")
    return [(host, name, value) for host in hosts]


def parse_auth(text: str, own: list[str]) -> list[tuple[str, str, str]]:
    """Return (host, "Authorization", value) for `[HOST=]USER:PASSWORD`.

    Raises: ValueError; the message never shows the password.
    """
    hosts, login = _hosts(text, own)
    user, colon, password = login.partition(":")
    if not colon or not user:
        raise ValueError("a login is written USER:PASSWORD")
    return [(host, "Authorization", basic(user, password)) for host in hosts]
