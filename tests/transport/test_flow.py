from __future__ import annotations

import asyncio
import threading

import pytest

from sockwright.transport.flow import WAITING, Flow, GoneError


async def test_what_is_put_comes_out_in_order_up_to_the_end() -> None:
    flow = Flow(b"0")

    def say() -> None:
        for number in range(1, 2000):
            flow.put(b" %d" % number)
        flow.finish()

    thread = threading.Thread(target=say)
    thread.start()
    came = b""
    while data := await flow.take():
        came += data
    assert came == b" ".join(b"%d" % number for number in range(2000))
    assert await flow.take() == b""
    await asyncio.to_thread(thread.join, 5)


async def test_who_says_too_much_waits_until_some_is_taken() -> None:
    flow = Flow(b"x" * WAITING)
    went = threading.Event()

    def say() -> None:
        flow.put(b"more")
        went.set()

    thread = threading.Thread(target=say)
    thread.start()
    assert not await asyncio.to_thread(went.wait, 0.05)
    assert len(await flow.take()) == WAITING
    assert await asyncio.to_thread(went.wait, 5)
    assert await flow.take() == b"more"
    thread.join()


async def test_who_waits_in_vain_is_told() -> None:
    flow = Flow(b"x" * WAITING)
    told: list[str] = []

    def say() -> None:
        try:
            flow.put(b"more")
        except GoneError as gone:
            told.append(str(gone))

    thread = threading.Thread(target=say)
    thread.start()
    flow.abandon()
    await asyncio.to_thread(thread.join, 5)
    assert told == ["the client is gone"]
    assert await flow.take() == b""


async def test_a_failure_comes_behind_what_was_said() -> None:
    flow = Flow(b"half")
    flow.fail(ValueError("the rest"))
    assert flow.whole() is None
    assert await flow.take() == b"half"
    with pytest.raises(ValueError, match="the rest"):
        await flow.take()


async def test_what_is_all_there_can_be_had_at_once() -> None:
    flow = Flow(b"all")
    assert flow.whole() is None
    flow.put(b" of it")
    flow.finish()
    assert flow.whole() == b"all of it"
