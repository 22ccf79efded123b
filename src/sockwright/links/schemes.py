"""Links that are checked without asking a server: `mailto:`, `data:`, `tel:`, and those that cannot be checked."""

from __future__ import annotations

import binascii
import re
from urllib.parse import unquote_to_bytes

# RFC 5322, 3.2.3 (dot-atom) with RFC 6532's letters; a quoted string is legal too, and nearly always a mistake.
_LOCAL = re.compile(
    r"[^\s\x00-\x1f\x7f()<>\[\]:;@\\,.\"]+(?:\.[^\s\x00-\x1f\x7f()<>\[\]:;@\\,.\"]+)*|\"(?:[^\"\\\r\n]|\\.)*\""
)
_LABEL = re.compile(r"(?!-)[^\x00-,./:-@\[-`{-\x7f]+(?<!-)")
_NAMED = re.compile(r"\s*[^<>]*<([^<>]*)>\s*")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]*={0,2}")
_DATA_MAX = 10_000_000  # characters that are decoded

_UNASKABLE = {
    "javascript": "a script, not an address",
    "about": "the browser's own",
    "blob": "lives in a browser only",
    "tel": "a telephone number",
    "sms": "a telephone number",
    "ftp": "ftp is not checked",
    "ftps": "ftp is not checked",
    "ws": "a WebSocket is not checked",
    "wss": "a WebSocket is not checked",
}


def check_scheme(url: str) -> tuple[str, str]:
    """Return class and reason for a canonical URL (without fragment) that is neither http(s) nor file."""
    scheme, _, rest = url.partition(":")
    if scheme == "mailto":
        wrong = check_mailto(rest)
        return ("broken", wrong) if wrong else ("ok", "well-formed address")
    if scheme == "data":
        wrong = _check_data(rest)
        return ("broken", wrong) if wrong else ("ok", "well-formed data")
    return "skipped", _UNASKABLE.get(scheme, f"{scheme}: is for another program")


def check_mailto(rest: str) -> str:
    """Return what is wrong with the part after `mailto:` (RFC 6068), or an empty string."""
    path, _, query = rest.partition("?")
    addresses = [_decoded(one) for one in path.split(",")] if path else []
    for one in query.split("&"):
        name, _, value = one.partition("=")
        if name.lower() in ("to", "cc", "bcc") and value:
            addresses += _decoded(value).split(",")
    if not addresses:
        return "" if query else "no address"
    for address in addresses:
        wrong = check_address(address)
        if wrong:
            return wrong
    return ""


def addresses_of(url: str) -> list[str]:
    """Return the addresses in a `mailto:` URL whose syntax has been checked."""
    path = url.partition(":")[2].partition("?")[0]
    return [_bare(_decoded(one)) for one in path.split(",") if one]


def check_address(address: str) -> str:
    """Return what is wrong with a mail address, or an empty string."""
    address = _bare(address)
    if not address:
        return "an empty address"
    local, at, domain = address.rpartition("@")
    if not at:
        return f"no @ in {address!r:.100}"
    if len(local.encode()) > 64 or len(domain) > 255:  # RFC 5321, 4.5.3.1
        return f"too long: {address!r:.100}"
    if not _LOCAL.fullmatch(local):
        return f"not a mail address: {address!r:.100}"
    if domain.startswith("[") and domain.endswith("]"):
        return ""
    labels = domain.rstrip(".").split(".")
    if not all(len(label) <= 63 and _LABEL.fullmatch(label) for label in labels):
        return f"no domain: {domain!r:.100}"
    return ""


def _bare(address: str) -> str:
    named = _NAMED.fullmatch(address)
    return (named[1] if named else address).strip()


def _decoded(text: str) -> str:
    return unquote_to_bytes(text).decode("utf-8", "replace")


def _check_data(rest: str) -> str:
    """Return what is wrong with the part after `data:` (RFC 2397, WHATWG Fetch 6), or an empty string."""
    head, comma, body = rest.partition(",")
    if not comma:
        return "data: without a comma"
    # What is no media type is taken for text/plain by browsers, so it breaks nothing.
    if _decoded(head).replace(" ", "").lower().endswith(";base64") and len(body) <= _DATA_MAX:
        data = re.sub(rb"[\t\n\f\r ]", b"", unquote_to_bytes(body))
        bare = data.rstrip(b"=")
        padded = len(data) - len(bare)
        if not _BASE64.fullmatch(data) or len(bare) % 4 == 1 or (padded and len(data) % 4):
            return "not base64"
        try:
            binascii.a2b_base64(bare + b"=" * (-len(bare) % 4))
        except binascii.Error:
            return "not base64"
    return ""
