"""What all connections to one HTTP endpoint share: limits, routes, what is known of heads, start lines with a Date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sockwright.protocols.routes import Handler, Route, Routes
from sockwright.wire.http1 import REASONS, Sizes
from sockwright.wire.requests import RequestHead, RequestHeads


@dataclass(frozen=True, slots=True)
class Limits(Sizes):
    """What one peer may take: bytes, counts, and seconds."""

    # The whole head must be there by then, however slowly it drips.
    head_time: float = 10.0
    # Content gets this long for nothing, and then must have come with so many bytes a second in all.
    body_grace: float = 5.0
    body_rate: int = 500
    # Between an answer and the next request.
    idle: float = 15.0
    # After so many the connection is closed, so that no one keeps it for ever.
    requests: int = 1000


# What is known of a head: the handler, where nothing stands between the two; the head; its route, and what the route's
# pattern caught (or the methods that are allowed there instead).
Found = tuple[Route, Mapping[str, str]] | frozenset[str]
Plan = tuple[Handler | None, RequestHead, Found]
# Heads up to this size are remembered, so many of them: clients repeat themselves, and then reading costs a look-up.
REMEMBERED = 1024  # bytes
PLANS = 512


class Site:
    """One per endpoint. `plans` holds what to do with heads that came before; `last` is the last kept request."""

    __slots__ = ("_heads", "_routes", "_since", "_starts", "_until", "idle", "last", "limits", "plans", "secure")

    def __init__(self, routes: Routes, limits: Limits | None = None, *, secure: bool = False) -> None:
        self.limits = limits or Limits()
        self.secure = secure
        self.plans: dict[bytes, Plan] = {}
        self._routes = routes
        self._heads = RequestHeads(self.limits)
        self._starts: dict[int, bytes] = {}
        self._since = self._until = 0.0
        self.idle = self.limits.idle
        self.last = self.limits.requests - 1

    def plan(self, raw: bytes) -> Plan:
        """Return what to do with the request whose head is `raw`. Raises: PeerError where it is none."""
        head = self._heads.read(raw)
        found = self._routes.search(head.method, head.path)
        handler = None
        if isinstance(found, tuple) and head.keeps_alive and head.version == "1.1" and head.method != "HEAD":
            route = found[0]
            most = self.limits.body if route.body is None else route.body
            if not self.secure and (head.length == 0 or (head.length <= most and not route.early and not head.expects)):
                handler = route.handler
        plan = (handler, head, found)
        if len(raw) <= REMEMBERED:
            if len(self.plans) >= PLANS:
                self.plans.clear()
            self.plans[raw] = plan
        return plan

    def start(self, status: int, now: float) -> bytes:
        """Return the status line and the Date line (RFC 9110, 6.6.1) of an answer."""
        if not self._since <= now < self._until:
            self._since = float(int(now))
            self._until = self._since + 1
            self._starts.clear()
        start = self._starts.get(status)
        if start is None:
            reason = REASONS.get(status, "").encode()
            self._starts[status] = start = b"HTTP/1.1 %d %b\r\nDate: %b\r\n" % (status, reason, date(self._since))
        return start


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def date(now: float) -> bytes:
    """Return `now` as HTTP writes it: `Tue, 15 Nov 1994 08:12:31 GMT`, in English wherever we are (RFC 9110, 5.6.7)."""
    t = datetime.fromtimestamp(now, UTC)
    text = f"{_DAYS[t.weekday()]}, {t.day:02} {_MONTHS[t.month - 1]} {t.year:04} {t:%H:%M:%S} GMT"
    return text.encode()
