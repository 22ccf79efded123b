"""An ASGI 3 application as a route: FastAPI, Starlette, Django and the like behind our HTTP.

    head --> Begin --> task: application(scope, receive, send) --start--> --body, no more--> answer, in one write
                        content <-- receive                            '--body, more--> pieces, with backpressure

One task per request, in the loop; its context is its own. A client that goes is told to the application as
`http.disconnect`, and as an OSError by `send`; where it does not end by itself within GRACE, it is cancelled. What it
does after its answer is complete (background tasks) it may finish.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from sockwright.binding import service_of
from sockwright.hosts.asgi_exchange import Exchange
from sockwright.hosts.asgi_websocket import WebSocketExchange, asks_for_one, refused, websocket_scope
from sockwright.hosts.log import to_stderr, trace_of
from sockwright.hosts.replies import FAILED
from sockwright.hosts.scope import http_scope
from sockwright.protocols.refusals import nowhere
from sockwright.protocols.routes import Answer, Route, Stream
from sockwright.session import Session
from sockwright.wire.exchange import Request, Response
from sockwright.wire.visible import visible_lines

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

# Content up to so many bytes is taken: the application gets it piece by piece, none of it is kept here.
BODY = 64 * 1024 * 1024

_SILENT = Response("the application ended without an answer; the log of the server tells more\n", 500)


def _nothing() -> None:
    """There is nobody left to tell."""


class Asgi:
    """One application and the routes that lead to it.

    `state` is what its lifespan put there; each request gets a copy. How it fails goes to `errors`.
    """

    def __init__(
        self,
        application: Application,
        prefix: str = "",
        *,
        state: Mapping[str, Any] | None = None,
        body: int | None = BODY,
        errors: Callable[[str], object] | None = None,
        name: str = "asgi",
    ) -> None:
        """Raises: ValueError where the prefix is none: it begins with a slash and does not end with one."""
        if prefix and (not prefix.startswith("/") or prefix.endswith("/")):
            raise ValueError(f"{prefix!r} is no place to stand at; write it like /shop, or nothing for everything")
        self.application = application
        self.prefix = prefix
        self._state = {} if state is None else state
        self._body = body
        self._loop: asyncio.AbstractEventLoop | None = None
        self._say = errors or to_stderr
        self._stream = Stream(service_of(self._serve, name))
        self._socket = Stream(service_of(self._serve_websocket, name), upgrades=True)

    def routes(self) -> tuple[Route, ...]:
        """Return the routes, for all methods: the prefix itself, and everything below it."""
        patterns = [self.prefix, self.prefix + "/{path...}"] if self.prefix else ["/{path...}"]
        return tuple(Route("", pattern, self.handle, self._body, early=True) for pattern in patterns)

    def handle(self, request: Request) -> Answer:
        """Have the application answer."""
        if not request.path.startswith("/"):  # OPTIONS * and CONNECT are about the server
            return nowhere(request, frozenset())
        if b"upgrade" in request.fields.index and asks_for_one(request):
            return refused(request) or self._socket
        return self._stream

    async def _serve_websocket(self, session: Session) -> None:
        request: Request = session.about["request"]
        scope = websocket_scope(request, self.prefix)
        scope["state"] = dict(self._state)
        exchange = WebSocketExchange(session, request)
        try:
            await self.application(scope, exchange.receive, exchange.send)
        except ConnectionError:
            if not (exchange.closed or exchange.gone):
                raise
        except Exception as broken:  # somebody else's code; the journal learns of it by the raise below
            self._say(visible_lines(f"WebSocket {request.target} failed in the application:\n{trace_of(broken)}"))
            if not exchange.answered and not exchange.gone:
                session.answer(FAILED)
            raise
        finally:
            session.when_gone(_nothing)
        if not exchange.answered and not exchange.gone:
            session.answer(_SILENT)

    async def _serve(self, session: Session) -> None:
        loop = self._loop
        if loop is None:
            self._loop = loop = asyncio.get_running_loop()
        request: Request = session.about["request"]
        scope = http_scope(request, self.prefix)
        scope["state"] = dict(self._state)
        exchange = Exchange(session, request, loop)
        try:
            await self.application(scope, exchange.receive, exchange.send)
        except ConnectionError:
            if not exchange.gone:
                raise
        except Exception as broken:  # somebody else's code; the journal learns of it by the raise below
            trace = trace_of(broken)
            self._say(visible_lines(f"{request.method} {request.target} failed in the application:\n{trace}"))
            if not exchange.begun and not exchange.gone:
                session.answer(FAILED)
            raise
        finally:
            exchange.over()
        if not exchange.complete and not exchange.gone:
            told = f"{request.method} {request.target}: the application ended in the middle of its answer"
            if not exchange.begun:
                session.answer(_SILENT)
                told = f"{request.method} {request.target}: the application ended without an answer"
            self._say(visible_lines(told))
            raise RuntimeError(told)
