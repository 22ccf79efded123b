"""One request in the hands of a WSGI application, in a thread of the crew (PEP 3333).

called --start_response--> head --first piece--> whole: settled           (its end is known: a list, Content-Length)
                                            '--> flows: settled --piece ...--> finished | failed | given up
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextvars import Context
from io import BytesIO
from types import TracebackType
from typing import Protocol

from sockwright.binding import Outcome, Refusal, service_of
from sockwright.conversation import Note
from sockwright.hosts.environ import environ_of
from sockwright.hosts.log import ErrorStream, trace_of
from sockwright.hosts.replies import FAILED, Head, remembered_head
from sockwright.hosts.wrapped_file import WrappedFile, part_of
from sockwright.protocols.routes import Answer, Noted, Stream
from sockwright.session import Session
from sockwright.transport.crew import Crew, Member
from sockwright.transport.flow import Flow, GoneError
from sockwright.wire.exchange import FilePart, Request, Response

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


class Host(Protocol):
    """What a run knows of where the application stands."""

    prefix: str
    crew: Crew
    log: ErrorStream

    @property
    def application(self) -> Callable[..., Iterable[bytes]]: ...

    def failed(self, request: Request, trace: str) -> None: ...


async def _nothing(session: Session) -> None:
    """Say a head alone."""


_HEAD_ALONE = service_of(_nothing)


class Streamed:
    """An answer that has begun and not ended. Whoever does not want it says `abandon`."""

    __slots__ = ("flow", "head")

    def __init__(self, head: Head, flow: Flow) -> None:
        self.head = head
        self.flow = flow

    def abandon(self) -> None:
        self.flow.abandon()


class Run:
    """A job for the crew. `settle` is told what came of it, once: an answer, a Streamed, or a Refusal."""

    __slots__ = ("_flow", "_head", "_host", "_left", "_member", "_over", "_request", "_settle", "settled")

    def __init__(self, host: Host, request: Request, settle: Callable[[Outcome], None]) -> None:
        self._host = host
        self._request = request
        self._settle = [settle]  # who takes it out answers, once
        self._head: Head | None = None
        self._flow: Flow | None = None
        self._left = -1  # bytes that Content-Length promised and that were not said yet; -1: it is not given
        self._member: Member | None = None
        self._over = False
        self.settled = False

    # -- what the crew asks

    def run(self, member: Member) -> None:
        """Run the application, in a context of its own, so that nothing of it is left for the next request."""
        if not self._over:
            self._member = member
            Context().run(self._run)
            self._member = None

    def late(self, begun: bool) -> None:
        """Tell the client that it waits in vain."""
        self._over = True
        seconds = self._host.crew.limit
        if begun:
            self._answer(Refusal(f"the application did not begin to answer within {seconds:g} s", 504))
        else:
            self._answer(Refusal(f"busy: no thread was free for {seconds:g} s", 503))

    def give_up(self) -> None:
        """Nobody listens any more."""
        self._over = True
        if self._flow is not None:
            self._flow.abandon()

    # -- the application runs

    def _run(self) -> None:
        request = self._request
        spooled = request.spooled
        content = request.content
        environ = environ_of(request, self._host.prefix, spooled.size if spooled is not None else len(content))
        environ["wsgi.version"] = (1, 0)
        environ["wsgi.url_scheme"] = "https" if request.secure else "http"
        environ["wsgi.input"] = spooled.file if spooled is not None else BytesIO(content)
        environ["wsgi.input_terminated"] = True  # it ends where the content does, whatever CONTENT_LENGTH says
        environ["wsgi.errors"] = self._host.log
        environ["wsgi.multithread"] = True
        environ["wsgi.multiprocess"] = False
        environ["wsgi.run_once"] = False
        environ["wsgi.file_wrapper"] = WrappedFile
        try:
            result = self._host.application(environ, self._start_response)
            try:
                self._say_all(result)
            finally:
                close = getattr(result, "close", None)
                if close is not None:
                    close()
        except GoneError:
            pass  # how the connection ended is in the journal
        except BaseException as broken:  # noqa: BLE001 - somebody else's code, which may even call sys.exit
            self._failed(broken)
        finally:
            if spooled is not None:
                spooled.close()

    def _start_response(
        self, status: str, fields: Sequence[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], None]:
        """Take the head (PEP 3333, "The start_response() Callable"); it goes out with the first content."""
        if exc_info is not None:
            try:
                if self.settled and exc_info[1] is not None:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # no circle through this frame
        elif self._head is not None:
            raise AssertionError("start_response was called twice; only with exc_info may it be")
        self._head = head = remembered_head(status, fields)
        self._left = -1 if head.length is None else head.length
        return self._write_now

    def _write_now(self, piece: bytes) -> None:
        """Say one piece of content at once (PEP 3333, "The write() Callable")."""
        self._write(piece)

    def _say_all(self, result: Iterable[bytes]) -> None:
        """Say everything the application returned."""
        if type(result) is WrappedFile and not self.settled:
            part = part_of(result, self._begun().length)
            if part is not None:
                self._send_file(part)
                return
        if (type(result) is list or type(result) is tuple) and not self.settled:
            self._whole(b"".join(map(_checked, result)))
            return
        for piece in result:
            if _checked(piece) and not self._write(piece):
                return
        self._end()

    def _write(self, piece: bytes) -> bool:
        """Say one piece of content; the first brings the head with it. Return whether more would be heard."""
        head = self._begun()
        if not _checked(piece):
            return True
        if self._over:
            raise GoneError("nobody waits for the answer any more")
        if self._left >= 0:
            surplus = len(piece) > self._left
            piece = piece[: self._left]
            self._left -= len(piece)
            if surplus and self.settled and not piece:
                return False
        if self._flow is not None:
            self._flow.put(piece)
        elif self.settled:
            return False
        elif self._request.method == "HEAD":
            self._head_alone(head)
            return False
        elif not self._left:
            self._answer(Response.ready(piece, head.lines, head.status))
        else:
            self._flow = Flow(piece)
            self._answer(Streamed(head, self._flow))
            if self._member is not None:
                self._member.step_aside()
        return True

    def _end(self) -> None:
        """Everything is said."""
        if not self.settled:
            self._whole(b"")
        elif self._flow is not None:
            if self._left > 0:
                raise ValueError(f"the application said {self._left} bytes less than its Content-Length")
            self._flow.finish()

    def _whole(self, content: bytes) -> None:
        """Answer in one go."""
        head = self._begun()
        if self._request.method == "HEAD":
            if head.length is None and content:
                self._answer(Response.ready(b"", head.lines, head.status, len(content)))
            else:
                self._head_alone(head)
            return
        answer: Answer = Response.ready(content, head.lines, head.status)
        if head.length is not None and head.length != len(content) and not head.has_no_content:
            told = f"the application's Content-Length is {head.length}, and it said {len(content)} bytes"
            if head.length > len(content):
                raise ValueError(told)
            answer = Noted(
                Note("failed", {"message": told + "; the rest was cut off", "trace": ""}),
                Response.ready(content[: head.length], head.lines, head.status),
            )
        self._answer(answer)

    def _head_alone(self, head: Head) -> None:
        if head.length is not None:
            self._answer(Response.ready(b"", head.lines, head.status, head.length))
        else:
            self._answer(Stream(_HEAD_ALONE, Response.ready(b"", head.lines, head.status)))

    def _send_file(self, part: FilePart) -> None:
        head = self._begun()
        self._answer(Response.with_file(part, head.lines, head.status))

    def _begun(self) -> Head:
        if self._head is None:
            raise AssertionError("the application said content before it called start_response")
        return self._head

    def _answer(self, outcome: Outcome) -> None:
        self.settled = True
        try:
            settle = self._settle.pop()
        except IndexError:  # it was answered that time is over, perhaps in this very moment
            if isinstance(outcome, Streamed | Response):
                outcome.abandon()
        else:
            settle(outcome)

    def _failed(self, broken: BaseException) -> None:
        trace = trace_of(broken)
        self._host.failed(self._request, trace)
        if self._flow is not None:
            self._flow.fail(broken)
        else:
            about = {"message": f"{type(broken).__name__}: {broken}", "trace": trace}
            self._answer(Noted(Note("failed", about), FAILED))


def _checked(piece: bytes) -> bytes:
    """Return `piece`. Raises: TypeError where it is none."""
    if not isinstance(piece, bytes):
        shown = type(piece).__name__
        raise TypeError(f"a WSGI application says bytes, and this piece is {shown}; encode text before it is returned")
    return piece
