"""A WSGI application (PEP 3333) as a route: Flask, Django, CherryPy and the like behind our HTTP.

    request, whole --> Crew --> application(environ, start_response) --> whole, as a list is --> Response
                                                                    '--> pieces --> Flow --> Stream, as they come

One thread runs a request from the call to `close()`, since databases and thread locals hang on it. None is taken before
the content is there, so slow senders hold up nobody; one that streams steps aside and no longer counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sockwright.binding import Arguments, Outcome, Refusal, service, service_of
from sockwright.hosts.log import ErrorStream, to_stderr
from sockwright.hosts.spool import Spool
from sockwright.hosts.wsgi_run import Run, Streamed
from sockwright.protocols.refusals import nowhere, refused
from sockwright.protocols.routes import Answer, Call, Route, Stream
from sockwright.session import Session
from sockwright.transport.crew import BusyError, Crew
from sockwright.transport.flow import Flow
from sockwright.wire.exchange import Beginning, Request, Response
from sockwright.wire.visible import visible_lines

# Content up to so many bytes is taken; above SPOOLED it waits in a temporary file. Uploads of photos fit.
BODY = 16 * 1024 * 1024

StartResponse = Callable[..., Callable[[bytes], None]]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


class Wsgi:
    """One application, its threads, and the routes that lead to it.

    `threads` run requests at once, `streams` more may be in the middle of a long answer. An answer that has not begun
    after `limit` seconds is given up (504). What the application logs and how it fails goes to `errors`.
    """

    def __init__(
        self,
        application: Application,
        prefix: str = "",
        *,
        threads: int = 32,
        streams: int = 256,
        limit: float = 30.0,
        body: int | None = BODY,
        errors: Callable[[str], object] | None = None,
        name: str = "wsgi",
    ) -> None:
        """Raises: ValueError where the prefix is none: it begins with a slash and does not end with one."""
        if prefix and (not prefix.startswith("/") or prefix.endswith("/")):
            raise ValueError(f"{prefix!r} is no place to stand at; write it like /console, or nothing for everything")
        self.application = application
        self.prefix = prefix
        self.crew = Crew(name, most=threads, aside=streams, limit=limit)
        self._body = body
        self._say = errors or to_stderr
        self._call = service_of(self._begin, name)
        self.log = ErrorStream(self._say)

    def routes(self) -> tuple[Route, ...]:
        """Return the routes, for all methods: the prefix itself, and everything below it."""
        patterns = [self.prefix, self.prefix + "/{path...}"] if self.prefix else ["/{path...}"]
        return tuple(Route("", pattern, self.handle, self._body, spool=Spool) for pattern in patterns)

    def close(self) -> None:
        """Give up what still runs and let the threads end. In the loop's thread."""
        self.crew.close()

    def handle(self, request: Request) -> Answer:
        """Have the application answer."""
        if not request.path.startswith("/"):  # OPTIONS * and CONNECT are about the server
            return nowhere(request, frozenset())
        return Call(self._call, Arguments((request,)), answer_of)

    @service(later=True)
    def _begin(self, request: Request, settle: Callable[[Outcome], None]) -> None:
        try:
            self.crew.submit(Run(self, request, settle))
        except BusyError as busy:
            settle(Refusal(str(busy), 503))

    def failed(self, request: Request, trace: str) -> None:
        """Tell the developer how the application failed; the client is not told."""
        self._say(visible_lines(f"{request.method} {request.target} failed in the application:\n{trace}"))


def answer_of(outcome: Outcome) -> Answer:
    """Return the answer for what came of a request."""
    if type(outcome) is Streamed:
        head, flow = outcome.head, outcome.flow
        # What was said until now, without having waited for it: often that is all.
        if (content := flow.whole()) is not None:
            return Response.ready(content, head.lines, head.status)
        return Stream(_PUMP, Beginning.of(b"", head.lines, head.status, head.length), {"flow": flow})
    if type(outcome) is Refusal:
        return refused(outcome)
    answer: Answer = outcome
    return answer


async def _pump(session: Session) -> None:
    """Say what the application says, as fast as the peer takes it."""
    flow: Flow = session.about["flow"]
    session.when_gone(flow.abandon)
    try:
        while data := await flow.take():
            await session.send(data)
    finally:
        flow.abandon()


_PUMP = service_of(_pump)


def mounted(application: Application, prefix: str = "", **options: Any) -> tuple[Route, ...]:
    """Return the routes of `application` at `prefix`, for `Posting.extra["routes"]`; see `Wsgi` for the options."""
    return Wsgi(application, prefix, **options).routes()
