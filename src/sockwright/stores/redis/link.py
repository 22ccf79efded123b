"""How Redis is asked: with deadlines, and not at all while it is away."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import redis
from redis.exceptions import RedisError, ResponseError

from sockwright.errors import ConfigError
from sockwright.stores import Unavailable
from sockwright.stores.redis.scripts import PREFIX

# Seconds: until a connection stands, until a command is answered; the same where a million entries are moved.
CONNECT = 0.5
ANSWER = 1.0
BULK = 30.0


def client_of(url: str, answer: float, flag: str = "--store") -> Any:
    """Return a pool of connections to the Redis at `url`, each of which waits `answer` seconds for a reply.

    Raises: ConfigError where that is no such URL.
    """
    # `Any`: redis-py's types are those of its synchronous and asynchronous clients at once.
    try:
        return redis.Redis.from_url(
            url,
            socket_connect_timeout=CONNECT,
            socket_timeout=answer,
            health_check_interval=10,
            max_connections=32,
        )
    except ValueError as wrong:
        raise ConfigError(f"{flag} {url}: {wrong}", cure="write it like redis://127.0.0.1:6379/0") from None


def words_of(wrong: Exception) -> str:
    """Return what went wrong, in one line."""
    words = str(wrong).strip().rstrip(".") or type(wrong).__name__
    if "Connection refused" in words or "Error 111" in words:
        return "nobody listens there"
    return words.splitlines()[0][:200]


def warning_of(client: Any, place: str) -> str:
    """Return what should be known of how long the Redis at `place` keeps what it acknowledges.

    Raises: RedisError where nobody is there.
    """
    client.ping()
    try:
        about = client.info("persistence")
    except ResponseError:  # not everybody may ask
        return ""
    if about.get("aof_enabled"):
        return ""
    return (
        f"Redis at {place} has appendonly off: what it acknowledges may be lost when it ends; "
        "redis-cli CONFIG SET appendonly yes"
    )


class Link:
    """Three clients: `quick` for single commands, `bulk` for large ones, `reader` for the thread that waits for events.

    `trouble` says why Redis is away, and "" while it is there; then every `ask` fails at once.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.trouble = ""
        self.stop = threading.Event()
        self.quick = client_of(url, ANSWER)
        self.bulk = client_of(url, BULK)
        self.reader = client_of(url, BULK)

    @property
    def place(self) -> str:
        """Where it is, without a password."""
        return self.url.rpartition("@")[2].removeprefix("redis://").removeprefix("rediss://")

    def warning(self) -> str:
        """Return what should be known of how long this Redis keeps what it acknowledges.

        Raises: RedisError where nobody is there.
        """
        return warning_of(self.quick, self.place)

    def ask(self, work: Callable[[Any], Any], *, bulk: bool = False) -> Any:
        """Return what `work` does with a client.

        Raises: Unavailable.
        """
        if self.trouble:
            raise Unavailable(self.trouble)
        if self.stop.is_set():
            raise Unavailable("it is closed")
        try:
            return work(self.bulk if bulk else self.quick)
        except RedisError as wrong:
            raise Unavailable(self.told(wrong)) from None

    def script(self, script: str, *arguments: Any) -> Any:
        """Run a script with our prefix as its key. Raises: Unavailable."""
        return self.ask(lambda client: client.eval(script, 1, PREFIX, *arguments))

    def told(self, wrong: Exception) -> str:
        """Return what went wrong, in one line."""
        return f"Redis at {self.place}: {words_of(wrong)}"

    def close(self) -> None:
        for client in (self.quick, self.bulk, self.reader):
            client.close()
            client.connection_pool.disconnect()
