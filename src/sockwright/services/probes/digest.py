"""Digest authentication, the server's side (RFC 7616): challenges, and whether an answer to one is right."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping

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

    def challenge(self, qop: str, algorithm: str = "MD5", *, stale: bool = False) -> str:
        """Return what WWW-Authenticate says; `qop` is one or several ("auth, auth-int"), or none."""
        salt = secrets.token_hex(8)
        wanted = f', qop="{qop}"' if qop else ""
        told = f'Digest realm="{REALM}", nonce="{salt + self._sign(salt)}"{wanted}, opaque="{salt}"'
        return f"{told}, algorithm={algorithm}, stale={'TRUE' if stale else 'FALSE'}"

    def _sign(self, salt: str) -> str:
        return hmac.new(self._key, salt.encode(), "sha256").hexdigest()[:32]

    def right(
        self, said: Mapping[str, str], user: str, password: str, method: str, target: str, content: bytes = b""
    ) -> bool:
        """Tell whether what an Authorization field `said` knows user and password for this request."""
        hashed = _ALGORITHMS.get(said.get("algorithm", "MD5").upper())
        nonce = said.get("nonce", "")
        if hashed is None or said.get("username") != user or said.get("uri") != target:
            return False
        if not hmac.compare_digest(nonce[16:].encode(), self._sign(nonce[:16]).encode()):
            return False

        def of(text: str) -> str:
            assert hashed is not None
            return hashed(text.encode("utf-8", "surrogateescape")).hexdigest()

        secret = of(f"{user}:{said.get('realm', '')}:{password}")
        asked = f"{method}:{target}"
        qop = said.get("qop", "")
        if qop == "auth-int":
            asked += ":" + hashed(content).hexdigest()
        elif qop not in ("", "auth"):
            return False
        between = f":{said.get('nc', '')}:{said.get('cnonce', '')}:{qop}" if qop else ""
        wanted = of(f"{secret}:{nonce}{between}:{of(asked)}")
        return hmac.compare_digest(said.get("response", "").lower().encode(), wanted.encode())


def said_in(given: str) -> Mapping[str, str]:
    """Return what an Authorization field says; nothing where it is none of Digest."""
    scheme, _, rest = given.partition(" ")
    if scheme.lower() != "digest":
        return {}
    return {name.lower(): quoted or plain for name, quoted, plain in _PAIR.findall(rest)}


def algorithm_of(text: str) -> str:
    """Return a known algorithm's name, MD5 for any other."""
    return text.upper() if text.upper() in _ALGORITHMS else "MD5"
