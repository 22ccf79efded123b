"""Puts the console at an address of the bench: its WSGI tree behind our own HTTP, its live stream in our loop.

CherryPy's own server does not listen: twelve viewers, or fifty half-sent requests, stop it. CherryPy and Jinja2 take a
sixth of a second to import, so that happens once the bench answers, or when the first page is asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from sockwright.config import home
from sockwright.console.door import Door, new_token
from sockwright.endpoint import Endpoint
from sockwright.hosts.spool import Spool
from sockwright.hosts.wsgi import Wsgi
from sockwright.protocols.routes import Answer, Route
from sockwright.wire.exchange import Request
from sockwright.workbench import Listening, Posting, Workbench, lan_addresses, own_names

if TYPE_CHECKING:
    from sockwright.console.feed import Feed
    from sockwright.desk.desk import BenchDesk
    from sockwright.desk.live import Live

NAME = "console"
PORT = 7070
# Content of one request (bytes): forms of people; a codebook's file may be longer.
BODY = 256 * 1024
IMPORT = 16 * 1024 * 1024
# Threads for pages and API.
THREADS = 16
# An answer must have begun by then (seconds): a call to somebody slow is the longest of all.
LONGEST = 60.0
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
        self._host = Wsgi(self._answer, threads=THREADS, streams=THREADS, limit=LONGEST, errors=trouble, name=NAME)
        names = (*own_names(), *lan_addresses()) if lan else ()
        self.door = Door(new_token(), signing_key(), names)
        self.listening: Listening | None = None

    def listen(self, endpoint: Endpoint, *, move: bool) -> Listening:
        """Listen at `endpoint`. Raises: PortTaken."""
        routes = (
            Route("GET", "/api/events/stream", self._stream),
            Route("POST", "/api/books/{name}/import", self._host.handle, body=IMPORT, spool=Spool),
            Route("", "/{path...}", self._host.handle, body=BODY, spool=Spool),
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
            feed, desk = self._feed, self._desk
        if feed is not None:
            feed.close()
        if desk is not None:
            desk.close()
        self._host.close()

    # -- made when they are needed

    def _warm_up(self) -> None:
        threading.Thread(target=self.tree, name="sockwright-console-warm-up", daemon=True).start()

    def desk(self) -> BenchDesk:
        with self._lock:
            return self._made_desk()

    def _made_desk(self) -> BenchDesk:
        if self._desk is None:
            from sockwright.desk.desk import BenchDesk

            self._desk = BenchDesk(self._bench, self._loop, self._tell, lan=self._lan)
        return self._desk

    def _tell(self, kind: str, data: Any) -> None:
        if self._feed is not None:
            self._feed.tell(kind, data)

    def feed(self) -> Feed:
        """Return the feed of events."""
        with self._lock:
            return self._made_feed()

    def _made_feed(self) -> Feed:
        if self._feed is None:
            from sockwright.console.feed import Feed

            self._feed = Feed(self._made_desk(), self._trouble)
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

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        pages: Iterable[bytes] = self.tree()(environ, start_response)
        return pages


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
