"""Puts the console at an address of the bench: its WSGI tree behind our own HTTP, its live stream in our loop.

CherryPy's own server does not listen: twelve viewers, or fifty half-sent requests, stop it. CherryPy and Jinja2 take a
sixth of a second to import, so that happens once the bench answers, or when the first page is asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import secrets
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from sockwright.binding import Arguments, Outcome, Refusal, failure, service, service_of
from sockwright.config import home
from sockwright.console.door import Door, new_token
from sockwright.endpoint import Endpoint
from sockwright.protocols.routes import Answer, Call, Route
from sockwright.wire.exchange import Request, Response
from sockwright.workbench import Listening, Posting, Workbench, lan_addresses, own_names

if TYPE_CHECKING:
    from sockwright.console.feed import Feed
    from sockwright.desk.desk import BenchDesk
    from sockwright.desk.live import Live

NAME = "console"
PORT = 7070
LECTURE_PORT = 8099
# Content of one request (bytes): forms of people; a codebook's file may be longer.
BODY = 256 * 1024
IMPORT = 16 * 1024 * 1024
# Threads for pages and API.
THREADS = 16
# Seconds after the start until CherryPy is imported, if nobody asked for a page before that.
WARM_UP = 0.5
KEY = 32


class Console:
    """The console of one bench. `url` has the token, `address` has not."""

    def __init__(self, bench: Workbench, *, lan: bool, trouble: Callable[[str], None]) -> None:
        self._bench = bench
        self._lan = lan
        self._trouble = trouble
        self._lock = threading.Lock()
        self._desk: BenchDesk | None = None
        self._feed: Feed | None = None
        self._live: Live | None = None
        self._tree: Any = None
        self._loop = asyncio.get_running_loop()
        self._pool = ThreadPoolExecutor(THREADS, "sockwright-console")
        names = (*own_names(), *lan_addresses()) if lan else ()
        self.door = Door(new_token(), signing_key(), names)
        self.listening: Listening | None = None
        self._work = service_of(service(name=NAME, later=True)(self._answer_later))

    def listen(self, endpoint: Endpoint, *, move: bool) -> Listening:
        """Listen at `endpoint`. Raises: PortTaken."""
        routes = (
            Route("GET", "/api/events/stream", self._stream),
            Route("POST", "/api/books/{name}/import", self._page, body=IMPORT),
            Route("", "/{path...}", self._page, body=BODY),
        )
        posting = Posting(endpoint, (), label=NAME, extra={"routes": routes}, unwatched=True)
        self.listening = self._bench.listen(posting, lan=self._lan, move=move)
        self.door.port = self.listening.endpoint.port
        self._timer = self._loop.call_later(WARM_UP, self._warm_up)
        return self.listening

    @property
    def address(self) -> str:
        assert self.listening is not None
        host = "127.0.0.1" if self._lan else self.listening.endpoint.host
        return f"http://{self.listening.endpoint.at(host, self.door.port).authority}/"

    @property
    def url(self) -> str:
        return f"{self.address}?token={self.door.token}"

    def close(self) -> None:
        """Show nothing any more."""
        self._timer.cancel()
        with self._lock:
            feed = self._feed
        if feed is not None:
            feed.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    # -- made when they are needed

    def _warm_up(self) -> None:
        with contextlib.suppress(RuntimeError):  # closed meanwhile
            self._pool.submit(self.tree)

    def desk(self) -> BenchDesk:
        with self._lock:
            return self._made_desk()

    def _made_desk(self) -> BenchDesk:
        if self._desk is None:
            from sockwright.desk.desk import BenchDesk

            self._desk = BenchDesk(self._bench, self._loop, lan=self._lan)
        return self._desk

    def feed(self) -> Feed:
        """Return the feed of events."""
        with self._lock:
            return self._made_feed()

    def _made_feed(self) -> Feed:
        if self._feed is None:
            from sockwright.console.feed import Feed

            self._feed = Feed(self._made_desk())
        return self._feed

    def tree(self) -> Any:
        """Return the WSGI application."""
        with self._lock:
            if self._tree is None:
                from sockwright.console.pages import Pages
                from sockwright.console.tree import make_tree

                self._tree = make_tree(self._made_desk(), self._made_feed(), self.door, Pages(), self._trouble)
            return self._tree

    # -- what the routes do

    def _stream(self, request: Request) -> Answer:
        if self._live is None:
            from sockwright.desk.live import Live

            self._live = Live(self.feed, self.door)
        return self._live.answer(request)

    def _page(self, request: Request) -> Answer:
        return Call(self._work, Arguments(values=(request,)), _told)

    def _answer_later(self, request: Any, settle: Callable[[Outcome], None]) -> None:
        def work() -> None:
            try:
                settle(_answer_of(self.tree(), request))
            except Exception as wrong:  # noqa: BLE001 - whoever waits must not wait for ever
                settle(failure(wrong))

        self._pool.submit(work)


def _answer_of(tree: Any, request: Request) -> Response:
    head = request.head
    path, _, query = head.target.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": head.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": request.peer.host,
        "CONTENT_LENGTH": str(len(request.content)),
        "CONTENT_TYPE": request.fields.get("content-type"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.content),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.fields.pairs:
        environ.setdefault("HTTP_" + name.decode("latin-1").upper().replace("-", "_"), value.decode("latin-1"))
    heads: list[Any] = []
    body = tree(environ, lambda *given: heads.append(given))
    content = b"".join(body)
    if hasattr(body, "close"):
        body.close()
    status, fields = heads[-1][:2]
    kept = [(name, value) for name, value in fields if name.lower() not in ("content-length", "date", "connection")]
    return Response(content, int(status[:3]), fields=kept)


def _told(outcome: Outcome) -> Answer:
    if isinstance(outcome, Refusal):
        return Response({"error": {"what": outcome.message, "cure": ""}}, outcome.code if outcome.code >= 400 else 500)
    assert isinstance(outcome, Response)
    return outcome


def signing_key() -> bytes:
    """Return the key that signs sessions: the same for all benches of this user, so that a page outlives a restart."""
    path = home().state / "console.key"
    with contextlib.suppress(OSError):
        key = path.read_bytes()
        if len(key) == KEY:
            return key
    key = secrets.token_bytes(KEY)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with contextlib.suppress(OSError):  # then sessions end with the bench
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key)
        draft.replace(path)
    return key
