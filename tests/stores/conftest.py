"""The three stores, each fresh, and a second view of each: what another process on the same state would hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from tests import strangers
from tests.redis_server import RedisServer

from sockwright.stores import Store, open_store

Opener = Callable[[], Store]


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(strangers.find("redis"), tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def empty_redis(shared_redis: RedisServer) -> RedisServer:
    with redis.Redis(port=shared_redis.port) as client:
        client.flushall()
    return shared_redis


@pytest.fixture(params=["memory", "sqlite", "redis"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """`opener()` opens one and the same state, again and again (memory: once)."""
    opened: list[Store] = []
    url = "memory"
    if request.param == "sqlite":
        url = f"sqlite:{tmp_path}/state.db"
    elif request.param == "redis":
        url = request.getfixturevalue("empty_redis").url

    def open_one() -> Store:
        if request.param == "memory" and opened:
            return opened[0]
        opened.append(open_store(url))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


@pytest.fixture
def store(opener: Opener) -> Store:
    return opener()
