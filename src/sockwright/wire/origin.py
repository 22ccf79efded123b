"""Who sent a request: a program, our own page, or a page of somebody else in the user's browser.

Any page may make a browser send requests to a port of this machine (and, by a name that resolves to it, even read the
answers: DNS rebinding). What changes something or tells something must not answer such a page. Pages are known by
what browsers say of themselves: Host, Origin, Sec-Fetch-Site, Referer; other programs say none of it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from functools import lru_cache

from sockwright.wire.fields import Fields

# Fields of which a browser sends one at least.
_TELLING = frozenset({b"origin", b"referer", b"sec-fetch-site", b"user-agent"})
_AUTHORITY = re.compile(r"https?://([^/?#]*+)", re.IGNORECASE)


def foreign(host: str, fields: Fields, names: Collection[str] = (), *, reads: bool = False) -> str:
    """Return why a request must be taken for one of a foreign page, or nothing where it need not.

    `host` is whom it was meant for (in lower case); `names` are those under which we may be called besides addresses
    and localhost. `reads` tells that its method is GET or HEAD, with which browsers say less about themselves.
    """
    if host and not _ours(host) and _name(host) not in names:
        return f"this bench is not known as {host[:60]}; ask for it by its address"
    if fields.index.keys().isdisjoint(_TELLING):
        return ""  # no browser
    origin = fields.get("origin")
    if origin and (not host or _authority(origin) != host):
        return f"a page of {origin[:60]} may not call here"
    site = fields.get("sec-fetch-site").lower()
    if site and site not in {"same-origin", "none"}:
        return "a page of another origin may not call here"
    if reads and not origin and not site:
        # No Origin with GET, and none of the newer fields where the page's address is not a trustworthy one.
        referer = fields.get("referer")
        if referer and _authority(referer) != host:
            return f"a page of {_authority(referer)[:60]} may not call here"
        if not referer and fields.get("user-agent").startswith("Mozilla/"):
            return "a browser that does not say for which page may not call here; call from a program, or with POST"
    return ""


def _name(host: str) -> str:
    """Return `host` without its port."""
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0].removesuffix(".")


@lru_cache(64)
def _ours(host: str) -> bool:
    """Tell whether `host` (with or without a port) is an address or localhost, which no foreign name resolves to."""
    name = _name(host)
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _authority(url: str) -> str:
    """Return host and port of a URL or origin, in lower case; empty where there are none (`null`)."""
    found = _AUTHORITY.match(url)
    return found[1].lower() if found else ""
