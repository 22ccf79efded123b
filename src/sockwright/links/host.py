"""The host of a URL by the rules browsers go by: domain, odd IPv4, IPv6, or opaque (URL Standard, 3.5).

Internationalised names go through UTS #46 as browsers do it (emoji and symbols pass, `ß` stays), which is
wider than what the registries admit (RFC 5891).
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from urllib.parse import unquote_to_bytes

# A host name has 253 octets at most (RFC 1035, 2.3.4). Browsers have no such limit, but no resolver takes
# more, and Punycode costs the square of the length.
NAME_LIMIT = 1_000  # characters

_PLAIN = re.compile(r"[a-z0-9_.-]*", re.ASCII)
_FORBIDDEN = re.compile(r"[\x00\t\n\r #/:<>?@\[\\\]^|]")
_FORBIDDEN_IN_DOMAIN = re.compile(r"[\x00-\x20#%/:<>?@\[\\\]^|\x7f]")
_ENCODED_IN_OPAQUE = re.compile(r"[^ -~]")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+", re.ASCII)
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})


class BadHost(ValueError):
    """What stands where the host belongs is none."""


def parse_host(text: str, *, special: bool) -> str:
    """Return the host as it is serialised: `127.0.0.1`, `[::1]`, `xn--e1afmkfd.xn--p1ai`.

    Raises:
        BadHost: with the reason, in words that follow "the host".
    """
    if text.startswith("["):
        return _ipv6(text)
    if not special:
        if bad := _FORBIDDEN.search(text):
            raise BadHost(f"has {bad[0]!r}, which no host may have")
        return _ENCODED_IN_OPAQUE.sub(_escape, text)
    if not _PLAIN.fullmatch(text):
        text = _domain(text)
    if not text:
        raise BadHost("is missing")
    labels = text.split(".")
    if labels[-1] == "" and len(labels) > 1:
        labels.pop()
    # A name whose last part is a number is an IPv4 address, or nothing.
    if labels[-1].isdigit() or (labels[-1].startswith("0x") and _NUMBER.fullmatch(labels[-1])):
        return _ipv4(text, labels)
    return text


@lru_cache(maxsize=1_000)
def _domain(text: str) -> str:
    """Turn a name with capitals, escapes or letters beyond ASCII into what DNS is asked for (UTS #46)."""
    if "%" in text:
        text = unquote_to_bytes(text).decode("utf-8", "replace")
    if len(text) > NAME_LIMIT:
        raise BadHost(f"is longer than {NAME_LIMIT} characters")
    # A name that is ASCII is taken as it is, even where its `xn--` decodes to nothing: DNS has the last word.
    name = text.lower() if text.isascii() else _to_ascii(text)
    if bad := _FORBIDDEN_IN_DOMAIN.search(name):
        raise BadHost(f"has {bad[0]!r}, which no host name may have")
    return name


def _to_ascii(name: str) -> str:
    import idna  # 12 ms, for names that need it

    try:
        mapped = idna.uts46_remap(name, std3_rules=False)
    except (idna.IDNAError, UnicodeError, ValueError) as error:
        raise BadHost(f"is no internationalised name: {error}") from None
    labels = [_unpunycoded(label) for label in mapped.split(".")]
    _check_labels(labels)
    encoded = [label if label.isascii() else "xn--" + label.encode("punycode").decode("ascii") for label in labels]
    return ".".join(encoded)


def _unpunycoded(label: str) -> str:
    """Return what an `xn--` label stands for; it must be what an honest encoder would have made."""
    import idna

    if not label.startswith("xn--"):
        return label
    try:
        decoded = label[4:].encode("ascii").decode("punycode")
        honest = (
            not decoded.isascii()
            and idna.uts46_remap(decoded, std3_rules=False) == decoded
            and "xn--" + decoded.encode("punycode").decode("ascii") == label
        )
    except (idna.IDNAError, UnicodeError, ValueError):
        honest = False
    if not honest:
        raise BadHost(f"has a part that is no Punycode: {label!r}")
    return decoded


def _check_labels(labels: list[str]) -> None:
    """Apply UTS #46's validity criteria with CheckBidi and CheckJoiners, without CheckHyphens."""
    import unicodedata

    import idna

    bidi = any(unicodedata.bidirectional(c) in _RIGHT_TO_LEFT for label in labels for c in label)
    for label in labels:
        if not label:
            continue
        if unicodedata.category(label[0]).startswith("M"):
            raise BadHost(f"has a part that begins with a combining mark: {label!r}")
        try:
            joined = all(idna.valid_contextj(label, at) for at, c in enumerate(label) if c in "\u200c\u200d") and (
                not bidi or idna.check_bidi(label, check_ltr=True)
            )
        except (idna.IDNAError, ValueError):
            joined = False
        if not joined:
            raise BadHost(f"has a part whose letters may not stand together: {label!r}")


def _ipv4(text: str, labels: list[str]) -> str:
    """Read an address in any of the spellings of C's `inet_aton`: `0x7f.1`, `017700000001`, `2130706433`."""
    if len(labels) > 4:
        raise BadHost(f"ends in a number but is no IPv4 address: {text!r}")
    numbers = []
    for label in labels:
        base = 10
        digits = label
        if label[:2] in ("0x", "0X"):
            base, digits = 16, label[2:] or "0"
        elif len(label) > 1 and label[0] == "0":
            base, digits = 8, label[1:]
        try:
            if not digits.isalnum() or not digits.isascii():
                raise ValueError
            numbers.append(int(digits, base))
        except ValueError:
            raise BadHost(f"ends in a number but is no IPv4 address: {text!r}") from None
    if any(n > 255 for n in numbers[:-1]) or numbers[-1] >= 256 ** (5 - len(numbers)):
        raise BadHost(f"is an IPv4 address out of range: {text!r}")
    address = numbers[-1] + sum(n << 8 * (3 - at) for at, n in enumerate(numbers[:-1]))
    return ".".join(str(address >> shift & 255) for shift in (24, 16, 8, 0))


def _ipv6(text: str) -> str:
    if not text.endswith("]") or "%" in text:
        raise BadHost(f"is no IPv6 address: {text!r}")
    try:
        address = int(ipaddress.IPv6Address(text[1:-1]))
    except ValueError:
        raise BadHost(f"is no IPv6 address: {text!r}") from None
    pieces = [address >> shift & 0xFFFF for shift in range(112, -1, -16)]
    best, length = 0, 1  # the first longest run of two zeros or more becomes "::"
    at = 0
    while at < 8:
        run = at
        while run < 8 and pieces[run] == 0:
            run += 1
        if run - at > length:
            best, length = at, run - at
        at = run + 1
    if length == 1:
        return "[" + ":".join(f"{piece:x}" for piece in pieces) + "]"
    head = ":".join(f"{piece:x}" for piece in pieces[:best])
    tail = ":".join(f"{piece:x}" for piece in pieces[best + length :])
    return f"[{head}::{tail}]"


def _escape(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "replace"))
