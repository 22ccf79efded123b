"""HTTP requests: one message out, one response in, redirects where they are wanted.

A connection per request (`Connection: close`): a person or a test asks once. A response that is not whole is an
error, never a success with less in it.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urljoin

from sockwright import __version__, config
from sockwright.client.exchanges import LIMIT, wait_of
from sockwright.endpoint import Endpoint, Peer, parse
from sockwright.errors import ConfigError, PeerError
from sockwright.transport.connection import Connection
from sockwright.transport.dial import CONNECT_WAIT, dial
from sockwright.wire.fields import NO_FIELDS, Fields, write_fields
from sockwright.wire.http1 import End, ResponseHead, ResponseReader

BEGINNING = 64 * 1024  # bytes kept of a response that may not come whole, to be shown
REDIRECTS = 10  # as many as people's browsers take and a bit less; a chain longer than that is a loop
_SEE_OTHER = {301, 302, 303}  # what everybody answers with a GET (RFC 9110, 15.4.2 and 15.4.3 allow it)
_SAME_AGAIN = {307, 308}
_SAFE = "!$&'()*+,;=:@/?[]~%-._"  # of a request-target, left as it is


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked. `fields` are those that the caller gave, in order; `endpoint` names host and request-target."""

    method: str
    endpoint: Endpoint
    fields: tuple[tuple[str, str], ...] = ()
    content: bytes = b""
    without: frozenset[str] = frozenset()  # fields of ours that shall not be sent, in lower case

    @property
    def target(self) -> str:
        """The request-target in ASCII (RFC 9112, 3.2.1)."""
        return quote(self.endpoint.path or "/", safe=_SAFE)

    @property
    def url(self) -> str:
        """The whole URL, without who we are."""
        return str(replace(self.endpoint, path=self.target))

    def head(self) -> bytes:
        """Return start line and fields as they go out.

        Raises: ValueError for a method or field that would break the message.
        """
        if not self.method.isascii() or not self.method.replace("-", "").replace("_", "").isalnum():
            raise ValueError(f"{self.method!r} is not a method")
        lines = write_fields(self._all_fields())
        return f"{self.method} {self.target} HTTP/1.1\r\n".encode("ascii") + lines + b"\r\n"

    def _all_fields(self) -> list[tuple[str, str]]:
        endpoint = self.endpoint
        ours = {
            "Host": _host(endpoint),
            "User-Agent": f"sockwright/{__version__}",
            "Accept": "*/*",
            "Connection": "close",
        }
        if endpoint.user:
            pair = f"{endpoint.user}:{endpoint.password}".encode()
            ours["Authorization"] = "Basic " + base64.b64encode(pair).decode()
        if self.content or self.method in ("POST", "PUT", "PATCH"):
            ours["Content-Length"] = str(len(self.content))
        given = {name.lower() for name, _ in self.fields}
        kept = [(name, value) for name, value in ours.items() if name.lower() not in given | self.without]
        return kept + list(self.fields)


def _host(endpoint: Endpoint) -> str:
    host = endpoint.host if endpoint.host.isascii() else endpoint.host.encode("idna").decode()
    host = f"[{host.partition('%')[0]}]" if ":" in host else host
    return host if endpoint.port == (443 if endpoint.tls else 80) else f"{host}:{endpoint.port}"


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds since the request began: connected (TLS included), the response's first byte, its last."""

    connect: float
    first_byte: float
    total: float


@dataclass(frozen=True, slots=True)
class Response:
    """A whole response. `heads` are all that came, interim ones first; `hops` the responses that redirected here."""

    request: Request
    heads: tuple[ResponseHead, ...]
    content: bytes
    trailers: Fields
    peer: Peer
    timings: Timings
    tls: str = ""
    hops: tuple[Response, ...] = field(default=(), repr=False)
    known_by: str = ""  # how the end of the content was known: none, length, chunks, close

    @property
    def head(self) -> ResponseHead:
        return self.heads[-1]

    @property
    def status(self) -> int:
        return self.head.status

    @property
    def reason(self) -> str:
        return self.head.reason

    @property
    def fields(self) -> Fields:
        return self.head.fields

    @property
    def ok(self) -> bool:
        """Tell whether the status is below 400."""
        return self.status < 400

    @property
    def type(self) -> str:
        """The media type, in lower case and without parameters."""
        return self.fields.get("content-type").partition(";")[0].strip().lower()

    @property
    def charset(self) -> str:
        """What the Content-Type names as the charset; UTF-8 where it names none."""
        for part in self.fields.get("content-type").split(";")[1:]:
            name, _, value = part.partition("=")
            if name.strip().lower() == "charset":
                return value.strip().strip('"') or "utf-8"
        return "utf-8"

    @property
    def text(self) -> str:
        """The content as text; what does not fit the charset is replaced."""
        try:
            return self.content.decode(self.charset, "replace")
        except LookupError:
            return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the value that the content says. Raises: ValueError where it is not JSON."""
        return json.loads(self.content)


class Asking:
    """One request under way over one connection: what arrives, part by part, for those who cannot wait for the whole.

    `parts` yields heads, pieces of content, and the `End`.
    """

    def __init__(self, request: Request, wait: float, timeout: float | None = None) -> None:
        self.request = request
        self.heads: list[ResponseHead] = []
        self.peer = Peer("", 0)
        self.tls = ""
        self.connected = self.first_byte = self.ended = 0.0
        self.came = b""  # the beginning of what came, as it came
        self._wait = wait
        self._timeout = timeout

    def parts(self) -> Iterator[ResponseHead | bytes | End]:
        """Ask, and yield the parts of the response.

        Raises: TimeoutError, ConnectionError, OSError, PeerError where it is not whole.
        """
        request = self.request
        said = request.head() + request.content
        began = time.monotonic()
        with dial(request.endpoint, self._wait or CONNECT_WAIT) as connection:
            self.connected = time.monotonic() - began
            self.peer, self.tls = connection.peer, connection.tls
            connection.post(said)
            connection.flush()
            deadline = began + self._timeout if self._timeout is not None else float("inf")
            for part in self._read(connection, began, deadline):
                if isinstance(part, ResponseHead):
                    self.heads.append(part)
                yield part

    def _read(self, connection: Connection, began: float, deadline: float) -> Iterator[ResponseHead | bytes | End]:
        reader = ResponseReader(self.request.method)
        while not reader.done:
            arrival = self._next(connection, deadline)
            if not self.first_byte:
                self.first_byte = time.monotonic() - began
            if len(self.came) < BEGINNING:
                self.came += arrival
            if arrival:
                parts = reader.feed(arrival)
            else:
                self._judge_end(connection, reader)
                parts = reader.end_of_stream()
            if reader.done:
                self.ended = time.monotonic() - began
            yield from parts

    def _next(self, connection: Connection, deadline: float) -> bytes:
        place = self.request.endpoint.authority
        while True:
            unsent = connection.unsent
            arrival = connection.read(min(self._wait, max(deadline - time.monotonic(), 0.0)))
            if arrival is not None:
                return arrival.data
            if time.monotonic() >= deadline:
                raise TimeoutError(f"{place} was not done after {config.duration_text(self._timeout or 0.0)}")
            if connection.unsent == unsent:  # while a long request still goes out, the peer may keep silent
                raise TimeoutError(f"{place} said nothing for {config.duration_text(self._wait)}")

    def _judge_end(self, connection: Connection, reader: ResponseReader) -> None:
        if reader.head is None and not connection.received:
            raise ConnectionResetError(f"{connection.peer} hung up without a response")
        if connection.ended == "cut":
            raise PeerError("the end of the stream is not announced (TLS close_notify): it may be cut off")


def request(
    method: str,
    url: str | Endpoint,
    *,
    fields: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    content: bytes | str = b"",
    json: Any = None,
    wait: float | None = None,
    timeout: float | None = None,
    follow: bool = False,
    limit: int = LIMIT,
) -> Response:
    """Send a request and return the whole response, whatever its status. `json`: a value sent as JSON.

    Raises: TimeoutError after `wait` seconds of silence or `timeout` in all; OSError where the endpoint cannot be
    reached or breaks off; PeerError where the response is malformed, cut off, or longer than `limit` bytes.
    """
    endpoint = parse(url, "http") if isinstance(url, str) else url
    given = tuple(fields.items() if isinstance(fields, Mapping) else fields)
    body = content.encode() if isinstance(content, str) else content
    if json is not None:
        body = _json_of(json)
        if not any(name.lower() == "content-type" for name, _ in given):
            given = (*given, ("Content-Type", "application/json"))
    asked = Request(method.upper(), endpoint, given, body)
    return ask(asked, wait=wait_of(endpoint, wait), timeout=timeout, follow=follow, limit=limit)


def _json_of(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


Sink = Callable[[bytes], object]
# Told what came of a response that did not come whole (its beginning), and whether that is because the stream ended.
Unwhole = Callable[[Request, bytes, bool], object]


def ask(
    asked: Request,
    *,
    wait: float,
    timeout: float | None = None,
    follow: bool = False,
    limit: int = LIMIT,
    sink: Sink | None = None,
    unwhole: Unwhole | None = None,
) -> Response:
    """Send `asked`, follow redirects if told to, and return the last response. `sink` is given the content of that
    one piece by piece; it is not kept then, and has no limit. `timeout` is for each request. `unwhole` is told of a
    response that does not come whole. Raises: as `request`.
    """
    hops: list[Response] = []
    while True:
        asking = Asking(asked, wait, timeout)
        kept: list[bytes] = []
        size = 0
        trailers = NO_FIELDS
        known_by = ""
        try:
            for part in asking.parts():
                if isinstance(part, End):
                    trailers, known_by = part.trailers, part.known_by
                elif isinstance(part, bytes):
                    if sink is not None and not (follow and is_redirect(asking.heads[-1])):
                        sink(part)
                        continue
                    kept.append(part)
                    size += len(part)
                    if size > limit:
                        raise PeerError(f"the content is longer than the {limit} bytes allowed", offset=size)
        except (PeerError, OSError) as wrong:
            if unwhole is not None and asking.came:
                unwhole(asked, asking.came, isinstance(wrong, PeerError))
            raise
        timings = Timings(asking.connected, asking.first_byte, asking.ended)
        heads = tuple(asking.heads)
        content = b"".join(kept)
        response = Response(
            asked, heads, content, trailers, asking.peer, timings, asking.tls, tuple(hops), known_by=known_by
        )
        if not follow or not is_redirect(response.head):
            return response
        onward = redirected(response)
        hops.append(replace(response, hops=()))
        if len(hops) > REDIRECTS:
            raise PeerError(f"more than {REDIRECTS} redirects, the last to {onward.url}", section="RFC 9110, 15.4")
        asked = onward


def is_redirect(head: ResponseHead) -> bool:
    """Tell whether the response sends us elsewhere."""
    return head.status in _SEE_OTHER | _SAME_AGAIN and "location" in head.fields


def redirected(response: Response) -> Request:
    """Return the request that a redirect asks for.

    Secrets stay at home: credentials and cookies do not go to another host, port or scheme (RFC 9110, 15.4).

    Raises: PeerError for a Location that makes no sense.
    """
    asked, status = response.request, response.status
    place = response.fields.get("location")
    try:
        endpoint = parse(urljoin(asked.url, place), "http")
    except (ConfigError, ValueError) as wrong:
        raise PeerError(f"Location is {place[:200]!r}: {wrong}", section="RFC 9110, 10.2.2") from None
    if endpoint.protocol != "http":
        raise PeerError(f"Location is {place[:200]!r}, which is not HTTP", section="RFC 9110, 10.2.2")
    at_home = (endpoint.host, endpoint.port, endpoint.tls) == (
        asked.endpoint.host,
        asked.endpoint.port,
        asked.endpoint.tls,
    )
    endpoint = replace(endpoint, options=asked.endpoint.options)
    if at_home and not endpoint.user:
        endpoint = replace(endpoint, user=asked.endpoint.user, password=asked.endpoint.password)
    left_behind = set() if at_home else {"authorization", "cookie", "host", "proxy-authorization"}
    method, content = asked.method, asked.content
    if status in _SEE_OTHER and method not in ("GET", "HEAD"):
        method, content = "GET", b""
        left_behind |= {"content-type", "content-length", "content-encoding", "transfer-encoding"}
    fields = tuple((name, value) for name, value in asked.fields if name.lower() not in left_behind)
    return Request(method, endpoint, fields, content, asked.without)
