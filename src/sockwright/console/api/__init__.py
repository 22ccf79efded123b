"""The HTTP API under `/api/`: one table of operations, from which requests are answered and OpenAPI is written.

An operation is a plain function `(Asked) -> value`: what JSON can say, None (204), or a `Download`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from sockwright.errors import ServiceError

if TYPE_CHECKING:
    from sockwright.console.desk import Desk
    from sockwright.console.feed import Feed

Kind = Literal["integer", "string", "boolean"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One name of the query. `choices` is empty where anything goes; `most` bounds an integer."""

    name: str
    kind: Kind = "string"
    default: Any = ""
    doc: str = ""
    choices: Sequence[str] = ()
    most: int = 0

    def read(self, text: str) -> Any:
        """Return what `text` says. Raises: ServiceError."""
        if self.kind == "integer":
            if not (text.isascii() and text.isdecimal()):
                raise ServiceError(f"{self.name} is a whole number, and {text[:40]!r} came", code=400)
            return min(int(text), self.most) if self.most else int(text[:18])
        if self.kind == "boolean":
            return text.lower() in ("1", "true", "yes", "on", "")
        if self.choices and text not in self.choices:
            raise ServiceError(f"{self.name} is one of {', '.join(self.choices)}, not {text[:40]!r}", code=400)
        return text


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: what the path's pattern caught, the query's values (defaults where none came), and the content:
    JSON in `content`, as it came in `raw`."""

    desk: Desk
    feed: Feed
    captured: Mapping[str, str]
    query: Mapping[str, Any]
    content: Mapping[str, Any]
    raw: bytes = b""

    @property
    def number(self) -> int:
        """The path's number. Raises: ServiceError (404) where it is none."""
        text = self.captured["number"]
        if not (text.isascii() and text.isdecimal()) or len(text) > 18:
            raise ServiceError(f"{text[:40]!r} is no number", code=404)
        return int(text)


@dataclass(frozen=True, slots=True)
class Download:
    """A file. It is never shown in place: what is in it came from strangers."""

    content: bytes
    name: str
    type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Operation:
    """One line of the table. `path` has `{captures}`; `body` and `answer` name schemas of `openapi`, a `raw` body is
    a file. `refusals` are statuses that it may end in beside those that all may."""

    method: str
    path: str
    work: Callable[[Asked], Any]
    summary: str
    parameters: Sequence[Parameter] = ()
    body: str = ""
    answer: str = ""
    status: int = 200
    raw: bool = False
    download: bool = False
    refusals: Sequence[int] = field(default=())

    @property
    def id(self) -> str:
        return self.work.__name__


class Table:
    """All operations, found by method and path."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.operations = operations
        self._by_pattern = [(tuple(one.path.split("/")), one) for one in operations]

    def find(self, method: str, segments: Sequence[str]) -> tuple[Operation, Mapping[str, str]] | frozenset[str]:
        """Return the operation and what its pattern caught, else the methods that are allowed there.

        A literal segment wins over a capture, since it stands earlier in the table.
        """
        allowed: set[str] = set()
        for pattern, operation in self._by_pattern:
            if len(pattern) != len(segments):
                continue
            captured: dict[str, str] = {}
            for name, segment in zip(pattern, segments, strict=True):
                if name.startswith("{"):
                    if not segment:
                        break
                    captured[name[1:-1]] = segment
                elif name != segment:
                    break
            else:
                if operation.method == method or (operation.method == "GET" and method == "HEAD"):
                    return operation, captured
                allowed.add(operation.method)
        return frozenset(allowed)

    @staticmethod
    def query(operation: Operation, given: Mapping[str, str]) -> dict[str, Any]:
        """Return the query's values. Raises: ServiceError for one that does not fit, or that nobody knows."""
        known = {one.name: one for one in operation.parameters}
        for name in given:
            if name not in known:
                raise ServiceError(f"there is no parameter {name[:40]!r} here", code=400)
        return {name: one.read(given[name]) if name in given else one.default for name, one in known.items()}


def operations() -> Sequence[Operation]:
    """Return the whole table."""
    from sockwright.console.api import anatomy, books, calls, checks, connections, events, faults, mails, people, state
    from sockwright.console.openapi import OPERATIONS as OWN

    rooms = (state, events, connections, anatomy, calls, people, books, mails, checks, faults)
    return (*(one for room in rooms for one in room.OPERATIONS), *OWN)
