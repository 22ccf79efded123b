"""Sessions over a stream: what a service holds, as a coroutine in the loop or as plain code in a thread."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from time import time
from typing import TYPE_CHECKING, Any, TypeVar

from sockwright.binding import Refusal, Service, failure
from sockwright.endpoint import Peer
from sockwright.errors import ServiceError

if TYPE_CHECKING:
    from sockwright.transport.streams import Stream

T = TypeVar("T")

# Frames that may wait for the session to receive them; more, and we stop reading from the peer.
INBOX = 64


class StreamSession:
    """The `Session` of one stream."""

    __slots__ = ("_ended", "_inbox", "_loop", "_lost", "_stream", "_waiter", "_woken", "about")

    def __init__(self, stream: Stream, about: Mapping[str, Any]) -> None:
        self._stream = stream
        self.about = about
        self._inbox: deque[bytes] = deque()
        self._ended = False
        self._woken = False
        self._lost: Callable[[], object] | None = None
        self._loop = stream.staff.loop  # asking for the running one is a system call before Python 3.12
        self._waiter: asyncio.Future[None] | None = None

    @property
    def peer(self) -> Peer:
        return self._stream.peer

    @property
    def number(self) -> int:
        return self._stream.number

    async def receive(self, wait: float | None = None) -> bytes | None:
        """Return the next frame, b"" after the end of the stream, None when `wait` seconds passed without one or
        somebody woke us."""
        if not (self._inbox or self._ended or self._woken):
            self._waiter = self._loop.create_future()
            timer = None if wait is None else self._loop.call_later(wait, self._rouse)
            try:
                await self._waiter
            finally:
                self._waiter = None
                if timer is not None:
                    timer.cancel()
        if not self._inbox:
            self._woken = False
            return b"" if self._ended else None
        frame = self._inbox.popleft()
        if len(self._inbox) < INBOX:
            self._stream.eased()
        return frame

    async def send(self, data: Any) -> None:
        """Send `data` as one frame; wait while the peer does not read.

        Raises: ConnectionError when the peer is gone.
        """
        self.say(data)
        if self._stream.choked:
            await self._stream.writable()
        else:
            await asyncio.sleep(0)  # a service that only sends must not keep the loop from everybody else

    def say(self, data: Any) -> None:
        """The same without waiting.

        Raises: ConnectionError when the peer is gone.
        """
        stream = self._stream
        if not stream.is_open:
            raise ConnectionResetError(f"{stream.peer} is gone")
        stream.last = now = time()
        stream.perform(stream.conversation.said(data, now))

    def answer(self, answer: Any) -> None:
        """Say `answer` as the whole of it; the session is over with that.

        Raises: ConnectionError when the peer is gone.
        """
        self._ended = True
        self._stream.answer_session(self, answer)

    async def close(self) -> None:
        """End the connection after what was sent (FIN)."""
        self._ended = True
        self._stream.end_session(self, None)  # the protocol may owe the peer an end of its own

    def wake(self) -> None:
        """Let a `receive` that waits, else the next one, return None at once. For any thread."""
        self._loop.call_soon_threadsafe(self._rouse, True)

    def _rouse(self, woken: bool = False) -> None:
        self._woken = self._woken or woken
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def watch(self, seconds: float) -> None:
        """Notice within `seconds` that the peer vanished without a word; silence alone is no reason to hang up."""
        self._stream.watch(seconds)

    def when_gone(self, tell: Callable[[], object]) -> None:
        """Have `tell` called in the loop if the connection is lost before the session is over."""
        self._lost = tell
        if not self._stream.is_open:
            self._loop.call_soon(tell)

    # -- what the driver tells it

    def lost(self) -> None:
        """The connection is no more."""
        self.tell(b"")
        if self._lost is not None:
            self._lost()

    def tell(self, frame: bytes) -> None:
        """Hand over one frame; b"" is the end of the stream."""
        if frame:
            self._inbox.append(frame)
        else:
            self._ended = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    @property
    def full(self) -> bool:
        return len(self._inbox) >= INBOX

    async def run(self, service: Service) -> Refusal | None:
        """Run `service` with this session; return None when it returned, or how it failed."""
        try:
            if service.is_async:
                await service.function(self)
            else:
                await self._run_in_thread(service)
        except ConnectionError as gone:
            return None if not self._stream.is_open else failure(gone)
        except Exception as failed:  # noqa: BLE001 - somebody else's code
            return failure(failed)
        return None

    async def _run_in_thread(self, service: Service) -> None:
        staff = self._stream.staff
        if staff.session_threads >= staff.limits.session_threads:
            raise ServiceError(f"busy: {staff.session_threads} sessions have their threads already", code=503)
        loop = asyncio.get_running_loop()
        done: asyncio.Future[BaseException | None] = loop.create_future()

        def settle(outcome: BaseException | None) -> None:
            if not done.done():
                done.set_result(outcome)

        def work() -> None:
            outcome: BaseException | None = None
            try:
                service.function(ThreadSession(self, loop))
            except Exception as failed:  # noqa: BLE001 - somebody else's code
                outcome = failed
            try:
                loop.call_soon_threadsafe(settle, outcome)
            except RuntimeError:  # the loop is closed: nobody waits any more
                pass

        staff.session_threads += 1
        try:
            threading.Thread(target=work, name=f"sockwright-session-{self.number}", daemon=True).start()
            outcome = await done
        finally:
            staff.session_threads -= 1
        if outcome is not None:
            raise outcome


class ThreadSession:
    """The `BlockingSession` of a plain `def` service: the same methods, and they wait in its own thread."""

    def __init__(self, session: StreamSession, loop: asyncio.AbstractEventLoop) -> None:
        self._session = session
        self._loop = loop

    @property
    def peer(self) -> Peer:
        return self._session.peer

    @property
    def number(self) -> int:
        return self._session.number

    @property
    def about(self) -> Mapping[str, Any]:
        return self._session.about

    def receive(self, wait: float | None = None) -> bytes | None:
        return self._call(self._session.receive(wait))

    def send(self, data: bytes) -> None:
        self._call(self._session.send(data))

    def close(self) -> None:
        self._call(self._session.close())

    def wake(self) -> None:
        self._session.wake()

    def watch(self, seconds: float) -> None:
        self._loop.call_soon_threadsafe(self._session.watch, seconds)

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
