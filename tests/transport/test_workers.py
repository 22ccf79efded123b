"""Workers: order, bounds, refusals, calls that never come back."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence

from sockwright.binding import Arguments, Outcome, Refusal, service_of
from sockwright.transport.workers import Workers


async def outcomes(workers: Workers, function: object, values: Sequence[object]) -> Sequence[Outcome]:
    done: asyncio.Future[Sequence[Outcome]] = asyncio.get_running_loop().create_future()
    batch = [Arguments(values=(value,)) for value in values]
    workers.submit(service_of(function), batch, done.set_result)  # type: ignore[arg-type]
    return await done


async def test_a_batch_is_answered_in_order() -> None:
    workers = Workers(asyncio.get_running_loop())
    assert await outcomes(workers, lambda n: n * n, range(10)) == [n * n for n in range(10)]
    workers.close()


async def test_a_failure_is_one_outcome_and_the_rest_goes_on() -> None:
    workers = Workers(asyncio.get_running_loop())

    def divide(n: int) -> float:
        return 1 / n

    first, second = await outcomes(workers, divide, [0, 2])
    assert isinstance(first, Refusal)
    assert (first.code, first.message) == (500, "the service failed: ZeroDivisionError: division by zero")
    assert "Traceback" in first.trace
    assert second == 0.5
    workers.close()


async def test_calls_that_block_run_side_by_side() -> None:
    workers = Workers(asyncio.get_running_loop(), most=16)
    together = threading.Barrier(12)

    def meet(n: int) -> int:
        together.wait(5)
        return n

    answers = await asyncio.gather(*(outcomes(workers, meet, [n]) for n in range(12)))
    assert [answer[0] for answer in answers] == list(range(12))
    workers.close()


async def test_more_than_may_wait_is_refused_at_once() -> None:
    workers = Workers(asyncio.get_running_loop(), most=1, waiting=2)
    gate = threading.Event()
    held = [asyncio.ensure_future(outcomes(workers, lambda n: gate.wait(5), [n])) for n in range(2)]
    await asyncio.sleep(0)
    (refused,) = await outcomes(workers, lambda n: n, [1])
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.message) == (503, "busy: 2 calls are waiting already")
    gate.set()
    await asyncio.gather(*held)
    workers.close()


async def test_a_call_that_never_returns_is_refused_and_others_go_on() -> None:
    workers = Workers(asyncio.get_running_loop(), most=2, limit=0.2)
    gate = threading.Event()
    began = time.monotonic()
    (late,) = await outcomes(workers, lambda n: gate.wait(30), [1])
    assert isinstance(late, Refusal)
    assert (late.code, late.message) == (504, "the call took longer than 200ms")
    assert time.monotonic() - began < 2
    assert await outcomes(workers, lambda n: n, [7]) == [7]
    gate.set()
    workers.close()


async def test_when_all_hang_the_refusal_says_so() -> None:
    workers = Workers(asyncio.get_running_loop(), most=2, limit=0.1)
    gate = threading.Event()
    await asyncio.gather(*(outcomes(workers, lambda n: gate.wait(30), [n]) for n in range(2)))
    (refused,) = await outcomes(workers, lambda n: n, [1])
    assert isinstance(refused, Refusal)
    assert refused.message == "busy: 2 workers hang in calls that never came back"
    gate.set()
    await asyncio.sleep(0.05)
    assert await outcomes(workers, lambda n: n, [1]) == [1]  # they came back after all
    workers.close()


async def test_two_calls_that_come_at_once_do_not_wait_for_each_other() -> None:
    workers = Workers(asyncio.get_running_loop())
    assert await outcomes(workers, lambda n: n, [1]) == [1]  # one thread, idle now
    together = threading.Barrier(2)
    calls = [outcomes(workers, lambda n: together.wait(5), [n]) for n in range(2)]
    assert sorted(answer for (answer,) in await asyncio.wait_for(asyncio.gather(*calls), 8)) == [0, 1]
    workers.close()
