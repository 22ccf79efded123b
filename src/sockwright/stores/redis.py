"""The store that several nodes share: Redis or Valkey, commands of 7.2 and older.

    sockwright:tables            hash    table -> revision
    sockwright:table:NAME        hash    its entries
    sockwright:node:ID           hash    number -> who is present at that node; expires when the node is silent
    sockwright:nodes             set     their ids
    sockwright:events            stream  what happened, for all nodes; each event carries the number before it + 1
    sockwright:revision, :number, :event  counters

Every change is one script, so it is whole or not at all, and its event is in the stream when it is acknowledged. One
thread reads the stream and tells the followers; where it finds a gap, or Redis was away, it compares everything
instead. Another keeps this node's people alive and looks after those of others. A third writes who comes and goes.

While Redis is away every call fails at once (`Unavailable`); the reading thread alone tries again, after half a second,
then one, two, four, eight. How long acknowledged changes are kept is Redis's own setting: see `warning`.
"""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any, cast

import msgspec
import redis
from redis.exceptions import RedisError as RedisError
from redis.exceptions import ResponseError

from sockwright.errors import ConfigError
from sockwright.stores import Change, Presence, Stale, Unavailable
from sockwright.stores.memory import Followers

PREFIX = "sockwright:"
# Seconds: until a connection stands, until a command is answered; the same where a million entries are moved.
CONNECT = 0.5
ANSWER = 1.0
BULK = 30.0
# A node that was silent for so long has died with its people; how often it says that it lives, and looks at others.
EXPIRES = 6.0
BEAT = 1.0
# Until we try again when Redis is away: first and last (seconds).
AGAIN = (0.5, 8.0)
# Entries in one script; more are put into a table of their own first, which then takes the old one's place.
SCRIPTED = 1_000
BATCH = 5_000
# Events kept; who missed more compares everything.
EVENTS = 10_000
# How often a large change is made again when somebody else was quicker.
TRIES = 5

_EVENT = """
local function event(kind, name, revision, body)
  local n = redis.call('INCR', KEYS[1] .. 'event')
  redis.call('XADD', KEYS[1] .. 'events', 'MAXLEN', '~', '10000', '*',
             'n', n, 'k', kind, 't', name, 'r', revision, 'b', body)
end
local function advance(name, expect)
  local was = tonumber(redis.call('HGET', KEYS[1] .. 'tables', name) or '0')
  if expect ~= '' and tonumber(expect) ~= was then return nil end
  local revision = redis.call('INCR', KEYS[1] .. 'revision')
  redis.call('HSET', KEYS[1] .. 'tables', name, revision)
  return revision
end
"""
# KEYS: prefix. ARGV: table, expected revision or "", event body, number of dropped keys, these, keys and values.
_CHANGE = (
    _EVENT
    + """
local revision = advance(ARGV[1], ARGV[2])
if not revision then return 0 end
local key = KEYS[1] .. 'table:' .. ARGV[1]
local dropped = tonumber(ARGV[4])
for i = 5, 4 + dropped do redis.call('HDEL', key, ARGV[i]) end
for i = 5 + dropped, #ARGV, 2 do redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
event('change', ARGV[1], revision, ARGV[3])
return revision
"""
)
# ARGV: table, expected revision, the staged table's key.
_SWAP = (
    _EVENT
    + """
local revision = advance(ARGV[1], ARGV[2])
if not revision then return 0 end
local key = KEYS[1] .. 'table:' .. ARGV[1]
if redis.call('EXISTS', ARGV[3]) == 1 then
  redis.call('RENAME', ARGV[3], key)
  redis.call('PERSIST', key)
else
  redis.call('DEL', key)
end
event('whole', ARGV[1], revision, '')
return revision
"""
)
_REMOVE = (
    _EVENT
    + """
if redis.call('HDEL', KEYS[1] .. 'tables', ARGV[1]) == 0 then return 0 end
redis.call('UNLINK', KEYS[1] .. 'table:' .. ARGV[1])
event('gone', ARGV[1], redis.call('INCR', KEYS[1] .. 'revision'), '')
return 1
"""
)
# ARGV: node, who, milliseconds until the node expires.
_ARRIVE = (
    _EVENT
    + """
local number = redis.call('INCR', KEYS[1] .. 'number')
local key = KEYS[1] .. 'node:' .. ARGV[1]
redis.call('HSET', key, number, ARGV[2])
redis.call('PEXPIRE', key, ARGV[3])
redis.call('SADD', KEYS[1] .. 'nodes', ARGV[1])
event('arrive', ARGV[1], number, ARGV[2])
return number
"""
)
_DEPART = (
    _EVENT
    + """
redis.call('HDEL', KEYS[1] .. 'node:' .. ARGV[1], ARGV[2])
event('depart', ARGV[1], ARGV[2], '')
return 1
"""
)
# ARGV: kind, name, number.
_SAY = _EVENT + "event(ARGV[1], ARGV[2], ARGV[3], '') return 1"

_Job = tuple[str, int | bytes, "Future[int] | None"]


class RedisStore:
    """Tables and presence in one Redis. Made by `open_store`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.node = uuid.uuid4().hex[:12]
        self.warning = ""
        self._quick = self._client(ANSWER)
        self._bulk = self._client(BULK)
        self._reader = self._client(BULK)
        self._followers = Followers()
        self.follow = self._followers.add
        self._trouble = ""
        self._suspect = False  # Redis does not hold what it should: compare
        self._lock = threading.RLock()  # guards what follows
        self._seen: dict[str, int] = {}
        self._position = ("0-0", 0)
        self._there: dict[int, Presence] = {}  # everybody, as told to followers
        self._ours: dict[int, bytes] = {}
        self._promised: dict[int, Future[int]] = {}
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._stop = threading.Event()
        try:
            self._look_at_settings()
            self._compare(first=True)
        except RedisError as wrong:
            self._hang_up()
            raise Unavailable(f"no Redis at {self._place()}: {words_of(wrong)}") from None
        names = {"reader": self._read_events, "beat": self._keep_alive, "writer": self._write_jobs}
        self._threads = [
            threading.Thread(target=work, name=f"sockwright-redis-{name}", daemon=True) for name, work in names.items()
        ]
        for thread in self._threads:
            thread.start()

    def _client(self, answer: float) -> Any:
        return client(self.url, answer)

    def _place(self) -> str:
        return self.url.rpartition("@")[2].removeprefix("redis://").removeprefix("rediss://")

    def _look_at_settings(self) -> None:
        self._quick.ping()
        try:
            about = self._quick.info("persistence")
            if not about.get("aof_enabled"):
                self.warning = (
                    f"Redis at {self._place()} has appendonly off: what it acknowledges may be lost when it ends; "
                    "redis-cli CONFIG SET appendonly yes"
                )
        except ResponseError:  # not everybody may ask
            pass

    # -- asking

    def _ask(self, work: Callable[[Any], Any], *, bulk: bool = False) -> Any:
        if self._trouble:
            raise Unavailable(self._trouble)
        if self._stop.is_set():
            raise Unavailable("it is closed")
        try:
            return work(self._bulk if bulk else self._quick)
        except RedisError as wrong:
            raise Unavailable(f"Redis at {self._place()}: {words_of(wrong)}") from None

    def _script(self, script: str, *arguments: Any) -> Any:
        return self._ask(lambda client: client.eval(script, 1, PREFIX, *arguments))

    @property
    def fresh(self) -> bool:
        return not int(self._ask(lambda client: client.get(PREFIX + "revision")) or 0)

    def tables(self) -> Mapping[str, int]:
        def work(client: Any) -> dict[str, int]:
            names = sorted(name.decode() for name in client.hkeys(PREFIX + "tables"))
            pipe = client.pipeline(transaction=False)
            for name in names:
                pipe.hlen(f"{PREFIX}table:{name}")
            return dict(zip(names, pipe.execute(), strict=True))

        return cast("dict[str, int]", self._ask(work))

    def read(self, table: str) -> tuple[int, dict[bytes, bytes]]:
        def work(client: Any) -> tuple[int, dict[bytes, bytes]]:
            pipe = client.pipeline()  # MULTI: both of the same moment
            pipe.hget(PREFIX + "tables", table)
            pipe.hgetall(f"{PREFIX}table:{table}")
            revision, entries = pipe.execute()
            return (int(revision), entries) if revision else (0, {})

        return cast("tuple[int, dict[bytes, bytes]]", self._ask(work, bulk=True))

    def change(
        self,
        table: str,
        put: Mapping[bytes, bytes] = {},
        drop: Sequence[bytes] = (),
        *,
        replace: bool = False,
        expect: int | None = None,
    ) -> int:
        if replace or len(put) + len(drop) > SCRIPTED:
            return self._change_whole(table, put, drop, replace, expect)
        body = msgspec.msgpack.encode((dict(put), list(drop)))
        pairs = [part for item in put.items() for part in item]
        wanted = "" if expect is None else expect
        revision = int(self._script(_CHANGE, table, wanted, body, len(drop), *drop, *pairs))
        if not revision:
            raise Stale(table)
        return revision

    def _change_whole(
        self, table: str, put: Mapping[bytes, bytes], drop: Sequence[bytes], replace: bool, expect: int | None
    ) -> int:
        """Make the table that shall be beside the one that is, then let it take its place."""

        def work(client: Any) -> int:
            was = int(client.hget(PREFIX + "tables", table) or 0)
            if expect is not None and expect != was:
                return 0
            stage = f"{PREFIX}stage:{uuid.uuid4().hex}"
            try:
                if not replace:
                    client.copy(f"{PREFIX}table:{table}", stage)
                items = iter(put.items())
                gone = iter(drop)
                while True:
                    pipe = client.pipeline(transaction=False)
                    some, less = dict(islice(items, BATCH)), list(islice(gone, BATCH))
                    if not some and not less:
                        break
                    if less:
                        pipe.hdel(stage, *less)
                    if some:
                        pipe.hset(stage, mapping=some)
                    pipe.expire(stage, 600)  # should we die now, nobody need clean up
                    pipe.execute()
                return int(client.eval(_SWAP, 1, PREFIX, table, was, stage))
            finally:
                client.unlink(stage)

        for _ in range(1 if expect is not None else TRIES):
            revision = int(self._ask(work, bulk=True))
            if revision:
                return revision
        raise Stale(table)

    def remove(self, table: str) -> bool:
        return bool(self._script(_REMOVE, table))

    # -- who is present

    def arrive(self, about: bytes) -> Future[int]:
        done: Future[int] = Future()
        if self._trouble or self._stop.is_set():
            done.set_exception(Unavailable(self._trouble or "it is closed"))
        else:
            self._jobs.put(("arrive", about, done))
        return done

    def depart(self, number: int) -> None:
        with self._lock:
            self._ours.pop(number, None)
        self._jobs.put(("depart", number, None))

    def present(self) -> Sequence[Presence]:
        found: list[Presence] = self._ask(self._everybody)
        return found

    def _everybody(self, client: Any) -> list[Presence]:
        nodes = sorted(node.decode() for node in client.smembers(PREFIX + "nodes"))
        pipe = client.pipeline(transaction=False)
        for node in nodes:
            pipe.hgetall(f"{PREFIX}node:{node}")
        found = [
            Presence(int(number), node, about)
            for node, people in zip(nodes, pipe.execute(), strict=True)
            for number, about in people.items()
        ]
        return sorted(found, key=lambda one: one.number)

    def dismiss(self, number: int) -> bool:
        with self._lock:
            if number not in self._there:
                return False
        self._script(_SAY, "dismiss", "", number)
        return True

    def _write_jobs(self) -> None:
        """Write who comes and goes, in their order, as many at once as wait."""
        over = False
        while not over:
            job = self._jobs.get()
            jobs: list[_Job] = []
            while job is not None:
                jobs.append(job)
                try:
                    job = self._jobs.get_nowait() if len(jobs) < 200 else None
                except Empty:
                    break
            else:
                over = len(jobs) < 200
            if jobs:
                self._write(jobs)

    def _write(self, jobs: Sequence[_Job]) -> None:
        life = int(EXPIRES * 1000)
        try:
            pipe = self._quick.pipeline(transaction=False)
            for kind, what, _ in jobs:
                if kind == "arrive":
                    pipe.eval(_ARRIVE, 1, PREFIX, self.node, what, life)
                else:
                    pipe.eval(_DEPART, 1, PREFIX, self.node, what)
            results = pipe.execute()
        except RedisError as wrong:
            # Who left is not in `_ours` any more, and when Redis is back everybody compares.
            self._gone(wrong)
            for _, _, done in jobs:
                if done is not None:
                    done.set_exception(Unavailable(self._trouble))
            return
        for (_, what, done), number in zip(jobs, results, strict=True):
            if done is None or not isinstance(what, bytes):
                continue
            with self._lock:
                self._ours[number] = what
                known = number in self._there
                if not known:
                    self._promised[number] = done  # kept when the event has come round
            if known:
                done.set_result(number)

    # -- what happens elsewhere

    def _tell_present(self, came: Sequence[Presence], went: Sequence[int]) -> None:
        """Tell followers of those who are news, and keep the promises made to ours."""
        with self._lock:
            came = [one for one in came if one.number not in self._there]
            self._there |= {one.number: one for one in came}
            went = [number for number in went if self._there.pop(number, None) is not None]
        if came:
            self._followers.tell(lambda follower: follower.arrived(came))
        if went:
            self._followers.tell(lambda follower: follower.departed(went))
        with self._lock:
            kept = [(self._promised.pop(one.number, None), one.number) for one in came]
        for done, number in kept:
            if done is not None:
                done.set_result(number)

    def _compare(self, first: bool = False) -> None:
        """Find out what is different from what was told, after Redis was away or events were missed."""
        client = self._bulk
        with self._lock:
            ours = dict(self._ours)
        if ours and not first:  # our node may have expired meanwhile, or Redis may have come back empty
            pipe = client.pipeline()
            key = f"{PREFIX}node:{self.node}"
            pipe.delete(key)
            pipe.hset(key, mapping={str(number): about for number, about in ours.items()})
            pipe.pexpire(key, int(EXPIRES * 1000))
            pipe.sadd(PREFIX + "nodes", self.node)
            pipe.set(PREFIX + "number", max([*ours, int(client.get(PREFIX + "number") or 0)]))
            pipe.eval(_SAY, 1, PREFIX, "node", self.node, 0)
            pipe.execute()
        elif not first:
            client.delete(f"{PREFIX}node:{self.node}")
            client.eval(_SAY, 1, PREFIX, "node", self.node, 0)
        last = client.xrevrange(PREFIX + "events", count=1)
        self._position = (last[0][0].decode(), int(last[0][1][b"n"])) if last else ("0-0", 0)
        tables = {name.decode(): int(revision) for name, revision in client.hgetall(PREFIX + "tables").items()}
        changes = [
            Change(name, revision, whole=True) for name, revision in tables.items() if self._seen.get(name) != revision
        ]
        top = max(tables.values(), default=0)
        changes += [Change(name, top, whole=True, gone=True) for name in self._seen if name not in tables]
        self._seen = tables
        present = {one.number: one for one in self._everybody(client)}
        with self._lock:
            went = [number for number in self._there if number not in present]
        if first:
            self._there = present
            return
        self._back()
        if changes:
            changes.sort(key=lambda change: change.revision)
            self._followers.tell(lambda follower: follower.changed(changes))
        self._tell_present(list(present.values()), went)
        self._followers.tell(lambda follower: follower.trouble(""))

    def _read_events(self) -> None:
        wait = AGAIN[0]
        while not self._stop.is_set():
            try:
                if self._trouble or self._suspect:
                    self._suspect = False
                    self._compare()
                    wait = AGAIN[0]
                came = self._reader.xread({PREFIX + "events": self._position[0]}, count=1000, block=500)
                if came:
                    self._tell_events(came[0][1])
                elif self._quick.exists(PREFIX + "events") == 0 and self._position[1]:
                    self._suspect = True  # somebody emptied it
            except (RedisError, Unavailable) as wrong:
                if self._stop.is_set():
                    return
                self._gone(wrong)
                self._stop.wait(wait * random.uniform(0.5, 1.0))
                wait = min(wait * 2, AGAIN[1])

    def _tell_events(self, entries: Sequence[tuple[bytes, dict[bytes, bytes]]]) -> None:
        changes: list[Change] = []
        for place, about in entries:
            number = int(about[b"n"])
            if number != self._position[1] + 1 and self._position[1]:
                self._tell_changes(changes)
                self._compare()
                return
            self._position = (place.decode(), number)
            kind, name, revision = about[b"k"].decode(), about[b"t"].decode(), int(about[b"r"])
            match kind:
                case "change":
                    put, drop = msgspec.msgpack.decode(about[b"b"])
                    changes.append(Change(name, revision, put, drop))
                    self._seen[name] = revision
                case "whole":
                    changes.append(Change(name, revision, whole=True))
                    self._seen[name] = revision
                case "gone":
                    changes.append(Change(name, revision, whole=True, gone=True))
                    self._seen.pop(name, None)
                case "arrive":
                    self._tell_present([Presence(revision, name, about[b"b"])], ())
                case "depart":
                    self._tell_present((), (revision,))
                case "dismiss":
                    self._followers.tell(lambda follower, revision=revision: follower.dismissed(revision))  # type: ignore[misc]
                case "node":
                    self._look_at_node(name)
        self._tell_changes(changes)

    def _tell_changes(self, changes: Sequence[Change]) -> None:
        if changes:
            self._followers.tell(lambda follower: follower.changed(changes))

    def _look_at_node(self, node: str) -> None:
        """Compare the people of one node: it came back, or expired."""
        people = self._quick.hgetall(f"{PREFIX}node:{node}")
        found = {int(number): Presence(int(number), node, about) for number, about in people.items()}
        with self._lock:
            went = [one.number for one in self._there.values() if one.node == node and one.number not in found]
        self._tell_present(list(found.values()), went)

    def _keep_alive(self) -> None:
        """Say that we live, and look whether others do."""
        while not self._stop.wait(BEAT):
            if self._trouble:
                continue
            try:
                with self._lock:
                    others = {one.node for one in self._there.values()} - {self.node}
                    some = bool(self._ours)
                lives = self._quick.pexpire(f"{PREFIX}node:{self.node}", int(EXPIRES * 1000))
                if some and not lives:
                    self._suspect = True  # our people were forgotten: the reading thread says again who is here
                for node in others:
                    if not self._quick.exists(f"{PREFIX}node:{node}"):
                        self._quick.srem(PREFIX + "nodes", node)
                        self._look_at_node(node)
            except RedisError as wrong:
                self._gone(wrong)

    def _gone(self, wrong: Exception) -> None:
        """Redis is away: say so once, and let every call fail at once until it is back."""
        if self._trouble or self._stop.is_set():
            return
        self._trouble = f"Redis at {self._place()}: {words_of(wrong)}"
        self._followers.tell(lambda follower: follower.trouble(self._trouble))
        with self._lock:
            broken, self._promised = list(self._promised.values()), {}
        for done in broken:
            done.set_exception(Unavailable(self._trouble))

    def _back(self) -> None:
        self._trouble = ""

    # -- the end

    def close(self) -> None:
        if self._stop.is_set():
            return
        with self._lock:
            ours, self._ours = list(self._ours), {}
        for number in ours:
            self._jobs.put(("depart", number, None))
        self._jobs.put(None)
        self._threads[2].join(ANSWER * 3)
        self._stop.set()
        if ours:
            self._tell_present((), ours)
        for thread in self._threads[:2]:
            thread.join(BULK)
        self._hang_up()

    def _hang_up(self) -> None:
        for client in (self._quick, self._bulk, self._reader):
            client.close()
            client.connection_pool.disconnect()


def client(url: str, answer: float, what: str = "--store") -> Any:
    """Return a connection pool to the Redis at `url` that waits `answer` seconds for each reply.

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
        raise ConfigError(f"{what} {url}: {wrong}", cure="write it like redis://127.0.0.1:6379/0") from None


def words_of(wrong: Exception) -> str:
    """Return what went wrong, in one line."""
    words = str(wrong).strip().rstrip(".") or type(wrong).__name__
    if "Connection refused" in words or "Error 111" in words:
        return "nobody listens there"
    return words.splitlines()[0][:200]


def open_store(url: str) -> RedisStore:
    """Connect to the Redis at `url`: `redis://`, `rediss://` (TLS), `unix://`.

    Raises: ConfigError where that is no such URL; Unavailable where nobody is there.
    """
    return RedisStore(url)
