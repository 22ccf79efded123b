"""The driver carries out what a conversation returns. What differs between a stream and a datagram is in the
classes below it: how bytes are written and how a connection is closed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from threading import get_ident
from time import time
from typing import Any, Protocol

from sockwright.binding import Arguments, Outcome, Refusal, Service, failure
from sockwright.config import duration_text
from sockwright.conversation import Actions, Begin, Close, Conversation, Invoke, Note, Send, StartTls, Tell, failed
from sockwright.errors import ServiceError
from sockwright.journal.records import FIN, NOTE, Opened, Record
from sockwright.transport.limits import Limits
from sockwright.transport.turns import Turn
from sockwright.transport.workers import Done, Workers


class Journal(Protocol):
    """What transport asks of a journal."""

    def append(self, record: Record, /) -> Any: ...

    def begin(self, now: float, opened: Opened) -> int: ...


class Staff:
    """Who runs what may wait: workers for blocking calls, tasks for coroutines. One per loop."""

    def __init__(
        self, limits: Limits, tasks: asyncio.TaskGroup, bug: Callable[[BaseException], None] = lambda wrong: None
    ) -> None:
        self.limits = limits
        self.tasks = tasks
        self._bug = bug
        self.loop = asyncio.get_running_loop()
        self._crossing: deque[tuple[Callable[[Outcome], None], Outcome]] = deque()  # settled in other threads
        self._crossing_begun = False
        self._thread = get_ident()
        self.turn = Turn(self.loop, bug)
        self.workers = Workers(self.loop, most=limits.workers, waiting=limits.calls_waiting, limit=limits.call)
        self.session_threads = 0

    def run(self, service: Service, batch: Sequence[Arguments], done: Done) -> None:
        """Run the calls of `batch` in order; tell `done` their outcomes."""
        if service.later:
            self._begin(service, batch, done)
        elif service.is_async:
            self.spawn(self._await(service, batch, done))
        else:
            self.workers.submit(service, batch, done)

    def _begin(self, service: Service, batch: Sequence[Arguments], done: Done) -> None:
        """Call a service that tells its outcome later, from any thread; the last outcome ends the batch."""
        outcomes: list[Outcome] = []
        count = len(batch)

        def settle(outcome: Outcome) -> None:
            self._crossing.append((finish, outcome))
            if not self._crossing_begun:  # one wake-up of the loop for all that is settled until it looks
                self._crossing_begun = True
                if get_ident() == self._thread:
                    self.loop.call_soon(self._cross)
                    return
                try:
                    self.loop.call_soon_threadsafe(self._cross)
                except RuntimeError:  # the loop is closed: nobody waits any more
                    pass

        def finish(outcome: Outcome) -> None:
            outcomes.append(outcome)
            if len(outcomes) == count:
                done(outcomes)

        for arguments in batch:
            try:
                args, named = service.fit(arguments)
                service.function(*args, settle, **named)
            except ServiceError as refused:
                settle(Refusal(str(refused), refused.code))
            except Exception as failed:  # noqa: BLE001 - somebody else's code
                settle(failure(failed))

    def _cross(self) -> None:
        self._crossing_begun = False
        crossing = self._crossing
        turn = self.turn
        turn.running = True  # all that is said to it goes out together, as in a turn
        try:
            while crossing:
                finish, outcome = crossing.popleft()
                try:
                    finish(outcome)
                except Exception as wrong:  # noqa: BLE001 - one connection's trouble must not end all others
                    self._bug(wrong)
        finally:
            turn.running = False
            turn.flush()

    async def _await(self, service: Service, batch: Sequence[Arguments], done: Done) -> None:
        outcomes: list[Outcome] = []
        for arguments in batch:
            try:
                args, named = service.fit(arguments)
                async with asyncio.timeout(self.limits.call) as deadline:
                    outcomes.append(await service.function(*args, **named))
            except ServiceError as refused:
                outcomes.append(Refusal(str(refused), refused.code))
            except TimeoutError as late:
                if deadline.expired():
                    words = f"the call took longer than {duration_text(self.limits.call)}"
                    outcomes.append(Refusal(words, 504))
                else:
                    outcomes.append(failure(late))
            except Exception as failed:  # noqa: BLE001 - somebody else's code
                outcomes.append(failure(failed))
        done(outcomes)

    def close(self) -> None:
        """Take no more calls."""
        self.workers.close()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work` as a task that is gone when the bench is. A bug of ours in it ends this one task alone."""
        return self.tasks.create_task(self._guard(work))

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as wrong:  # noqa: BLE001 - one connection's trouble must not end all others
            self._bug(wrong)


class Driver:
    """One peer: a conversation, and the ways to do what it says. Subclasses write, close and begin TLS."""

    __slots__ = ("conversation", "journal", "last", "number", "staff")

    conversation: Conversation
    journal: Journal
    number: int
    last: float
    staff: Staff

    def perform(self, actions: Actions) -> None:
        """Do `actions`, in order. Consecutive bytes go out in one write."""
        pending: list[bytes] | None = None
        for action in actions:
            if type(action) is bytes:
                if pending is None:
                    pending = [action]
                else:
                    pending.append(action)
                continue
            if type(action) is Begin or type(action) is Tell:  # the commonest beside bytes
                if pending is not None:
                    self.send(pending[0] if len(pending) == 1 else b"".join(pending))
                    pending = None
                if type(action) is Begin:
                    self.begin(action)
                elif type(action) is Tell:
                    self.tell(action.data)
                continue
            if type(action) is Send:
                self.send_file(action, b"".join(pending) if pending is not None else b"")
                pending = None
                continue
            if pending is not None:
                self.send(pending[0] if len(pending) == 1 else b"".join(pending))
                pending = None
            self._do(action)
        if pending is not None:
            self.send(pending[0] if len(pending) == 1 else b"".join(pending))

    def _do(self, action: object) -> None:
        if type(action) is Invoke:  # by far the commonest, and a pattern costs as much as all the rest of this line
            ticket = action.ticket
            self.staff.run(action.service, action.batch, lambda outcomes: self._answered(ticket, outcomes))
            return
        match action:
            case Note(kind, data):
                self.journal.append((NOTE, self.number, time(), (kind, dict(data)), 0))
            case Close(reason, reset, how):
                self.finish(reason, reset, how)
            case Begin():
                self.begin(action)
            case Tell(data):
                self.tell(data)
            case StartTls():
                self.start_tls()
            case _:
                raise TypeError(f"a conversation returned {action!r}, which is no action")

    def _answered(self, ticket: int, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if type(outcome) is Refusal and outcome.trace:
                self._do(failed(outcome))
        if self.is_open:
            self.last = now = time()
            self.perform(self.conversation.answered(ticket, outcomes, now))
            self.eased()
        else:
            for outcome in outcomes:  # one that holds something (a file, a thread) must let go of it
                abandon = getattr(outcome, "abandon", None)
                if abandon is not None:
                    abandon()

    @property
    def is_open(self) -> bool:
        raise NotImplementedError

    def send(self, data: bytes) -> None:
        raise NotImplementedError

    def send_file(self, part: Send, head: bytes = b"") -> None:
        """Send `head`, and a part of a file right behind it."""
        raise NotImplementedError

    def finish(self, reason: str, reset: bool = False, how: str = FIN) -> None:
        raise NotImplementedError

    def begin(self, action: Begin) -> None:
        raise NotImplementedError

    def tell(self, data: bytes) -> None:
        raise NotImplementedError

    def start_tls(self) -> None:
        raise NotImplementedError

    def eased(self) -> None:
        """Called when an answer may have ended the conversation's congestion."""
