"""Echo: sends back what it gets, until the peer says no more (RFC 862)."""

from __future__ import annotations

from collections.abc import Sequence

from sockwright.binding import Service, service, service_of
from sockwright.services import Context


@service(blocking=False, frame="raw")
def echo(data: bytes) -> bytes:
    """Return `data` as it came."""
    return data


def offer(context: Context) -> Sequence[Service]:
    return (service_of(echo, "echo"),)
