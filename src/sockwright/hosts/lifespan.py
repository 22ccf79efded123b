"""An ASGI application's lifespan: told to start up before the first request, and to shut down after the last.

    startup -> application -> complete | failed          shutdown -> application -> complete | failed

One that knows nothing of it raises at the very scope, or returns: then it goes without (ASGI Lifespan spec 2.0).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from sockwright.config import duration_text
from sockwright.errors import ConfigError
from sockwright.hosts.log import trace_of
from sockwright.wire.visible import visible, visible_lines

# Opening databases and loading models takes its time (seconds).
STARTUP = 60.0
SHUTDOWN = 10.0

Message = MutableMapping[str, Any]


class Lifespan:
    """One application's. `state` is what it put there for its requests."""

    def __init__(self, application: Callable[..., Awaitable[None]], name: str, say: Callable[[str], object]) -> None:
        self.state: dict[str, Any] = {}
        self._application = application
        self._name = name
        self._say = say
        self._events: asyncio.Queue[Message] = asyncio.Queue()
        self._answered: asyncio.Future[Message] | None = None
        self._task: asyncio.Task[None] | None = None
        self._spoken = False  # it took part: an exception from now on is a failure, and no "I do not know that"

    async def startup(self) -> None:
        """Let the application start.

        Raises: ConfigError where it says that it cannot, or takes too long.
        """
        loop = asyncio.get_running_loop()
        self._answered = loop.create_future()
        self._task = loop.create_task(self._run())
        self._events.put_nowait({"type": "lifespan.startup"})
        answer = await self._wait(STARTUP)
        if answer is None:
            await self._end()
            words = f"{self._name} did not start up within {duration_text(STARTUP)}"
            raise ConfigError(words, cure="look at what its lifespan waits for")
        if answer["type"] == "lifespan.startup.failed":
            await self._end()
            lines = str(answer.get("message", "")).strip().splitlines()
            why = visible(lines[-1], 300) if lines else "it said nothing more"
            raise ConfigError(f"{self._name} failed to start up: {why}", cure="its lifespan says so, not sockwright")

    async def shutdown(self) -> None:
        """Let the application shut down; what goes wrong is told, and the end comes all the same."""
        if self._task is None or self._task.done():
            return
        self._answered = asyncio.get_running_loop().create_future()
        self._events.put_nowait({"type": "lifespan.shutdown"})
        answer = await self._wait(SHUTDOWN)
        if answer is None:
            self._say(f"{self._name} did not shut down within {duration_text(SHUTDOWN)}")
        elif answer["type"] == "lifespan.shutdown.failed":
            self._say(visible_lines(f"{self._name} failed to shut down: {answer.get('message', '')}"))
        await self._end()

    async def _wait(self, seconds: float) -> Message | None:
        """Return what the application answers, or that it has gone; None when it takes too long."""
        assert self._answered is not None
        try:
            async with asyncio.timeout(seconds):
                return await self._answered
        except TimeoutError:
            return None

    async def _end(self) -> None:
        """See the task out."""
        assert self._task is not None
        _, left = await asyncio.wait([self._task], timeout=1)
        if left:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=1)

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        told: Message = {"type": ""}  # it went without a word
        try:
            await self._application(scope, self._events.get, self._send)
        except asyncio.CancelledError:
            pass
        except Exception as broken:  # noqa: BLE001 - somebody else's code
            if self._spoken:
                self._say(visible_lines(f"{self._name} failed in its lifespan:\n{trace_of(broken)}"))
                told = {"type": "lifespan.startup.failed", "message": f"{type(broken).__name__}: {broken}"}
        self._answer(told)

    async def _send(self, message: Message) -> None:
        self._spoken = True
        self._answer(message)

    def _answer(self, message: Message) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(message)
