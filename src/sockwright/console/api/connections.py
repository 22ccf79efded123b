"""Connections: the list, one with all that was said in it, and forgetting them."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sockwright.console.api import Asked, Operation, Parameter
from sockwright.console.desk import Counts, Desk
from sockwright.errors import ServiceError
from sockwright.journal.connections import Connection
from sockwright.journal.query import Filter, parse
from sockwright.journal.reader import Reader
from sockwright.journal.show import is_binary
from sockwright.journal.transcript import Chunk, Faulted, Gap, HalfClose, Item, Noted, Transcript
from sockwright.wire.visible import visible, visible_lines

# Rows of one page, and bytes of one connection that are told.
PAGE = 500
LONGEST = 1 << 20
# Items of one connection that are told, and batches of the journal in which they are looked for.
ITEMS = 5_000
BATCHES = 500
# The same for what was said first.
BEGINNING = 4
# Characters of the first line of what a client said, and bytes in which it is looked for.
FIRST_LINE = 200
LOOKED_AT = 1024
# Connections that one filter looks through, and for how long (seconds): the rest is on the next page.
SEARCHED = 20_000
PATIENCE = 5.0


def first_line(data: bytes) -> str:
    """Return the first line of what was said, safe to show."""
    line = data[:LOOKED_AT].lstrip(b"\r\n").partition(b"\n")[0].removesuffix(b"\r")
    return visible(line, FIRST_LINE)


def about(connection: Connection, counts: Counts | None = None, said: str = "") -> dict[str, Any]:
    """Return a connection as the console tells it; `counts` are those so far of one that is open."""
    told = connection.as_dict()
    if connection.ended is None and counts is not None:
        told.update(counts._asdict())
    told["said"] = said
    told["ending"] = connection.ending
    return told


def said_by_client(transcript: Transcript) -> str:
    """Return the first line of what the client said."""
    direction = "sent" if transcript.connection.opened.role == "client" else "received"
    for chunk in transcript.chunks():
        if chunk.direction == direction and chunk.data.strip():
            return first_line(chunk.data)
    return ""


class Source:
    """Where connections are read: the file where there is one, so that earlier runs are in it, else memory."""

    def __init__(self, desk: Desk, reader: Reader | None) -> None:
        self._desk = desk
        self._reader = reader

    def connections(self, below: int | None = None) -> Iterator[Connection]:
        """Yield them, newest first."""
        if self._reader is not None:
            yield from self._reader.connections(below)
            return
        for one in self._desk.journal.connections():
            if below is None or one.number < below:
                yield one

    def connection(self, number: int) -> Connection:
        """Raises: ServiceError (404)."""
        held = self._reader if self._reader is not None else self._desk.journal
        found = held.connection(number)
        if found is None:
            raise ServiceError(f"there is no connection {number}, or it is not kept any more", code=404)
        return found

    def transcript(self, connection: Connection, batches: int = -1) -> Transcript:
        held = self._reader if self._reader is not None else self._desk.journal
        return held.transcript(connection, batches)


@contextmanager
def opened(desk: Desk) -> Iterator[Source]:
    """Hold what connections are read from, with all that has happened until now."""
    journal = desk.journal
    journal.flush()
    if journal.path is None or not journal.path.exists():
        yield Source(desk, None)
        return
    with Reader(journal.path) as reader:
        yield Source(desk, reader)


def found(source: Source, wanted: Filter, below: int, above: int, limit: int) -> tuple[list[Connection], bool]:
    """Return what `wanted` means between two numbers, newest first, and whether there may be more."""
    chosen: list[Connection] = []
    now = time.time()
    deadline = time.monotonic() + PATIENCE
    for looked, one in enumerate(source.connections(below or None), 1):
        if one.number <= above:
            return chosen, False
        if len(chosen) == limit or looked > SEARCHED or time.monotonic() > deadline:
            return chosen, True
        if wanted.matches(one, lambda: source.transcript(one), now):  # noqa: B023 - called at once
            chosen.append(one)
    return chosen, False


def get_connections(asked: Asked) -> dict[str, Any]:
    wanted = parse(asked.query["filter"])
    query = asked.query
    with opened(asked.desk) as source:
        chosen, more = found(source, wanted, query["before"], query["after"], query["limit"])
        return {"connections": told(asked, source, chosen), "more": more}


def told(asked: Asked, source: Source, chosen: Sequence[Connection]) -> list[dict[str, Any]]:
    """Return connections for a list: with what is counted so far, and what the client said first."""
    live = asked.desk.live()
    rows: list[dict[str, Any]] = []
    for one in chosen:
        said = asked.feed.said(one.number)
        if said is None:
            said = said_by_client(source.transcript(one, BEGINNING))
            if said or one.ended is not None:
                asked.feed.remember(one.number, said)
        rows.append(about(one, live.get(one.number), said))
    return rows


def get_connection(asked: Asked) -> dict[str, Any]:
    with opened(asked.desk) as source:
        connection = source.connection(asked.number)
        transcript = source.transcript(connection, BATCHES)
    counts = asked.desk.live().get(connection.number)
    items, cut = _items(transcript)
    return {**about(connection, counts, said_by_client(transcript)), "items": items, "cut": cut}


def delete_connections(asked: Asked) -> None:
    if asked.query["filter"].strip():
        raise ServiceError("all that has ended is forgotten, or nothing: leave the filter out", code=400)
    journal = asked.desk.journal
    journal.flush()
    if journal.path is not None and journal.path.exists():
        with Reader(journal.path) as reader:
            reader.clear()
    journal.forget()
    asked.feed.forget()


def _items(transcript: Transcript) -> tuple[list[dict[str, Any]], bool]:
    left = LONGEST
    items: list[dict[str, Any]] = []
    for item in transcript.items:
        if isinstance(item, Chunk):
            if (not left and item.data) or len(items) == ITEMS:
                return items, True
            kept = item.data[:left]
            left -= len(kept)
            items.append(_chunk(item, kept))
        else:
            items.append(_other(item))
        items[-1]["time"] = item.time
        items[-1]["after"] = round(item.time - transcript.connection.since, 6)
    return items, left == 0


def _chunk(item: Chunk, kept: bytes) -> dict[str, Any]:
    return {
        "kind": "chunk",
        "direction": item.direction,
        "size": item.size,
        "kept": len(kept),
        "text": visible_lines(kept),
        "binary": is_binary(kept),
        "base64": base64.b64encode(kept).decode(),
    }


def _other(item: Item) -> dict[str, Any]:
    match item:
        case HalfClose():
            return {"kind": "half-close"}
        case Noted(kind=kind, about=words):
            return {"kind": "note", "name": kind, "about": {str(key): _plain(value) for key, value in words.items()}}
        case Faulted(name=name, direction=direction, why=why):
            return {"kind": "fault", "name": name, "direction": direction, "why": why}
        case Gap(records=records):
            return {"kind": "gap", "records": records}
    raise AssertionError(item)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return visible_lines(value)
    return value if isinstance(value, int | float | bool | list | dict | None) else visible_lines(str(value))


OPERATIONS = (
    Operation(
        "DELETE",
        "connections",
        delete_connections,
        "Forget all connections that have ended",
        (Parameter("filter", doc="Must be empty"),),
        status=204,
    ),
    Operation(
        "GET",
        "connections",
        get_connections,
        "Connections, the newest first",
        (
            Parameter("filter", doc="In the filter language: proto:tcp end:rst text~hello"),
            Parameter("before", "integer", 0, "Only those with a lower number"),
            Parameter("after", "integer", 0, "Only those with a higher number"),
            Parameter("limit", "integer", 100, "So many at most", most=PAGE),
        ),
        answer="Connections",
    ),
    Operation(
        "GET",
        "connections/{number}",
        get_connection,
        "One connection with all that was said in it",
        answer="Conversation",
        refusals=(404,),
    ),
)
