"""Digest authentication, the server's side (RFC 7616): challenges, and whether an answer to one is right."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping
from urllib.parse import quote

_PAIR = re.compile(r'([A-Za-z-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_ALGORITHMS: Mapping[str, Callable[[bytes], hashlib._Hash]] = {
    "MD5": hashlib.md5,
    "SHA-256": hashlib.sha256,
    "SHA-512": hashlib.sha512,
}
REALM = "probes"


class Digests:
    """Makes nonces that it knows again, without keeping any: each is signed with a key of this run."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def challenge(self, qop: str, algorithm: str = "MD5") -> str:
        """Return what WWW-Authenticate says."""
        salt = secrets.token_hex(8)
        wanted = f', qop="{quote(qop)}"' if qop else ""
        nonce = salt + self._sign(salt)
        return f'Digest realm="{REALM}", nonce="{nonce}"{wanted}, opaque="{salt}", algorithm={algorithm}, stale=FALSE'

    def _sign(self, salt: str) -> str:
        return hmac.new(self._key, salt.encode(), "sha256").hexdigest()[:32]

    def right(self, given: str, user: str, password: str, method: str, target: str) -> bool:
        """Tell whether `given`, an Authorization field, knows user and password for this request."""
        scheme, _, rest = given.partition(" ")
        said = {name.lower(): quoted or plain for name, quoted, plain in _PAIR.findall(rest)}
        hashed = _ALGORITHMS.get(said.get("algorithm", "MD5").upper())
        nonce = said.get("nonce", "")
        if scheme.lower() != "digest" or hashed is None or said.get("username") != user or said.get("uri") != target:
            return False
        if not hmac.compare_digest(nonce[16:].encode(), self._sign(nonce[:16]).encode()):
            return False

        def of(text: str) -> str:
            return hashed(text.encode("utf-8", "surrogateescape")).hexdigest()

        secret = of(f"{user}:{said.get('realm', '')}:{password}")
        asked = of(f"{method}:{target}")
        if said.get("qop") == "auth":
            wanted = of(f"{secret}:{nonce}:{said.get('nc', '')}:{said.get('cnonce', '')}:auth:{asked}")
        elif "qop" not in said:
            wanted = of(f"{secret}:{nonce}:{asked}")
        else:
            return False
        return hmac.compare_digest(said.get("response", "").lower().encode(), wanted.encode())


def algorithm_of(text: str) -> str:
    """Return a known algorithm's name, MD5 for any other."""
    return text.upper() if text.upper() in _ALGORITHMS else "MD5"
