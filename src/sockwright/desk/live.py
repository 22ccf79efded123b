"""The live stream: a session in the loop per page that looks, fed from the console's feed. No thread waits for anybody.

A viewer is a place in the feed, so one that reads slowly costs no memory beyond what is on its way; one that takes
nothing at all is dropped by the connection's own limit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from sockwright.binding import Service, service, service_of
from sockwright.console.door import Door, Visit
from sockwright.console.feed import Feed
from sockwright.protocols.routes import Answer, Stream
from sockwright.session import Session
from sockwright.wire.exchange import Request, Response

# Streams at once; above it pages ask every few seconds instead.
MOST = 256
RETRY = 5  # seconds
# Between two signs of life (seconds): what lies between keeps the connection, and one that is gone is noticed.
HEARTBEAT = 12.0
# A browser that lost us asks again after so long (milliseconds).
AGAIN = 1000
# Bytes of events that go out in one piece.
PIECE = 128 * 1024

FIELDS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Accel-Buffering": "no",
    "Cross-Origin-Resource-Policy": "same-origin",
}


_BUSY: Mapping[str, str | int] = {"Retry-After": RETRY, "Cache-Control": "no-store"}


class Live:
    """The streams of one console; used in the loop's thread."""

    def __init__(self, feed: Callable[[], Feed], door: Door) -> None:
        self._feed = feed
        self._door = door
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[asyncio.Future[None], None] = {}
        self._following = False
        self._woken = False
        self._service: Service = service_of(_show, "console")

    def answer(self, request: Request) -> Answer:
        """Answer who asks for the stream."""
        verdict = self._door.judge(visit_of(request), time.time())
        if not verdict.is_in:
            status = verdict.status if verdict.status != 303 else 401
            fields: dict[str, str | int] = {"Cache-Control": "no-store"}
            if verdict.retry:
                fields["Retry-After"] = verdict.retry
            words = {"what": verdict.what or "the token does not go into this address", "cure": verdict.cure}
            return Response({"error": words}, status, fields=fields)
        feed = self._feed()
        if feed.viewers >= MOST:
            words = {"what": f"{MOST} streams are open, the limit", "cure": "ask /api/events?after=N instead"}
            return Response({"error": words}, 503, fields=_BUSY)
        if not self._following:
            self._following = True
            feed.listeners.append(self._hear)
        last = request.fields.get("last-event-id") or request.parameter("after")
        after = int(last) if last.isascii() and last.isdecimal() and len(last) < 19 else None
        head = Response(b"", fields=FIELDS)
        return Stream(self._service, head, {"live": self, "feed": feed, "after": after}, endless=True)

    # -- waiting

    def _hear(self) -> None:
        """There are new events; called in the feed's thread."""
        if not self._woken:
            self._woken = True
            try:
                self._loop.call_soon_threadsafe(self._wake)
            except RuntimeError:  # the loop is closed: nobody looks any more
                pass

    def _wake(self) -> None:
        self._woken = False
        waiting, self._waiting = self._waiting, {}
        for one in waiting:
            _settle(one)

    async def wait(self, seconds: float, session: Session) -> bool:
        """Wait for new events, or so long, or until the viewer is gone; tell whether there is something to look at."""
        one = self._loop.create_future()
        self._waiting[one] = None
        session.when_gone(lambda: _settle(one))
        try:
            async with asyncio.timeout(seconds):
                await one
        except TimeoutError:
            return False
        finally:
            self._waiting.pop(one, None)
        return True


def _settle(one: asyncio.Future[None]) -> None:
    if not one.done():
        one.set_result(None)


@service(name="events")
async def _show(session: Session) -> None:
    """Tell one viewer what happens, until it goes."""
    live: Live = session.about["live"]
    feed: Feed = session.about["feed"]
    after: int | None = session.about["after"]
    feed.viewers += 1
    try:
        last = feed.last if feed.is_following else await asyncio.to_thread(lambda: feed.last)
        if after is None:
            after = last
        await session.send(b"retry: %d\n: the bench is looked at\n\n" % AGAIN)
        while True:
            events: Any = feed.since(after)
            if events is None:
                reset = feed.reset()
                after = reset.id
                await session.send(reset.text)
            elif events:
                pieces: list[bytes] = []
                size = 0
                for one in events:
                    pieces.append(one.text)
                    size += len(one.text)
                    after = one.id
                    if size > PIECE:
                        break
                await session.send(b"".join(pieces))
            else:
                woken = await live.wait(HEARTBEAT, session)
                # Nothing to send is sent as well: it raises where the viewer is gone.
                await session.send(b"" if woken else b": still here\n\n")
    finally:
        feed.viewers -= 1


def visit_of(request: Request) -> Visit:
    """Return what a request says of itself."""
    fields = request.fields
    return Visit(
        method=request.method,
        host=fields.get("host"),
        peer=request.peer.host,
        origin=fields.get("origin"),
        site=fields.get("sec-fetch-site"),
        mode=fields.get("sec-fetch-mode"),
        destination=fields.get("sec-fetch-dest"),
        cookie=fields.get("cookie"),
        authorization=fields.get("authorization"),
        token=request.parameter("token"),
        secure=request.secure,
    )
