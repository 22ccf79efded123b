"""Greet: thanks whoever comes, as the lecture's first servers do; two functions, since they say different things."""

from __future__ import annotations

from collections.abc import Sequence

from sockwright.binding import Service, service, service_of
from sockwright.services import Context


@service(blocking=False, frame="raw", name="greet", only="stream")
def thank_for_connection() -> str:
    """Thank for the connection, without an end of line, and hang up."""
    return "Thank you for the connection"


@service(blocking=False, frame="raw", name="greet", only="datagram")
def thank_for_data(data: bytes) -> str:
    """Thank for a datagram, whatever is in it."""
    return "Thank you for the data"


def offer(context: Context) -> Sequence[Service]:
    return (service_of(thank_for_connection, "greet"), service_of(thank_for_data, "greet"))
