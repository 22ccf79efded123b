"""Who we say we are, and to whom: fields and passwords that belong to one host and never go to another."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Credentials:
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
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def without_password(url: str) -> str:
    """Return `url` as it may be shown: its user and password are replaced by a mark."""
    scheme, colon, rest = url.partition("://")
    if not colon:
        return url
    end = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
    authority = rest[:end]
    if "@" not in authority:
        return url
    return f"{scheme}://***@{authority.rpartition('@')[2]}{rest[end:]}"


def gather(pairs: Iterable[tuple[str, str, str]]) -> Credentials:
    """Return credentials from (host or origin, field name, value)."""
    by_host: dict[str, Fields] = {}
    for host, name, value in pairs:
        by_host[host] = (*by_host.get(host, ()), (name, value))
    return Credentials(by_host)
