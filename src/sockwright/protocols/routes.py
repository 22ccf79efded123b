"""Which handler answers a request: method and path pattern, and what a handler may answer with.

A handler is a pure function of a `Request`: it returns a `Response`, or says which service shall be called (`Call`) or
begun (`Stream`) to get one. It never waits. Patterns are literal segments, `{name}` for one segment, and at their
end `{name...}` for all that is left: `GET /people/{id}`, `/files/{path...}`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from sockwright.binding import Arguments, Outcome, Service
from sockwright.conversation import Note
from sockwright.wire.exchange import Request, Response, decode

# The methods of RFC 9110 and RFC 5789. A method that is not here and that no route takes is 501, not 405.
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT")

# Content above so many bytes goes into a route's spool, where it has one.
SPOOLED = 64 * 1024


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """Call `service`, and let `then` make the answer of its outcome: a value, or a `binding.Refusal`.

    `then` may ask for another call, so several are made one after another. A service that cannot block is called
    in place.
    """

    service: Service
    arguments: Arguments
    then: Callable[[Outcome], Answer]


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """Begin a session with `service` that says the answer piece by piece; each `send` is one piece of content.

    With `head`, its status and fields go out at once and its content is the first piece. Without, the first thing
    the session sends must be a head: `HTTP/1.1 200 OK`, field lines, an empty line; content may follow in the same
    bytes; or a `Beginning`. A Content-Length is kept to, else the answer is chunked (HTTP/1.0: ends with the stream).
    What it says by `Session.answer`, a `Response`, is the whole answer.
    Where the route is `early`, the request's content is what the session receives. `about` goes to the session,
    together with the request (`session.about["request"]`). A half-close of the peer's does not end it, unless it is
    `endless`: nobody waits for the end of what has none, so that is somebody who has left.
    """

    service: Service
    head: Response | None = None
    about: Mapping[str, object] = field(default_factory=dict)
    endless: bool = False
    upgrades: bool = False  # it may say a `Beginning` with 101, and what follows is WebSocket


@dataclass(frozen=True, slots=True, eq=False)
class Noted:
    """Write `note` into the journal, then give `answer`: for what a status does not tell."""

    note: Note
    answer: Answer


class Spool(Protocol):
    """Takes the content of one request, piece by piece. Raises: OSError where it has no room."""

    def write(self, piece: bytes) -> None: ...

    def rewind(self) -> None:
        """The content is whole."""


Answer = Response | Call | Stream | Noted
Handler = Callable[[Request], Answer]


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """One entry. `method` is empty where the handler takes every method; GET answers HEAD too.

    `body` is the most content taken (bytes), None for the conversation's own limit. An `early` handler is called
    as soon as the head is there; what it has not taken of the content when it has answered is not read. Where there is
    a `spool`, content above SPOOLED bytes goes into one as it comes, and the handler finds it as `request.spooled`.
    """

    method: str
    pattern: str
    handler: Handler
    body: int | None = None
    early: bool = False
    spool: Callable[[], Spool] | None = None


class _Node:
    """One segment deep in the tree of patterns."""

    __slots__ = ("capture", "here", "literals", "name", "rest", "rest_name")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.name = ""
        self.capture: _Node | None = None
        self.here: dict[str, Route] = {}
        self.rest_name = ""
        self.rest: dict[str, Route] = {}


class Routes:
    """All routes of one site. The most literal pattern wins; one added later replaces its equal."""

    def __init__(self, routes: Iterable[Route] = ()) -> None:
        self._root = _Node()
        for route in routes:
            self.add(route)

    def add(self, route: Route) -> None:
        """Raises: ValueError where the pattern is none."""
        if not route.pattern.startswith("/"):
            raise ValueError(f"the pattern {route.pattern!r} does not begin with a slash")
        node = self._root
        segments = route.pattern[1:].split("/")
        for index, segment in enumerate(segments):
            if segment.startswith("{") and segment.endswith("...}"):
                if index != len(segments) - 1:
                    raise ValueError(f"{segment} in {route.pattern!r} must stand at the end")
                node.rest_name = segment[1:-4]
                node.rest[route.method] = route
                return
            if segment.startswith("{") and segment.endswith("}"):
                if node.capture is None:
                    node.capture = _Node()
                    node.capture.name = segment[1:-1]
                elif node.capture.name != segment[1:-1]:
                    raise ValueError(f"{segment} in {route.pattern!r} is called {{{node.capture.name}}} elsewhere")
                node = node.capture
            elif "{" in segment or "}" in segment:
                raise ValueError(f"{segment!r} in {route.pattern!r}: a capture is a whole segment, like {{id}}")
            else:
                node = node.literals.setdefault(segment, _Node())
        node.here[route.method] = route

    def __contains__(self, pattern: object) -> bool:
        """Tell whether something is routed at the literal path `pattern`."""
        return isinstance(pattern, str) and bool(self.search("GET", pattern))

    def search(self, method: str, path: str) -> tuple[Route, Mapping[str, str]] | frozenset[str]:
        """Return the route for `path` and what its pattern caught, else the methods that are allowed there.

        No method at all means that nothing is there.
        """
        allowed: set[str] = set()
        segments = [decode(segment) for segment in path[1:].split("/")]
        for routes, captured in _candidates(self._root, segments, 0, {}):
            route = routes.get(method) or (routes.get("GET") if method == "HEAD" else None) or routes.get("")
            if route is not None:
                return route, MappingProxyType(captured)
            allowed |= routes.keys()
        if "GET" in allowed:
            allowed.add("HEAD")
        if allowed:
            allowed.add("OPTIONS")
        return frozenset(allowed)


def _candidates(
    node: _Node, segments: list[str], depth: int, captured: dict[str, str]
) -> Iterable[tuple[Mapping[str, Route], dict[str, str]]]:
    """Walk down to every node that `segments` may mean, the most literal first."""
    if depth == len(segments):
        if node.here:
            yield node.here, captured
        return
    segment = segments[depth]
    if segment in node.literals:
        yield from _candidates(node.literals[segment], segments, depth + 1, captured)
    if node.capture is not None and segment:
        yield from _candidates(node.capture, segments, depth + 1, captured | {node.capture.name: segment})
    if node.rest:
        yield node.rest, captured | {node.rest_name: "/".join(segments[depth:])}
