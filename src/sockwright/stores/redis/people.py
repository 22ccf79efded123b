"""Who is present, on all nodes of one Redis: this node's people are kept alive there, those of others watched.

Who comes and goes is written by a thread, in order, as many at once as wait. A promise to one who came is kept when
the event has come round: then everybody knows.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any

from redis.exceptions import RedisError

from sockwright.stores import Presence, Unavailable
from sockwright.stores.memory import Followers
from sockwright.stores.redis.link import Link
from sockwright.stores.redis.scripts import ARRIVE, DEPART, PREFIX, SAY

# A node that was silent for so long has died with its people; how often it says that it lives, and looks at others.
EXPIRES = 6.0
BEAT = 1.0
# Who comes and goes that is written at once.
TOGETHER = 200

_LIFE = int(EXPIRES * 1000)
_Job = tuple[str, int | bytes, "Future[int] | None"]


class People:
    """Those present. `gone` is called when Redis does not answer, `suspect` when it has forgotten ours."""

    def __init__(
        self, link: Link, followers: Followers, gone: Callable[[Exception], None], suspect: Callable[[], None]
    ) -> None:
        self.node = uuid.uuid4().hex[:12]
        self._key = f"{PREFIX}node:{self.node}"
        self._link = link
        self._followers = followers
        self._gone = gone
        self._suspect = suspect
        self._lock = threading.RLock()  # guards what follows
        self._there: dict[int, Presence] = {}  # everybody, as told to followers
        self._ours: dict[int, bytes] = {}
        self._promised: dict[int, Future[int]] = {}
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()

    # -- what a store is asked

    def arrive(self, about: bytes) -> Future[int]:
        done: Future[int] = Future()
        if self._link.trouble or self._link.stop.is_set():
            done.set_exception(Unavailable(self._link.trouble or "it is closed"))
        else:
            self._jobs.put(("arrive", about, done))
        return done

    def depart(self, number: int) -> None:
        with self._lock:
            self._ours.pop(number, None)
        self._jobs.put(("depart", number, None))

    def present(self) -> Sequence[Presence]:
        found: list[Presence] = self._link.ask(self.everybody)
        return found

    def dismiss(self, number: int) -> bool:
        with self._lock:
            if number not in self._there:
                return False
        self._link.script(SAY, "dismiss", "", number)
        return True

    def everybody(self, client: Any) -> list[Presence]:
        """Return who is present according to Redis, by number. Raises: RedisError."""
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

    # -- the writing thread

    def write(self) -> None:
        """Write who comes and goes, in their order, as many at once as wait."""
        over = False
        while not over:
            job = self._jobs.get()
            jobs: list[_Job] = []
            while job is not None:
                jobs.append(job)
                try:
                    job = self._jobs.get_nowait() if len(jobs) < TOGETHER else None
                except Empty:
                    break
            else:
                over = len(jobs) < TOGETHER
            if jobs:
                self._write_together(jobs)

    def _write_together(self, jobs: Sequence[_Job]) -> None:
        try:
            pipe = self._link.quick.pipeline(transaction=False)
            for kind, what, _ in jobs:
                if kind == "arrive":
                    pipe.eval(ARRIVE, 1, PREFIX, self.node, what, _LIFE)
                else:
                    pipe.eval(DEPART, 1, PREFIX, self.node, what)
            results = pipe.execute()
        except RedisError as wrong:
            # Who left is not in `_ours` any more, and when Redis is back everybody compares.
            self._gone(wrong)
            for _, _, done in jobs:
                if done is not None:
                    done.set_exception(Unavailable(self._link.trouble))
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

    # -- what happens

    def tell(self, came: Sequence[Presence], went: Sequence[int]) -> None:
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

    def say_again(self, client: Any) -> None:
        """Say who is here: our node may have expired meanwhile, or Redis may have come back empty."""
        with self._lock:
            ours = dict(self._ours)
        pipe = client.pipeline()
        pipe.delete(self._key)
        if ours:
            pipe.hset(self._key, mapping={str(number): about for number, about in ours.items()})
            pipe.pexpire(self._key, _LIFE)
            pipe.sadd(PREFIX + "nodes", self.node)
            pipe.set(PREFIX + "number", max([*ours, int(client.get(PREFIX + "number") or 0)]))
        pipe.eval(SAY, 1, PREFIX, "node", self.node, 0)
        pipe.execute()

    def begin(self, present: Sequence[Presence]) -> None:
        """Take over who is there before anybody follows."""
        self._there = {one.number: one for one in present}

    def compare(self, present: Sequence[Presence]) -> None:
        """Tell followers how those present differ from what they were told."""
        there = {one.number for one in present}
        with self._lock:
            went = [number for number in self._there if number not in there]
        self.tell(present, went)

    def look_at(self, node: str) -> None:
        """Compare the people of one node: it came back, or expired."""
        people = self._link.quick.hgetall(f"{PREFIX}node:{node}")
        found = {int(number): Presence(int(number), node, about) for number, about in people.items()}
        with self._lock:
            went = [one.number for one in self._there.values() if one.node == node and one.number not in found]
        self.tell(list(found.values()), went)

    def keep_alive(self) -> None:
        """Say that we live, and look whether others do; once in a beat. Raises: RedisError."""
        with self._lock:
            others = {one.node for one in self._there.values()} - {self.node}
            some = bool(self._ours)
        client = self._link.quick
        if not client.pexpire(self._key, _LIFE) and some:
            self._suspect()
        for node in others:
            if not client.exists(f"{PREFIX}node:{node}"):
                client.srem(PREFIX + "nodes", node)
                self.look_at(node)

    def break_promises(self) -> None:
        """Tell those whose coming was not seen to be known that it is not."""
        with self._lock:
            broken, self._promised = list(self._promised.values()), {}
        for done in broken:
            done.set_exception(Unavailable(self._link.trouble))

    def leave(self) -> Sequence[int]:
        """Let all of ours depart, and end the writing thread; return who they were."""
        with self._lock:
            ours, self._ours = list(self._ours), {}
        for number in ours:
            self._jobs.put(("depart", number, None))
        self._jobs.put(None)
        return ours
