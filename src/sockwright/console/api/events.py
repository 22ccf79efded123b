"""What happened since: for who does not hold a stream open."""

from __future__ import annotations

from typing import Any

from sockwright.console.api import Asked, Operation, Parameter
from sockwright.console.feed import PAGE


def get_events(asked: Asked) -> dict[str, Any]:
    feed = asked.feed
    after = asked.query["after"]
    events = feed.after(after, asked.query["limit"])
    return {
        "events": [{"id": one.id, "kind": one.kind, "data": one.data} for one in events],
        "sequence": feed.last,
        "oldest": feed.oldest,
    }


OPERATIONS = (
    Operation(
        "GET",
        "events",
        get_events,
        "What happened after event N; the stream of the same is events/stream",
        (
            Parameter("after", "integer", 0, "The last event that is known"),
            Parameter("limit", "integer", PAGE, "So many at most", most=PAGE),
        ),
        answer="Events",
    ),
)
