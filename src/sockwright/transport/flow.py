"""A flow: bytes on their way from one thread to the loop, with a bound, so that who says too much waits."""

from __future__ import annotations

import asyncio
import threading

# Bytes that may wait for the peer to take them; whoever says more waits in its thread.
WAITING = 256 * 1024


class GoneError(ConnectionError):
    """Nobody takes what a thread says."""


class Flow:
    """One thread puts pieces in, one coroutine takes them out.

    thread:  put ... put  finish | fail        loop:  await take ... b"" at the end, or what `fail` was given
    """

    __slots__ = ("_condition", "_ended", "_failure", "_given_up", "_loop", "_pieces", "_size", "_waiter")

    def __init__(self, first: bytes) -> None:
        self._condition = threading.Condition()
        self._pieces = [first]
        self._size = len(first)
        self._ended = False
        self._failure: BaseException | None = None
        self._given_up = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiter: asyncio.Future[None] | None = None

    # -- for the thread

    def put(self, piece: bytes) -> None:
        """Say `piece`; wait while too much of what was said before is still here.

        Raises: GoneError once nobody takes any more.
        """
        with self._condition:
            while self._size >= WAITING and not self._given_up:
                # No time limit here: the peer's is the transport's business, and that gives us up.
                self._condition.wait()
            if self._given_up:
                raise GoneError("the client is gone")
            self._pieces.append(piece)
            self._size += len(piece)
            self._rouse()

    def finish(self) -> None:
        """Everything is said."""
        with self._condition:
            self._ended = True
            self._rouse()

    def fail(self, why: BaseException) -> None:
        """Nothing more comes, though it should."""
        with self._condition:
            self._failure = why
            self._ended = True
            self._rouse()

    def _rouse(self) -> None:
        if self._waiter is not None and self._loop is not None:
            waiter, self._waiter = self._waiter, None
            try:
                self._loop.call_soon_threadsafe(_set, waiter)
            except RuntimeError:  # the loop is closed: nobody waits any more
                self._given_up = True

    # -- for the loop

    def whole(self) -> bytes | None:
        """Return all of it where it has ended well already, None where more is to come."""
        with self._condition:
            if not self._ended or self._failure is not None:
                return None
            return self._emptied()

    async def take(self) -> bytes:
        """Return what was said since, b"" at the end. Raises: what `fail` was given."""
        while True:
            with self._condition:
                if self._pieces:
                    return self._emptied()
                if self._failure is not None:
                    raise self._failure
                if self._ended:
                    return b""
                self._loop = asyncio.get_running_loop()
                self._waiter = waiter = self._loop.create_future()
            await waiter

    def _emptied(self) -> bytes:
        pieces = self._pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._pieces = []
        self._size = 0
        self._condition.notify_all()
        return data

    def abandon(self) -> None:
        """Nobody takes anything any more: the thread is told at its next word. From any thread."""
        with self._condition:
            self._given_up = self._ended = True
            self._pieces = []
            self._size = 0
            self._rouse()
            self._condition.notify_all()


def _set(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
