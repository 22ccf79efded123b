"""The frontier: which URL is asked next, so that all hosts are busy and none is pressed.

Pure: it is told what was found and how exchanges ended, with `now` (seconds of any clock that only goes forward),
and says what may be asked. It knows hosts and opaque items, no URLs and no verdicts.

    queue per host ──▶ ready ring over hosts ──▶ take()      a host is in the ring when it has something queued,
         ▲                    ▲                              is below its own limit and owes nobody a pause
         │                    └── sleepers: hosts with a pause (Retry-After, pace), by the time it ends
         └── late: second tries, by their earliest time; let in only when no first try can go on

A host is LIVE, DEAD (never answered two times over, or silent many times in a row: nothing is sent until nothing
else is left; then one item is its probe) or GONE (the probe failed too: what it had comes out of `given_up`).
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Iterable
from typing import Generic

from msgspec import Struct

from sockwright.links.courtesy import START, Host, Item, State
from sockwright.links.policy import Sign

TOTAL = 200  # exchanges under way at once
PER_HOST = 8  # of them to one host
PER_HOST_LOOPBACK = 32  # it is our own machine
SILENT_UNHEARD = 2  # time-outs after which a host that never answered is dead
SILENT_HEARD = 6  # time-outs in a row after which one that did answer is dead
LONG_PAUSE = 2.0  # seconds; a host that pauses longer does not hold up what waits for the end of the run


class Taken(Struct, Generic[Item], frozen=True):
    """An item whose turn it is."""

    item: Item
    host: str
    at: float


class Frontier(Generic[Item]):
    """All that waits to be asked."""

    def __init__(self, *, total: int = TOTAL) -> None:
        self.total = total
        self.under_way = 0
        self._hosts: dict[str, Host[Item]] = {}
        self._ring: deque[Host[Item]] = deque()
        self._sleepers: list[tuple[float, int, Host[Item]]] = []
        self._late: list[tuple[float, int, Host[Item], Item]] = []
        self._dead: list[Host[Item]] = []
        self._given_up: list[tuple[Item, object]] = []
        self._order = itertools.count()
        self._fresh = 0  # queued at live hosts that are not in a long pause
        self._waiting = 0  # all that has been added and not been taken

    def host(self, name: str, *, cap: int = PER_HOST, interval: float = 0.0, start: int = START) -> None:
        """Introduce a host: at most `cap` asks at once, `interval` seconds apart. Known hosts stay as they are."""
        if name not in self._hosts:
            self._hosts[name] = Host(name, max(1, cap), float(max(1, min(cap, start))), interval)

    def pace(self, name: str, interval: float) -> None:
        """Ask `name` at most every `interval` seconds from now on (robots.txt: Crawl-delay)."""
        host = self._hosts[name]
        host.interval = host.base_interval = max(host.interval, interval)

    def state(self, name: str) -> State:
        return self._hosts[name].state

    def limit(self, name: str) -> int:
        """Return how many asks `name` may have under way at present."""
        return int(self._hosts[name].limit)

    def __len__(self) -> int:
        """How many items are waiting."""
        return self._waiting

    @property
    def idle(self) -> bool:
        """Nothing waits, nothing is under way, nothing is to be given up."""
        return not (self._waiting or self.under_way or self._given_up)

    def add(self, item: Item, name: str, *, first: bool = False) -> None:
        """Queue `item` at the host `name`; `first` puts it in front of what is queued there."""
        host = self._hosts[name]
        if host.state is State.GONE:
            self._given_up.append((item, host.trouble))
            return
        self._waiting += 1
        if first:
            host.queue.appendleft(item)
        else:
            host.queue.append(item)
        if host.state is State.LIVE:
            if host.counted:
                self._fresh += 1
            self._ready(host)

    def later(self, item: Item, name: str, at: float) -> None:
        """Queue `item` for another try: at `at` at the earliest, and when first tries are through."""
        host = self._hosts[name]
        if host.state is not State.LIVE:  # it shares the fate of the host's probe
            self.add(item, name)
            return
        self._waiting += 1
        heapq.heappush(self._late, (at, next(self._order), host, item))

    def take(self, now: float) -> Taken[Item] | None:
        """Return the item to ask now, or None."""
        if self.under_way >= self.total:
            return None
        self._wake(now)
        while self._ring:
            host = self._ring.popleft()
            host.ringed = False
            if not host.willing:
                continue
            if host.next_at > now:
                self._sleep(host, now)
                continue
            item = host.queue.popleft()
            self._fresh -= 1
            return self._taken(host, item, now)
        if self._fresh == 0:
            return self._take_late(now)
        return None

    def wake_at(self) -> float | None:
        """Return when `take` is worth another call though nothing ended meanwhile; None: not before that."""
        if self.under_way >= self.total:
            return None
        times = []
        if self._sleepers:
            times.append(self._sleepers[0][0])
        if self._fresh == 0:
            if self._late:
                times.append(self._late[0][0])
            if any(not host.probing and host.queue for host in self._dead):
                times.append(0.0)
        return min(times, default=None)

    def ended(
        self,
        name: str,
        sign: Sign,
        now: float,
        *,
        begun: float,
        latency: float = 0.0,
        retry_after: float | None = None,
        trouble: object = None,
    ) -> None:
        """Note that an ask to `name` that was begun at `begun` has ended so.

        `latency` is the time to its first byte, 0 where there was none; `retry_after` seconds, None for not told;
        `trouble` is handed out by `given_up` with what cannot be asked for its sake.
        """
        host = self._hosts[name]
        host.under_way -= 1
        self.under_way -= 1
        match sign:
            case Sign.ANSWERED:
                self._heard(host)
                host.answered(begun, now, latency)
            case Sign.STRAINED:
                self._heard(host)
                host.cut(begun, now)
            case Sign.SLOW_DOWN:
                self._heard(host)
                if host.put_off(begun, now, retry_after):
                    host.state = State.DEAD
                    self._bury(host, trouble)
            case Sign.SILENT:
                host.silent += 1
                host.cut(begun, now)
                if host.probing and begun >= host.probe_at:
                    self._bury(host, trouble)
                elif host.silent >= (SILENT_HEARD if host.heard else SILENT_UNHEARD):
                    self._die(host, trouble)
            case Sign.NAMELESS:
                if host.probing and begun >= host.probe_at:
                    self._bury(host, trouble)
                elif not host.heard:
                    self._die(host, trouble)
            case Sign.FAILED:
                if host.state is State.DEAD:
                    self._revive(host)  # a quick no is no silence: asking on costs nothing
        self._ready(host)

    def suspect(self, name: str, trouble: object) -> None:
        """Take a host that never answered for dead after one time-out: what failed was asked for all its links."""
        host = self._hosts[name]
        if not host.heard and host.state is State.LIVE:
            self._die(host, trouble)

    def given_up(self) -> list[tuple[Item, object]]:
        """Return what cannot be asked any more, each with the trouble of its host."""
        gone, self._given_up = self._given_up, []
        return gone

    def drain(self) -> Iterable[Item]:
        """Empty the frontier and return what was never asked: the run is over."""
        items: list[Item] = [item for _, _, _, item in self._late]
        for host in self._hosts.values():
            items.extend(host.queue)
            host.queue.clear()
        items.extend(item for item, _ in self._given_up)
        self._late.clear()
        self._dead.clear()
        self._given_up.clear()
        self._fresh = self._waiting = 0
        return items

    # --- the ring -------------------------------------------------------------------------------------------------

    def _ready(self, host: Host[Item]) -> None:
        if not host.ringed and not host.asleep and host.willing:
            host.ringed = True
            self._ring.append(host)

    def _taken(self, host: Host[Item], item: Item, now: float) -> Taken[Item]:
        self._waiting -= 1
        self.under_way += 1
        host.taken(now)
        self._ready(host)
        return Taken(item, host.name, now)

    def _sleep(self, host: Host[Item], now: float) -> None:
        host.asleep = True
        heapq.heappush(self._sleepers, (host.next_at, next(self._order), host))
        if host.counted and host.next_at - now > LONG_PAUSE:
            host.counted = False
            self._fresh -= len(host.queue)

    def _wake(self, now: float) -> None:
        while self._sleepers and self._sleepers[0][0] <= now:
            host = heapq.heappop(self._sleepers)[2]
            host.asleep = False
            if not host.counted and host.state is State.LIVE:
                host.counted = True
                self._fresh += len(host.queue)
            self._ready(host)

    def _take_late(self, now: float) -> Taken[Item] | None:
        """Let in what waited for the end: second tries whose time has come, then the probes of dead hosts."""
        released = False
        while self._late and self._late[0][0] <= now:
            _, _, host, item = heapq.heappop(self._late)
            self._waiting -= 1
            self.add(item, host.name)
            released = True
        if released:
            return self.take(now)
        for host in self._dead:
            if host.queue and not host.probing:
                host.probing = True
                host.probe_at = now
                return self._taken(host, host.queue.popleft(), now)
        return None

    # --- what is learned of a host --------------------------------------------------------------------------------

    def _heard(self, host: Host[Item]) -> None:
        host.heard = True
        host.silent = 0
        if host.state is State.DEAD:
            self._revive(host)

    def _die(self, host: Host[Item], trouble: object) -> None:
        if host.state is not State.LIVE:
            return
        host.state = State.DEAD
        host.trouble = trouble
        if host.counted:
            host.counted = False
            self._fresh -= len(host.queue)
        self._dead.append(host)

    def _revive(self, host: Host[Item]) -> None:
        host.state = State.LIVE
        host.probing = False
        host.silent = 0
        self._dead.remove(host)
        if not host.asleep:
            host.counted = True
            self._fresh += len(host.queue)

    def _bury(self, host: Host[Item], trouble: object) -> None:
        host.state = State.GONE
        host.trouble = trouble
        if host.counted:
            host.counted = False
            self._fresh -= len(host.queue)
        if host in self._dead:
            self._dead.remove(host)
        self._waiting -= len(host.queue)
        self._given_up.extend((item, trouble) for item in host.queue)
        host.queue.clear()
