"""Hello: the lecture's own HTTP server, which says `Hello World!` to whoever asks for whatever."""

from __future__ import annotations

from collections.abc import Sequence

from sockwright.binding import Service, service, service_of
from sockwright.services import Context
from sockwright.wire.exchange import Request, Response

HELLO = Response("Hello World!", type="text/html")


@service(blocking=False, route="GET /{path...}")
def hello(request: Request) -> Response:
    """Say Hello World! to every GET."""
    return HELLO


def offer(context: Context) -> Sequence[Service]:
    return (service_of(hello, "hello"),)
