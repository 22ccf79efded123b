"""Who is let in: the token, the session's cookie, the Host that was meant, the Origin of a write, wrong tokens counted.

Pure functions of header values, for pages, API and live stream alike:

    Host not ours                            403   DNS rebinding: somebody's name points at our address
    another site's page asks                 403   Sec-Fetch-Site, and for a write an Origin that is not ours
    ?token=right                             303   once; from then on the session's cookie
    cookie, or Authorization: Bearer token   come in
    a wrong token                            401, and 429 from the tenth within a minute
    nothing                                  401

A session is a date and its signature, so nothing is kept here and one outlives a restart of the bench.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import re
import secrets
from collections import OrderedDict, deque
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

# Random bytes of a token, and of the key that signs sessions (256 bit).
TOKEN = 32
# How long one who came with the token may stay (seconds).
SESSION = 12 * 3600.0
# Wrong tokens of one address within so many seconds; then none is looked at any more.
WRONG = 10
MINUTE = 60.0
# Addresses whose wrong tokens are counted.
SOURCES = 1_000
# Under which names a browser on this machine may ask for us.
LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_HOST = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[^\s:/?#@\[\]]+))(?::(?P<port>\d{1,5}))?\Z")


def new_token() -> str:
    """Return a token: 256 random bits, as a URL can say them."""
    return secrets.token_urlsafe(TOKEN)


@dataclass(frozen=True, slots=True)
class Visit:
    """What a request says of itself: its fields as they came, "" where there is none.

    `peer` is the address it came from, without the port; `token` the query's; `site`, `mode` and `destination` are
    the fields Sec-Fetch-Site, -Mode and -Dest, which a browser sends and no page can forge.
    """

    method: str
    host: str
    peer: str = ""
    origin: str = ""
    site: str = ""
    mode: str = ""
    destination: str = ""
    cookie: str = ""
    authorization: str = ""
    token: str = ""
    secure: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """`status` 200: come in; 303: come in, with this `cookie`, by the same address without its token; else not, and
    `reason` (a key of the texts), `what` and `cure` say why. `retry` is in seconds."""

    status: int
    reason: str = ""
    what: str = ""
    cure: str = ""
    cookie: str = ""
    retry: int = 0

    @property
    def is_in(self) -> bool:
        return self.status == 200


COME_IN = Verdict(200)


class Door:
    """The door of one console. `names` are hosts under which it may be asked for beside the loopback's; `key` signs
    sessions; `port` is where it listens, known once it does."""

    def __init__(self, token: str, key: bytes, names: Collection[str] = (), port: int = 0) -> None:
        self.token = token
        self.port = port
        self._key = key
        self._names = frozenset(name.lower() for name in names) | LOOPBACK_NAMES
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    @property
    def cookie_name(self) -> str:
        """Cookies know no ports, so each console's has its own name."""
        return f"sockwright-{self.port}"

    def judge(self, visit: Visit, now: float) -> Verdict:
        """Say what becomes of `visit`; `now` is in seconds since the epoch."""
        refused = self._of_strangers(visit)
        if refused is not None:
            return refused
        kind, _, bearer = visit.authorization.partition(" ")
        bearer = bearer.strip() if kind.lower() == "bearer" else ""
        given = bearer or visit.token
        if given:
            left = self._locked(visit.peer, now)
            if left:
                return Verdict(
                    429,
                    "locked",
                    f"{WRONG} wrong tokens came from {visit.peer or 'there'} within a minute",
                    f"wait {left} s, then open the address that the bench printed",
                    retry=left,
                )
            if not hmac.compare_digest(given.encode("utf-8", "replace"), self.token.encode()):
                self._count(visit.peer, now)
                return Verdict(401, "wrong", "the token is wrong", "open the address that the running bench printed")
            if bearer:
                return COME_IN
            if visit.method in ("GET", "HEAD"):
                return Verdict(303, cookie=self._session(now))
        if not self._knows(visit.cookie, now):
            return Verdict(401, "absent", "this needs the console's token", "open the address that the bench printed")
        if visit.method not in SAFE and not self._is_ours(visit):
            return Verdict(
                403, "origin", "a change must come from the console's own page", "or send Authorization: Bearer TOKEN"
            )
        return COME_IN

    def admits(self, visit: Visit, now: float) -> Verdict:
        """The same for what needs no token, being the same for everybody: only strangers are turned away."""
        return self._of_strangers(visit) or COME_IN

    # -- the steps

    def _of_strangers(self, visit: Visit) -> Verdict | None:
        """Return the refusal where a foreign name or a foreign page brought this here."""
        if not self.is_host(visit.host):
            return Verdict(
                403, "host", "this console is not known by that name", f"ask for http://127.0.0.1:{self.port}/"
            )
        if visit.site in ("cross-site", "same-site") and not (
            visit.method == "GET" and visit.mode == "navigate" and visit.destination in ("document", "")
        ):
            return Verdict(403, "origin", "another site's page asked for this", "open it in a window of its own")
        if visit.origin and not self._is_ours(visit):
            return Verdict(403, "origin", "a page of another origin asked for this", "use the console's own page")
        return None

    def is_host(self, host: str) -> bool:
        """Tell whether `host`, a Host field, names us. The port may be another: that of a forwarding in between."""
        found = _HOST.match(host.strip().lower())
        if found is None:
            return False
        if found["six"] is not None:
            try:
                return str(ipaddress.IPv6Address(found["six"])) in self._names
            except ValueError:
                return False
        return found["name"].removesuffix(".") in self._names

    def _is_ours(self, visit: Visit) -> bool:
        """Tell whether the Origin is that of the page which this Host serves."""
        try:
            origin = urlsplit(visit.origin.strip().lower())
        except ValueError:
            return False
        scheme = "https" if visit.secure else "http"
        return origin.scheme == scheme and bool(origin.netloc) and origin.netloc == visit.host.strip().lower()

    # -- sessions

    def _session(self, now: float) -> str:
        until = str(int(now + SESSION))
        value = f"{until}.{self._signature(until)}"
        return f"{self.cookie_name}={value}; Path=/; Max-Age={int(SESSION)}; HttpOnly; SameSite=Strict"

    def _signature(self, until: str) -> str:
        words = f"sockwright console {self.port} until {until}".encode()
        return base64.urlsafe_b64encode(hmac.digest(self._key, words, hashlib.sha256)).rstrip(b"=").decode()

    def _knows(self, cookies: str, now: float) -> bool:
        """Tell whether one of `cookies` is a session of ours that is not over."""
        for one in cookies.split(";"):
            name, _, value = one.strip().partition("=")
            if name != self.cookie_name:
                continue
            until, _, signature = value.partition(".")
            if not (until.isascii() and until.isdecimal() and len(until) <= 12):
                continue
            right = hmac.compare_digest(signature.encode("utf-8", "replace"), self._signature(until).encode())
            if right and now < int(until):
                return True
        return False

    # -- wrong tokens

    def _locked(self, peer: str, now: float) -> int:
        """Return for how many seconds no token of `peer` is looked at; 0: it is."""
        times = self._wrong.get(peer)
        if times is None or len(times) < WRONG or now - times[0] >= MINUTE:
            return 0
        return max(1, int(times[0] + MINUTE - now) + 1)

    def _count(self, peer: str, now: float) -> None:
        times = self._wrong.setdefault(peer, deque(maxlen=WRONG))
        times.append(now)
        self._wrong.move_to_end(peer)
        if len(self._wrong) > SOURCES:
            self._wrong.popitem(last=False)
