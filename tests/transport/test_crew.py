"""The crew: bounds, growth, jobs that step aside, jobs that never end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from sockwright.transport.crew import BusyError, Crew, Member


class Task:
    """A job that does as it is told."""

    def __init__(self, work: Callable[[Member], object], *, settled: bool = False) -> None:
        self._work = work
        self.settled = settled
        self.done = threading.Event()
        self.late_told = asyncio.Event()
        self.told: list[str] = []

    def run(self, member: Member) -> None:
        self._work(member)
        self.done.set()

    def late(self, begun: bool) -> None:
        self.settled = True
        self.told.append("hangs" if begun else "waited")
        self.late_told.set()

    def give_up(self) -> None:
        self.told.append("given up")


async def finished(*tasks: Task) -> None:
    for task in tasks:
        assert await asyncio.to_thread(task.done.wait, 5)


async def test_two_jobs_that_come_at_once_do_not_wait_for_each_other() -> None:
    crew = Crew("test")
    first = Task(lambda member: None)
    crew.submit(first)
    await finished(first)  # one thread, idle now
    together = threading.Barrier(2)
    tasks = [Task(lambda member: together.wait(5)) for _ in range(2)]
    for task in tasks:
        crew.submit(task)
    await finished(*tasks)
    crew.close()


async def test_who_steps_aside_makes_room() -> None:
    crew = Crew("test", most=1, aside=3)
    over = threading.Event()

    def stream(member: Member) -> None:
        member.step_aside()
        over.wait(5)

    streams = [Task(stream, settled=True) for _ in range(3)]
    for task in streams:
        crew.submit(task)
    page = Task(lambda member: None)
    crew.submit(page)
    await finished(page)
    more = [Task(stream, settled=True), Task(lambda member: None)]
    for task in more:
        crew.submit(task)  # no room aside any more: the fourth holds the only place
    await asyncio.sleep(0.05)
    assert not more[1].done.is_set()
    over.set()
    await finished(*streams, *more)
    again = Task(lambda member: None)
    crew.submit(again)
    await finished(again)
    crew.close()


async def test_late_jobs_are_told_whether_they_had_begun() -> None:
    crew = Crew("test", most=1, aside=0, limit=0.1)
    over = threading.Event()
    hangs, waits = Task(lambda member: over.wait(5)), Task(lambda member: None)
    crew.submit(hangs)
    crew.submit(waits)
    await asyncio.wait_for(asyncio.gather(hangs.late_told.wait(), waits.late_told.wait()), 5)
    assert (hangs.told, waits.told) == (["hangs"], ["waited"])
    over.set()
    await finished(hangs)
    crew.close()


async def test_more_than_may_wait_is_refused() -> None:
    crew = Crew("test", most=1, waiting=1)
    over, at_work = threading.Event(), threading.Event()

    def hold(member: Member) -> None:
        at_work.set()
        over.wait(5)

    held = Task(hold)
    crew.submit(held)
    assert await asyncio.to_thread(at_work.wait, 5)
    waiting = Task(lambda member: None)
    crew.submit(waiting)
    with pytest.raises(BusyError, match="busy: 1 requests are waiting"):
        crew.submit(Task(lambda member: None))
    crew.close()
    assert held.told == waiting.told == ["given up"]
    with pytest.raises(BusyError, match="shutting down"):
        crew.submit(Task(lambda member: None))
    over.set()
