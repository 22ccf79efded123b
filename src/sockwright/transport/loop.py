"""The event loop: uvloop on Linux and macOS, winloop on Windows, asyncio where neither is installed.

`run` is for a program of its own; `LoopThread` for plain code that wants a loop beside it.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Return what makes the fastest loop there is here. SOCKWRIGHT_LOOP=asyncio chooses the standard library's."""
    if os.environ.get("SOCKWRIGHT_LOOP") != "asyncio":
        try:
            if sys.platform == "win32":
                import winloop

                return winloop.new_event_loop  # type: ignore[no-any-return]
            import uvloop

            return uvloop.new_event_loop
        except ImportError:
            pass
    return asyncio.new_event_loop


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` in a loop of its own until it returns."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(main)


def spare_the_collector() -> None:
    """Tell the garbage collector that what exists now stays, and to look less often.

    A bench makes a tuple per read and keeps it for a moment; at the default threshold of 700 the collector runs
    hundreds of times a second over tuples that hold no cycle.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


# How long a thread beside the loop may compute before the loop gets its turn (seconds). At Python's 5 ms the slowest
# of a hundred answers waits for the journal's writer; shorter than 1 ms, turns cost more than they give.
TURN = 0.001


def come_first() -> None:
    """Let the loop wait less long for the threads beside it."""
    sys.setswitchinterval(TURN)


class LoopThread:
    """A loop in a thread of its own, for plain synchronous code and for tests."""

    def __init__(self, name: str = "sockwright-loop") -> None:
        self._loop = loop_factory()()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()
        self._ready.wait()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.call_soon(self._ready.set)
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    def call(self, work: Coroutine[Any, Any, T], wait: float | None = None) -> T:
        """Run `work` in the loop and return its result.

        Raises: what `work` raises; TimeoutError after `wait` seconds, when `work` is cancelled.
        """
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(wait)
        except TimeoutError:
            future.cancel()
            raise
        except KeyboardInterrupt:
            future.cancel()
            raise

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Begin `work` in the loop; return the future of its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self) -> None:
        """Stop the loop and wait for its thread."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
