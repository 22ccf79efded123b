"""Which addresses are nobody's business of a page from the web: private, loopback, link-local and the like."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

# Tells of an address (no name) and a port whether nobody may be led there, whoever asks.
Avoid = Callable[[str, int], bool]

# IPv6 prefixes that carry an IPv4 address inside: the inner one decides (RFC 6052, 3056).
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# All global unicast addresses there are so far (RFC 4291, 2.4; IANA has given out no others). Outside of it stand
# forms that some systems take for IPv4 (`::127.0.0.1`), site-local ones and whatever will be invented.
_UNICAST = ipaddress.ip_network("2000::/3")
_SIX_TO_FOUR = ipaddress.ip_network("2002::/16")


def is_private(address: str) -> bool:
    """Tell whether `address` (no name) is anything but a global unicast address. What is no address is private."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return True
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped
        if inner is None and found in _NAT64:
            inner = ipaddress.IPv4Address(found.packed[-4:])
        if inner is None and found in _SIX_TO_FOUR:
            inner = ipaddress.IPv4Address(found.packed[2:6])
        if inner is not None:
            found = inner
    if isinstance(found, ipaddress.IPv6Address) and found not in _UNICAST:
        return True
    return not found.is_global or found.is_multicast
