"""What stands before the tree: the door's verdict, and the fields that every answer of ours carries.

Plain WSGI around WSGI, so that nothing behind it, not even an error of the framework's, gets past it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from sockwright.console.door import Door, Verdict, Visit

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]
# Makes the answer for who is not let in: status, type and content, in the visitor's manner.
Refuse = Callable[[Environ, Verdict], tuple[int, str, bytes]]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Mail is shown in a frame of ours, where nothing runs and nothing is loaded from outside.
MAIL_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'"
)
# What every answer says, unless it says it itself.
FIELDS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
# Said by the framework: nobody's business, or written by who sends the answer.
_UNSAID = frozenset({"server", "x-powered-by", "date"})


def visit_of(environ: Environ) -> Visit:
    """Return what a WSGI request says of itself."""
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))

    def field(name: str) -> str:
        return str(environ.get(f"HTTP_{name}", ""))

    return Visit(
        method=environ["REQUEST_METHOD"],
        host=field("HOST"),
        peer=str(environ.get("REMOTE_ADDR", "")),
        origin=field("ORIGIN"),
        site=field("SEC_FETCH_SITE"),
        mode=field("SEC_FETCH_MODE"),
        destination=field("SEC_FETCH_DEST"),
        cookie=field("COOKIE"),
        authorization=field("AUTHORIZATION"),
        token=query.get("token", ""),
        secure=environ.get("wsgi.url_scheme") == "https",
    )


def without(environ: Environ, *names: str) -> str:
    """Return the request's own address without some names of its query. It always is a path on this host."""
    raw = str(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")).lstrip("/\\")
    path = "/" + quote(raw.encode("latin-1", "replace"), safe="/:@!$&'()*+,;=~")
    pairs = parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    query = urlencode([(name, value) for name, value in pairs if name not in names])
    return f"{path}?{query}" if query else path


class Gate:
    """WSGI in front of `inside`. What `is_open` says of a path is for everybody: it is the same for all."""

    def __init__(
        self,
        inside: Application,
        door: Door,
        refuse: Refuse,
        is_open: Callable[[str], bool],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._inside = inside
        self._door = door
        self._refuse = refuse
        self._is_open = is_open
        self._now = now

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        visit = visit_of(environ)
        judge = self._door.admits if self._is_open(environ.get("PATH_INFO", "")) else self._door.judge
        verdict = judge(visit, self._now())

        def start(status: str, fields: list[tuple[str, str]], exc_info: Any = None) -> Any:
            return start_response(status, _dressed(fields), exc_info)

        if verdict.is_in:
            return self._inside(environ, start)
        if verdict.status == 303:
            there = without(environ, "token")
            start("303 See Other", [("Location", there), ("Set-Cookie", verdict.cookie), ("Content-Length", "0")])
            return [b""]
        status, kind, content = self._refuse(environ, verdict)
        fields = [("Content-Type", kind), ("Content-Length", str(len(content)))]
        if verdict.retry:
            fields.append(("Retry-After", str(verdict.retry)))
        if status == 401:
            fields.append(("WWW-Authenticate", 'Bearer realm="sockwright console"'))
        start(f"{status} {_REASONS.get(status, 'Refused')}", fields)
        return [b""] if visit.method == "HEAD" else [content]


_REASONS = {401: "Unauthorized", 403: "Forbidden", 429: "Too Many Requests"}


def _dressed(fields: list[tuple[str, str]]) -> list[tuple[str, str]]:
    said = {name.lower() for name, _ in fields}
    kept = [(name, value) for name, value in fields if name.lower() not in _UNSAID]
    return kept + [(name, value) for name, value in FIELDS.items() if name.lower() not in said]
