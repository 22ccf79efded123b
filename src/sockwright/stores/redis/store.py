"""The tables in Redis, and the thread that tells what happens there.

One thread reads the stream of events and tells the followers; where it finds a gap, or Redis was away, it compares
everything instead. While Redis is away every call fails at once (`Unavailable`); the reading thread alone tries again,
after half a second, then one, two, four, eight.
"""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, cast

import msgspec
from redis.exceptions import RedisError

from sockwright.stores import Change, Presence, Stale, Unavailable
from sockwright.stores.memory import Followers
from sockwright.stores.redis.link import ANSWER, BULK, Link
from sockwright.stores.redis.people import BEAT, People
from sockwright.stores.redis.scripts import CHANGE, PREFIX, REMOVE, SWAP

# Until we try again when Redis is away: first and last (seconds).
AGAIN = (0.5, 8.0)
# Entries in one script; more are put into a table of their own first, which then takes the old one's place.
SCRIPTED = 1_000
BATCH = 5_000
# A table of more entries is read in parts: at once, a million would need 100 MB more than they take, and keep all
# others waiting for half a second.
WHOLE = 20_000
# How often something large is done again when somebody else was quicker.
TRIES = 5


class RedisStore:
    """Tables and presence in one Redis. Made by `open_store`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.warning = ""
        self._link = Link(url)
        self._followers = Followers()
        self._people = People(self._link, self._followers, self._gone, self._suspect)
        self.follow = self._followers.add
        self.arrive = self._people.arrive
        self.depart = self._people.depart
        self.present = self._people.present
        self.dismiss = self._people.dismiss
        self._must_compare = False
        self._seen: dict[str, int] = {}
        self._position = ("0-0", 0)
        try:
            self.warning = self._link.warning()
            self._look()
            self._people.begin(self._people.everybody(self._link.bulk))
        except RedisError as wrong:
            self._link.close()
            raise Unavailable(f"no {self._link.told(wrong)}") from None
        names = {"reader": self._read_events, "beat": self._beat, "writer": self._people.write}
        self._threads = {
            name: threading.Thread(target=work, name=f"sockwright-redis-{name}", daemon=True)
            for name, work in names.items()
        }
        for thread in self._threads.values():
            thread.start()

    # -- tables

    @property
    def fresh(self) -> bool:
        return not int(self._link.ask(lambda client: client.get(PREFIX + "revision")) or 0)

    def tables(self) -> Mapping[str, int]:
        def work(client: Any) -> dict[str, int]:
            names = sorted(name.decode() for name in client.hkeys(PREFIX + "tables"))
            pipe = client.pipeline(transaction=False)
            for name in names:
                pipe.hlen(f"{PREFIX}table:{name}")
            return dict(zip(names, pipe.execute(), strict=True))

        return cast("dict[str, int]", self._link.ask(work))

    def read(self, table: str) -> tuple[int, dict[bytes, bytes]]:
        def work(client: Any) -> tuple[int, dict[bytes, bytes]]:
            for _ in range(TRIES):
                found = self._read_in_parts(client, table)
                if found is not None:
                    return found
            return self._read_whole(client, table)

        return cast("tuple[int, dict[bytes, bytes]]", self._link.ask(work, bulk=True))

    def _read_whole(self, client: Any, table: str) -> tuple[int, dict[bytes, bytes]]:
        pipe = client.pipeline()  # MULTI: both of the same moment
        pipe.hget(PREFIX + "tables", table)
        pipe.hgetall(f"{PREFIX}table:{table}")
        revision, entries = pipe.execute()
        return (int(revision), entries) if revision else (0, {})

    def _read_in_parts(self, client: Any, table: str) -> tuple[int, dict[bytes, bytes]] | None:
        """Return what is in `table`, None where somebody changed it meanwhile."""
        key = f"{PREFIX}table:{table}"
        revision = client.hget(PREFIX + "tables", table)
        if client.hlen(key) <= WHOLE:
            return self._read_whole(client, table)
        entries: dict[bytes, bytes] = {}
        cursor = 0
        while True:
            cursor, part = client.hscan(key, cursor, count=BATCH)
            entries.update(part)
            if not cursor:
                break
        return (int(revision), entries) if client.hget(PREFIX + "tables", table) == revision else None

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
        revision = int(self._link.script(CHANGE, table, wanted, body, len(drop), *drop, *pairs))
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
                return int(client.eval(SWAP, 1, PREFIX, table, was, stage))
            finally:
                client.unlink(stage)

        for _ in range(1 if expect is not None else TRIES):
            revision = int(self._link.ask(work, bulk=True))
            if revision:
                return revision
        raise Stale(table)

    def remove(self, table: str) -> bool:
        return bool(self._link.script(REMOVE, table))

    # -- what happens elsewhere

    def _look(self) -> list[Change]:
        """Look where the stream is and at the tables' revisions; return what changed. Raises: RedisError."""
        client = self._link.bulk
        last = client.xrevrange(PREFIX + "events", count=1)
        self._position = (last[0][0].decode(), int(last[0][1][b"n"])) if last else ("0-0", 0)
        tables = {name.decode(): int(revision) for name, revision in client.hgetall(PREFIX + "tables").items()}
        changes = [
            Change(name, revision, whole=True) for name, revision in tables.items() if self._seen.get(name) != revision
        ]
        top = int(client.get(PREFIX + "revision") or 0)
        changes += [Change(name, top, whole=True, gone=True) for name in self._seen if name not in tables]
        self._seen = tables
        return sorted(changes, key=lambda change: change.revision)

    def _compare(self) -> None:
        """Find out what is different from what was told, after Redis was away or events were missed."""
        self._people.say_again(self._link.bulk)
        changes = self._look()
        present = self._people.everybody(self._link.bulk)
        self._link.trouble = ""
        self._tell_changes(changes)
        self._people.compare(present)
        self._followers.tell(lambda follower: follower.trouble(""))

    def _suspect(self) -> None:
        """Redis does not hold what it should: the reading thread will compare."""
        self._must_compare = True

    def _read_events(self) -> None:
        wait = AGAIN[0]
        while not self._link.stop.is_set():
            try:
                if self._link.trouble or self._must_compare:
                    self._must_compare = False
                    self._compare()
                    wait = AGAIN[0]
                came = self._link.reader.xread({PREFIX + "events": self._position[0]}, count=1000, block=500)
                if came:
                    self._tell_events(came[0][1])
                elif self._link.quick.exists(PREFIX + "events") == 0 and self._position[1]:
                    self._must_compare = True  # somebody emptied it
            except (RedisError, Unavailable) as wrong:
                if self._link.stop.is_set():
                    return
                self._gone(wrong)
                self._link.stop.wait(wait * random.uniform(0.5, 1.0))
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
                    self._people.tell([Presence(revision, name, about[b"b"])], ())
                case "depart":
                    self._people.tell((), (revision,))
                case "dismiss":
                    self._followers.tell(lambda follower, revision=revision: follower.dismissed(revision))  # type: ignore[misc]
                case "node":
                    self._people.look_at(name)
        self._tell_changes(changes)

    def _tell_changes(self, changes: Sequence[Change]) -> None:
        if changes:
            self._followers.tell(lambda follower: follower.changed(changes))

    def _beat(self) -> None:
        while not self._link.stop.wait(BEAT):
            if not self._link.trouble:
                try:
                    self._people.keep_alive()
                except RedisError as wrong:
                    self._gone(wrong)

    def _gone(self, wrong: Exception) -> None:
        """Redis is away: say so once, and let every call fail at once until it is back."""
        if self._link.trouble or self._link.stop.is_set():
            return
        self._link.trouble = trouble = self._link.told(wrong)
        self._followers.tell(lambda follower: follower.trouble(trouble))
        self._people.break_promises()

    # -- the end

    def close(self) -> None:
        if self._link.stop.is_set():
            return
        ours = self._people.leave()
        self._threads["writer"].join(ANSWER * 3)
        self._link.stop.set()
        if ours:
            self._people.tell((), ours)
        for name in ("reader", "beat"):
            self._threads[name].join(BULK)
        self._link.close()
