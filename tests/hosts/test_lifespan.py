"""Lifespans: before the first request and after the last."""

from __future__ import annotations

from typing import Any

import pytest

from sockwright.errors import ConfigError
from sockwright.hosts import lifespan
from sockwright.hosts.lifespan import Lifespan


@pytest.fixture
def told() -> list[str]:
    return []


async def test_startup_and_shutdown_are_told_and_state_is_kept(told: list[str]) -> None:
    heard: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "lifespan"
        while len(heard) < 2:
            kind = (await receive())["type"]
            heard.append(kind)
            scope["state"]["db"] = 7
            await send({"type": f"{kind}.complete"})

    span = Lifespan(app, "shop:app", told.append)
    await span.startup()
    assert (heard, span.state) == (["lifespan.startup"], {"db": 7})
    await span.shutdown()
    assert heard == ["lifespan.startup", "lifespan.shutdown"]
    assert not told


async def test_one_that_knows_nothing_of_it_goes_without(told: list[str]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"

    span = Lifespan(app, "shop:app", told.append)
    await span.startup()
    await span.shutdown()
    assert not told


async def test_a_start_that_fails_says_why(told: list[str]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "Traceback ...\nOSError: no \x1b[1mdatabase\n"})

    with pytest.raises(ConfigError, match=r"shop:app failed to start up: OSError: no \\x1b\[1mdatabase"):
        await Lifespan(app, "shop:app", told.append).startup()


async def test_a_start_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch, told: list[str]) -> None:
    monkeypatch.setattr(lifespan, "STARTUP", 0.05)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await receive()

    with pytest.raises(ConfigError, match="did not start up within 50ms"):
        await Lifespan(app, "shop:app", told.append).startup()


async def test_an_end_that_fails_or_lasts_is_told(monkeypatch: pytest.MonkeyPatch, told: list[str]) -> None:
    monkeypatch.setattr(lifespan, "SHUTDOWN", 0.05)

    def ending(answer: bool) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            if answer:
                await send({"type": "lifespan.shutdown.failed", "message": "the till is open"})
            await receive()

        return app

    for answer in (True, False):
        span = Lifespan(ending(answer), "shop:app", told.append)
        await span.startup()
        await span.shutdown()
    assert told == ["shop:app failed to shut down: the till is open", "shop:app did not shut down within 50ms"]
