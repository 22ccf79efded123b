"""The link checker's frontier in Redis or Valkey: one run hands out its work, any number of workers do it.

    sockwright:links:runs            set      runs that have work
    sockwright:links:workers         zset     workers by when they were last seen (Redis' own clock, milliseconds)
    sockwright:links:{RUN}:about     string   how the run is to be worked on
    sockwright:links:{RUN}:given     set      ids of all tasks ever given
    sockwright:links:{RUN}:ended     set      ids of those that have an outcome
    sockwright:links:{RUN}:todo:N    stream   the tasks of shard N, with the consumer group `workers`
    sockwright:links:{RUN}:lease:N   string   the worker that shard N belongs to; expires when it falls silent
    sockwright:links:{RUN}:done      stream   outcomes, in the order they came

A host's tasks all stand in one shard, and a shard belongs to one worker at a time: so what one worker knows of a
host's pace holds for all. A worker that dies loses its leases; whoever takes over a shard claims what was pending
there. An outcome is recorded, its task acknowledged and removed by one script, and only the first outcome of a task
counts: nothing is lost, and nothing has two verdicts.

Commands of Redis 7.2 and older.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any, cast

import redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from sockwright.errors import ConfigError
from sockwright.stores import Unavailable

PREFIX = "sockwright:links:"
SHARDS = 64
LEASE = 6.0  # seconds without a sign of life after which a worker's shards are others' to take
KEPT = 7 * 86400  # seconds that a run's keys outlive its last sign of life
CONNECT = 0.5  # seconds
ANSWER = 5.0  # seconds; batches of pages are not small
RETRIES = 6
GROUP = "workers"

# KEYS: given, todo. ARGV: id, task.
_GIVE = """
if redis.call('SADD', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('XADD', KEYS[2], '*', 'id', ARGV[1], 'task', ARGV[2])
return 1
"""
# KEYS: ended, done, todo. ARGV: id, entry, outcome.
_END = """
local first = redis.call('SADD', KEYS[1], ARGV[1])
if first == 1 then redis.call('XADD', KEYS[2], '*', 'id', ARGV[1], 'outcome', ARGV[3]) end
redis.call('XACK', KEYS[3], 'workers', ARGV[2])
redis.call('XDEL', KEYS[3], ARGV[2])
return first
"""
# KEYS: lease. ARGV: worker, milliseconds (0: give it back).
_HOLD = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then return redis.call('DEL', KEYS[1]) end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
# KEYS: workers. ARGV: worker, milliseconds after which one is gone. Returns how many there are.
_BEAT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
return redis.call('ZCARD', KEYS[1])
"""

Entry = tuple[str, str, bytes]  # its place in the stream, the task's id, the task


class RedisFrontier:
    """A connection to the frontier, for those who hand out work and those who do it.

    Raises: ConfigError for a URL that is none, Unavailable where there is no Redis; the latter also from any method.
    """

    def __init__(self, url: str, *, lease: float = LEASE) -> None:
        self.lease = lease
        self.shards = SHARDS
        self.me = f"{uuid.uuid4().hex[:12]}"
        self._place = url.rpartition("@")[2]
        try:
            # `Any`: redis-py's types are those of its synchronous and asynchronous clients at once.
            self._client: Any = redis.Redis.from_url(
                url,
                socket_connect_timeout=CONNECT,
                socket_timeout=ANSWER,
                health_check_interval=10,
                retry=Retry(ExponentialBackoff(cap=2.0, base=0.1), RETRIES),
                retry_on_error=[redis.ConnectionError, redis.TimeoutError],
            )
        except ValueError as wrong:
            raise ConfigError(f"--store {url}: {wrong}", cure="write it like redis://127.0.0.1:6379/0") from None
        self._groups: set[str] = set()
        self._do(self._client.ping)

    def close(self) -> None:
        self._client.close()

    def _do(self, work: Any) -> Any:
        try:
            return work()
        except RedisError as wrong:
            raise Unavailable(f"Redis at {self._place}: {wrong}") from None

    @staticmethod
    def _key(run: str, name: str) -> str:
        return f"{PREFIX}{{{run}}}:{name}"

    # --- who hands out work -----------------------------------------------------------------------------------

    def open(self, run: str, about: bytes, *, resume: bool) -> bool:
        """Begin a run, or take up what is left of it; tell whether there was something left."""

        def work() -> bool:
            left = bool(self._client.exists(self._key(run, "given")))
            if left and not resume:
                self._forget(run)
            self._client.set(self._key(run, "about"), about, ex=KEPT)
            self._client.sadd(PREFIX + "runs", run)
            return left and resume

        return cast(bool, self._do(work))

    def give(self, run: str, tasks: Iterable[tuple[int, str, bytes]]) -> None:
        """Hand out tasks: (shard, id, task). Those given before are not given again."""

        def work() -> None:
            pipe = self._client.pipeline(transaction=False)
            for shard, number, task in tasks:
                pipe.eval(_GIVE, 2, self._key(run, "given"), self._key(run, f"todo:{shard}"), number, task)
            pipe.expire(self._key(run, "given"), KEPT)
            pipe.execute()

        self._do(work)

    def outcomes(self, run: str, after: str, count: int) -> list[Entry]:
        """Return the next outcomes after a place in their stream ("0" is its begin): (place, id, outcome)."""

        def work() -> list[Entry]:
            found = self._client.xread({self._key(run, "done"): after}, count=count)
            return _entries(found[0][1], b"outcome") if found else []

        return cast("list[Entry]", self._do(work))

    def pause(self, run: str) -> None:
        """Give out nothing more of a run for now; what is there stays for whoever takes it up."""

        def work() -> None:
            self._client.srem(PREFIX + "runs", run)
            pipe = self._client.pipeline(transaction=False)
            for key in self._keys(run):
                pipe.expire(key, KEPT)
            pipe.execute()

        self._do(work)

    def end(self, run: str) -> None:
        """Forget a run that is whole."""
        self._do(lambda: self._client.srem(PREFIX + "runs", run))
        self._do(lambda: self._forget(run))

    def _keys(self, run: str) -> list[str]:
        names = ["about", "given", "ended", "done"]
        names += [f"{what}:{shard}" for what in ("todo", "lease") for shard in range(SHARDS)]
        return [self._key(run, name) for name in names]

    def _forget(self, run: str) -> None:
        self._client.unlink(*self._keys(run))

    # --- who does it ------------------------------------------------------------------------------------------

    def runs(self) -> dict[str, bytes]:
        """Return the runs that have work, with what their makers said about them."""

        def work() -> dict[str, bytes]:
            names = sorted(name.decode() for name in self._client.smembers(PREFIX + "runs"))
            abouts = self._client.mget([self._key(name, "about") for name in names]) if names else []
            return {name: about for name, about in zip(names, abouts, strict=True) if about is not None}

        return cast("dict[str, bytes]", self._do(work))

    def beat(self) -> int:
        """Say that this worker lives; return how many do."""
        milliseconds = int(self.lease * 1000)
        return int(self._do(lambda: self._client.eval(_BEAT, 1, PREFIX + "workers", self.me, milliseconds)))

    def leave(self) -> None:
        """Say that this worker goes."""
        self._do(lambda: self._client.zrem(PREFIX + "workers", self.me))

    def loads(self, run: str) -> list[int]:
        """Return how many tasks without an outcome each shard has."""

        def work() -> list[int]:
            pipe = self._client.pipeline(transaction=False)
            for shard in range(SHARDS):
                pipe.xlen(self._key(run, f"todo:{shard}"))
            return [int(length) for length in pipe.execute()]

        return cast("list[int]", self._do(work))

    def take(self, run: str, shard: int) -> bool:
        """Try to make a shard this worker's own."""
        milliseconds = int(self.lease * 1000)
        key = self._key(run, f"lease:{shard}")
        return bool(self._do(lambda: self._client.set(key, self.me, nx=True, px=milliseconds)))

    def hold(self, run: str, shards: Sequence[int]) -> list[int]:
        """Keep shards for another while; return those that are still this worker's."""

        def work() -> list[int]:
            pipe = self._client.pipeline(transaction=False)
            for shard in shards:
                pipe.eval(_HOLD, 1, self._key(run, f"lease:{shard}"), self.me, int(self.lease * 1000))
            return [shard for shard, held in zip(shards, pipe.execute(), strict=True) if held]

        return cast("list[int]", self._do(work)) if shards else []

    def give_back(self, run: str, shard: int) -> None:
        """Let others have a shard."""
        self._do(lambda: self._client.eval(_HOLD, 1, self._key(run, f"lease:{shard}"), self.me, 0))

    def inherit(self, run: str, shard: int) -> list[Entry]:
        """Return what was pending in a shard that has just become this worker's: its last owner died over it."""
        key = self._key(run, f"todo:{shard}")

        def work() -> list[Entry]:
            self._group(key)
            found: list[Entry] = []
            start = "0-0"
            while True:
                start, entries, *_ = self._client.xautoclaim(key, GROUP, self.me, 0, start, count=500)
                found += _entries(entries, b"task")
                start = start.decode() if isinstance(start, bytes) else start
                if start == "0-0":
                    return found

        return cast("list[Entry]", self._do(work))

    def read(self, run: str, shard: int, count: int) -> list[Entry]:
        """Return tasks of a shard that nobody has read yet."""
        key = self._key(run, f"todo:{shard}")

        def work() -> list[Entry]:
            self._group(key)
            found = self._client.xreadgroup(GROUP, self.me, {key: ">"}, count=count)
            return _entries(found[0][1], b"task") if found else []

        return cast("list[Entry]", self._do(work))

    def finish(self, run: str, ended: Iterable[tuple[int, str, str, bytes]]) -> None:
        """Record outcomes: (shard, place of the task in its stream, id, outcome)."""

        def work() -> None:
            pipe = self._client.pipeline(transaction=False)
            for shard, place, number, outcome in ended:
                keys = [self._key(run, name) for name in ("ended", "done", f"todo:{shard}")]
                pipe.eval(_END, 3, *keys, number, place, outcome)
            pipe.execute()

        self._do(work)

    def _group(self, key: str) -> None:
        if key in self._groups:
            return
        try:
            self._client.xgroup_create(key, GROUP, id="0", mkstream=True)
        except ResponseError as wrong:
            if "BUSYGROUP" not in str(wrong):
                raise
        self._groups.add(key)


def _entries(found: Any, what: bytes) -> list[Entry]:
    return [
        (place.decode(), fields[b"id"].decode(), fields[what])
        for place, fields in found
        if fields and b"id" in fields and what in fields
    ]
