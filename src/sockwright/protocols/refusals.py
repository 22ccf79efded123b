"""What is answered where no handler answers: nobody is there, the service refused, the message cannot be read."""

from __future__ import annotations

from sockwright.binding import Refusal
from sockwright.errors import PeerError
from sockwright.protocols.routes import METHODS
from sockwright.wire.exchange import Request, Response

# Refusals that are about size, time and room, not about form.
LIMITS = frozenset({408, 413, 414, 431, 507})


def refused(refusal: Refusal) -> Response:
    """Return the answer that tells a refusal in plain text."""
    status = refusal.code if 400 <= refusal.code <= 599 else 500
    return Response(refusal.message + "\n", status, fields={"Retry-After": 1} if status == 503 else ())


def nowhere(request: Request, allowed: frozenset[str]) -> Response:
    """Return the answer where no route takes the request: 404, 405, 501, or what OPTIONS asks for."""
    method, path = request.method, request.path
    if path == "*" or method == "CONNECT":
        allowed = frozenset(METHODS) - {"CONNECT", "TRACE"}
    if method not in METHODS:
        return Response(f"there is no method {method[:60]}\n", 501)
    if not allowed:
        return Response(f"there is nothing at {path[:200]}\n", 404)
    allow = {"Allow": ", ".join(sorted(allowed, key=METHODS.index))}
    if method == "OPTIONS":
        return Response(status=204, fields=allow)
    return Response(f"{method} is not for {path[:200]}; {allow['Allow']} are\n", 405, fields=allow)


def unreadable(wrong: PeerError) -> Response:
    """Return the answer to what cannot be read on from; the rule stands beside what was wrong."""
    words = f"{wrong.args[0]} ({wrong.section})" if wrong.section else str(wrong.args[0])
    return Response(words + "\n", wrong.code)
