"""Time: says what time it is and hangs up (RFC 867)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sockwright.binding import Service, service, service_of
from sockwright.services import Context


def offer(context: Context) -> Sequence[Service]:
    @service(blocking=False, frame="line")
    def time() -> str:
        """Return the time of day here, to the second, with its distance from UTC (RFC 867 leaves the form open)."""
        return datetime.fromtimestamp(context.now(), UTC).astimezone().strftime("%A, %B %d, %Y %H:%M:%S%z")

    return (service_of(time, "time"),)
