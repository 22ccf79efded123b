"""Discard: swallows what it gets (RFC 863). The journal counts it."""

from __future__ import annotations

from collections.abc import Sequence

from sockwright.binding import Service, service, service_of
from sockwright.services import Context


@service(blocking=False, frame="raw")
def discard(data: bytes) -> None:
    """Throw `data` away."""


def offer(context: Context) -> Sequence[Service]:
    return (service_of(discard, "discard"),)
