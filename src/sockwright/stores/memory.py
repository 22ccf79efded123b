"""The store that forgets: it is all in this process. The store in a file takes from it who is present."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future

from sockwright.stores import Change, Follower, Presence, Stale

HERE = "here"  # the node of all who are present, where there is but one


class Followers:
    """Who is told. Used from any thread; each is told by whoever made it happen, in its order."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._followers: list[Follower] = []

    def add(self, follower: Follower) -> Callable[[], None]:
        """Tell `follower` from now on; return how to stop that."""
        with self._lock:
            self._followers.append(follower)

        def stop() -> None:
            with self._lock:
                if follower in self._followers:
                    self._followers.remove(follower)

        return stop

    def tell(self, how: Callable[[Follower], None]) -> None:
        """Let `how` tell each follower, one event after the other."""
        with self._lock:
            for follower in tuple(self._followers):
                how(follower)


class Attendance:
    """Who is present in this one process."""

    def __init__(self, followers: Followers) -> None:
        self._followers = followers
        self._numbers = itertools.count(1)
        self._present: dict[int, Presence] = {}

    def arrive(self, about: bytes) -> Future[int]:
        number = next(self._numbers)
        came = Presence(number, HERE, about)
        self._present[number] = came
        self._followers.tell(lambda follower: follower.arrived((came,)))
        done: Future[int] = Future()
        done.set_result(number)
        return done

    def depart(self, number: int) -> None:
        if self._present.pop(number, None) is not None:
            self._followers.tell(lambda follower: follower.departed((number,)))

    def present(self) -> Sequence[Presence]:
        return list(self._present.values())

    def dismiss(self, number: int) -> bool:
        if number not in self._present:
            return False
        self._followers.tell(lambda follower: follower.dismissed(number))
        return True


class MemoryStore:
    """Tables as dictionaries, under one lock."""

    url = "memory"
    warning = ""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._revision = 0
        self._tables: dict[str, tuple[int, dict[bytes, bytes]]] = {}
        self._followers = Followers()
        self.attendance = Attendance(self._followers)
        self.arrive = self.attendance.arrive
        self.depart = self.attendance.depart
        self.present = self.attendance.present
        self.dismiss = self.attendance.dismiss
        self.follow = self._followers.add

    @property
    def fresh(self) -> bool:
        return self._revision == 0

    def tables(self) -> Mapping[str, int]:
        with self._lock:
            return {name: len(entries) for name, (_, entries) in self._tables.items()}

    def read(self, table: str) -> tuple[int, dict[bytes, bytes]]:
        with self._lock:
            revision, entries = self._tables.get(table, (0, {}))
            return revision, dict(entries)

    def change(
        self,
        table: str,
        put: Mapping[bytes, bytes] = {},
        drop: Sequence[bytes] = (),
        *,
        replace: bool = False,
        expect: int | None = None,
    ) -> int:
        with self._lock:
            was, entries = self._tables.get(table, (0, {}))
            if expect is not None and expect != was:
                raise Stale(table)
            self._revision += 1
            entries = {} if replace else entries
            for key in drop:
                entries.pop(key, None)
            entries.update(put)
            self._tables[table] = (self._revision, entries)
            change = Change(table, self._revision, dict(put), tuple(drop), whole=replace)
        self._followers.tell(lambda follower: follower.changed((change,)))
        return change.revision

    def remove(self, table: str) -> bool:
        with self._lock:
            if self._tables.pop(table, None) is None:
                return False
            self._revision += 1
            change = Change(table, self._revision, whole=True, gone=True)
        self._followers.tell(lambda follower: follower.changed((change,)))
        return True

    def close(self) -> None:
        for one in self.attendance.present():
            self.depart(one.number)


def open_store(url: str) -> MemoryStore:
    return MemoryStore()
