"""One request as an ASGI application talks about it: `receive` and `send`.

send:  waits --start--> headed --body, no more--> complete            (one write)
                          |  '---body, more--> begun --body--> begun ... --no more--> complete
                          '---nothing follows at once--> begun                     (the head alone)
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import MutableMapping
from typing import Any

from sockwright.hosts.replies import Head, remembered_lenient_head
from sockwright.session import Session
from sockwright.wire.exchange import Beginning, FilePart, Request, Response

# A head goes out alone when no content follows it within so many seconds; both in one write where it does.
HEAD_WAITS = 0.005
# What an application gets to end by itself once its client is gone (seconds).
GRACE = 5.0

Message = MutableMapping[str, Any]
_DISCONNECT = "http.disconnect"


def _nothing() -> None:
    """There is nobody left to tell."""


class Exchange:
    """The two ends that an application is given. `gone`: the client left before the answer was complete."""

    __slots__ = (
        "_head",
        "_heard_all",
        "_left",
        "_loop",
        "_over",
        "_request",
        "_session",
        "_silent",
        "_task",
        "_timer",
        "_waiter",
        "begun",
        "complete",
        "gone",
    )

    def __init__(self, session: Session, request: Request, loop: asyncio.AbstractEventLoop) -> None:
        self._session = session
        self._request = request
        self._loop = loop
        self._task = asyncio.current_task(loop)
        self._head: Head | None = None
        self._left = -1  # bytes that Content-Length promised and that were not said yet; -1: it is not given
        self._heard_all = False
        self._silent = False  # its content is not sent: HEAD, 204, 304
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.Handle | None = None
        self._over = False  # the application has returned
        self.begun = False
        self.complete = False
        self.gone = False
        session.when_gone(self._lost)

    # -- what the server tells

    def _lost(self) -> None:
        """The connection is no more."""
        if self.complete or self.gone or self._over:
            return
        self.gone = True
        self._wake()
        self._forget_timer()
        self._timer = self._loop.call_later(GRACE, self._cancel)

    def _cancel(self) -> None:
        if self._task is not None and not self._over:
            self._task.cancel("the client is gone")

    def over(self) -> None:
        """The application has returned, or failed."""
        self._over = True
        self._forget_timer()
        self._task = None  # no circles: many requests a second would keep the collector busy
        self._session.when_gone(_nothing)

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # -- receive

    async def receive(self) -> Message:
        """Return the next piece of the request's content, then, once there is something to tell, that it is over."""
        if not self._heard_all and not self.complete and not self.gone:
            piece = await self._session.receive() if self._request.head.length else b""
            if piece:
                return {"type": "http.request", "body": piece, "more_body": True}
            if not self._request.whole:  # cut off in the middle
                self._lost()
                return {"type": _DISCONNECT}
            self._heard_all = True
            return {"type": "http.request", "body": b"", "more_body": False}
        return await self._rest()

    async def _rest(self) -> Message:
        while not (self.complete or self.gone):
            self._waiter = self._waiter or self._loop.create_future()
            await asyncio.shield(self._waiter)
        return {"type": _DISCONNECT}

    # -- send

    async def send(self, message: Message) -> None:
        """Take one message of the answer.

        Raises: OSError where the client is gone; RuntimeError, ValueError, TypeError where the message does not fit.
        """
        kind = message["type"]
        if self.gone:
            raise ConnectionResetError("the client is gone")
        if kind == "http.response.body":
            await self._say(message.get("body", b""), bool(message.get("more_body", False)))
        elif kind == "http.response.start":
            self._start(message)
        elif kind == "http.response.pathsend":
            await self._send_file(message["path"])
        elif kind != "http.response.trailers":  # offered by nobody, so they are left out where they come
            raise RuntimeError(f"{kind!r} is no message of an HTTP answer")

    def _start(self, message: Message) -> None:
        if self._head is not None:
            raise RuntimeError("http.response.start was sent twice")
        status = int(message["status"])
        if not 200 <= status <= 599:
            raise ValueError(f"{status} is not the status of an answer; they go from 200 to 599")
        self._head = head = remembered_lenient_head(status, message.get("headers", ()))
        self._left = -1 if head.length is None else head.length
        self._silent = head.has_no_content or self._request.method == "HEAD"
        self._timer = self._loop.call_soon(self._look_later)

    def _look_later(self) -> None:
        """Nothing followed the head at once: give it a moment more."""
        self._timer = self._loop.call_later(HEAD_WAITS, self._head_alone)

    def _head_alone(self) -> None:
        """Let the head go: whoever waits for news wants to know that it was heard."""
        self._timer = None
        self.begun = True
        with contextlib.suppress(ConnectionError):  # then `send` will say so
            self._session.say(self._start_of(b""))

    def _start_of(self, content: bytes) -> Beginning:
        head = self._head
        assert head is not None
        return Beginning.of(content, head.lines, head.status, head.length)

    async def _say(self, content: bytes, more: bool) -> None:
        head = self._head
        if head is None:
            raise RuntimeError("http.response.body was sent before http.response.start")
        if self.complete:
            if self._silent:
                return
            raise RuntimeError("the answer is complete already, and more of it was sent")
        content = bytes(content)
        if self._left >= 0 and not self._silent:
            self._count(len(content), more)
        if not self.begun:
            await self._first(head, content, more)
            return
        if content:
            await self._session.send(content)
        if not more:
            self._done()
            await self._session.close()

    def _count(self, size: int, more: bool) -> None:
        self._left -= size
        if self._left < 0:
            raise RuntimeError("the application said more content than its Content-Length")
        if not more and self._left:
            raise RuntimeError(f"the application said {self._left} bytes less than its Content-Length")

    async def _first(self, head: Head, content: bytes, more: bool) -> None:
        """Say the first content, and the head with it."""
        self._forget_timer()
        if not more:
            length = head.length if self._silent and head.length is not None else len(content)
            self._done()
            self._session.answer(Response.ready(b"" if self._silent else content, head.lines, head.status, length))
            return
        self.begun = True
        if not self._silent:
            await self._session.send(self._start_of(content))
            return
        self._session.say(self._start_of(b""))  # what would follow, nobody would hear
        self._done()
        await self._session.close()

    async def _send_file(self, path: str) -> None:
        """Say a whole file, the system sending it by itself (ASGI extension "Path Send")."""
        head = self._head
        if head is None or self.begun or self.complete:
            raise RuntimeError("http.response.pathsend comes right behind http.response.start, or not at all")
        file = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        about = os.fstat(file)
        try:
            if not stat.S_ISREG(about.st_mode):
                raise RuntimeError(f"{path} is no regular file")
            if head.length not in (None, about.st_size):
                raise RuntimeError(f"{path} has {about.st_size} bytes, and Content-Length is {head.length}")
            self._forget_timer()
            self._done()
            self._session.answer(Response.with_file(FilePart(file, 0, about.st_size), head.lines, head.status))
        except BaseException:
            os.close(file)
            raise

    def _done(self) -> None:
        self.complete = True
        self._wake()
