"""The frontier, played through with a clock of our own: no sockets, no waiting."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from sockwright.links.courtesy import START, State
from sockwright.links.frontier import Frontier
from sockwright.links.policy import Sign

# What a host does with an item asked at `now`: (seconds it takes, sign, Retry-After, may it be tried again)
Reply = tuple[float, Sign, float | None, bool]


@dataclass
class World:
    """Hosts that answer as told, a clock that jumps to the next event, and a list of what was asked when."""

    frontier: Frontier[tuple[str, int]]
    hosts: dict[str, Callable[[int, float], Reply]]
    now: float = 0.0
    asked: list[tuple[float, str, int]] = field(default_factory=list)
    done: list[tuple[float, str, int]] = field(default_factory=list)
    lost: list[tuple[float, str, int]] = field(default_factory=list)
    most: dict[str, int] = field(default_factory=dict)

    def run(self) -> float:
        """Play until nothing is left; return the time it took."""
        under_way: list[tuple[float, int, str, int, float, Reply]] = []
        order = itertools.count()
        for _ in range(100_000):
            while taken := self.frontier.take(self.now):
                host, number = taken.item
                self.asked.append((self.now, host, number))
                reply = self.hosts[host](number, self.now)
                heapq.heappush(under_way, (self.now + reply[0], next(order), host, number, self.now, reply))
                busy = sum(1 for one in under_way if one[2] == host)
                self.most[host] = max(busy, self.most.get(host, 0))
            self.lost += [(self.now, *item) for item, _ in self.frontier.given_up()]
            wake = self.frontier.wake_at()
            if under_way and (wake is None or under_way[0][0] <= wake):
                at, _, host, number, begun, (_, sign, retry_after, again) = heapq.heappop(under_way)
                self.now = max(self.now, at)
                self.frontier.ended(
                    host, sign, self.now, begun=begun, latency=at - begun, retry_after=retry_after, trouble=sign
                )
                if not again:
                    self.done.append((self.now, host, number))
                elif sign is Sign.SLOW_DOWN:
                    self.frontier.add((host, number), host)
                else:
                    self.frontier.later((host, number), host, self.now + 0.5)
            elif wake is not None:
                self.now = max(self.now, wake)
            else:
                assert self.frontier.idle
                return self.now
        raise AssertionError("the run does not end")


def world(total: int = 200, **hosts: Callable[[int, float], Reply]) -> World:
    return World(Frontier(total=total), hosts)


def fill(world: World, host: str, count: int, *, cap: int = 10, interval: float = 0.0) -> None:
    world.frontier.host(host, cap=cap, interval=interval)
    for number in range(count):
        world.frontier.add((host, number), host)


def good(latency: float) -> Callable[[int, float], Reply]:
    return lambda _number, _now: (latency, Sign.ANSWERED, None, False)


def test_slow_hosts_do_not_hold_up_each_other() -> None:
    play = world(a=good(0.5), b=good(0.5), c=good(0.5), d=good(0.5))
    for host in "abcd":  # all of one host's links stand in a row
        fill(play, host, 100)
    assert play.run() <= 1.1 * (100 / 10 * 0.5)
    assert len(play.done) == 400
    assert max(play.most.values()) == 10


def test_one_slow_host_among_quick_ones_gets_only_its_own_share() -> None:
    play = world(slow=good(2.0), quick=good(0.01))
    fill(play, "slow", 20)
    fill(play, "quick", 500)
    play.run()
    assert max(at for at, host, _ in play.done if host == "quick") < 1.0


def test_the_total_is_never_exceeded() -> None:
    play = world(total=7, a=good(0.1), b=good(0.1))
    fill(play, "a", 20)
    fill(play, "b", 20)
    play.run()
    assert max(play.most["a"], play.most["b"]) <= 7
    assert len(play.done) == 40


def test_a_high_limit_is_grown_into_while_latency_stays_flat() -> None:
    play = world(a=good(0.05))
    fill(play, "a", 2400, cap=100)
    assert play.run() <= 1.5 * (2400 * 0.05 / 100)
    assert play.frontier.limit("a") == 100


def test_a_host_that_gets_slower_under_load_is_not_pressed_further() -> None:
    busy: list[float] = []

    def strained(_number: int, now: float) -> Reply:
        busy[:] = [until for until in busy if until > now]
        latency = 0.1 if len(busy) < 20 else 0.1 + 0.05 * (len(busy) - 20)
        busy.append(now + latency)
        return latency, Sign.ANSWERED, None, False

    play = world(a=strained)
    fill(play, "a", 500, cap=100)
    play.run()
    assert 15 < play.most["a"] < 80


def dead(timeout: float = 2.0) -> Callable[[int, float], Reply]:
    return lambda number, now: (timeout, Sign.SILENT, None, True)


def test_a_dead_host_costs_two_time_outs_and_holds_up_nobody() -> None:
    play = world(x=dead(), y=dead(), z=dead(), fine=good(0.01))
    for host in "xyz":
        fill(play, host, 20, cap=8)
    fill(play, "fine", 1000)
    assert play.run() <= 4.1
    assert len(play.lost) == 60
    assert {host: sum(1 for _, asked, _ in play.asked if asked == host) for host in "xyz"} == dict.fromkeys("xyz", 9)
    assert max(at for at, _, _ in play.done) < 2.0


def test_a_host_that_comes_back_is_asked_for_all_of_it() -> None:
    play = world(x=lambda number, now: (2.0, Sign.SILENT, None, True) if now < 1 else (0.1, Sign.ANSWERED, None, False))
    fill(play, "x", 20, cap=4)
    play.run()
    assert sorted(number for _, _, number in play.done) == list(range(20))
    assert not play.lost


def test_a_suspect_is_asked_once_more_at_the_end_only() -> None:
    play = world(x=dead(), fine=good(0.1))
    fill(play, "fine", 100, cap=1)
    play.frontier.host("x", cap=8)
    play.frontier.suspect("x", "robots.txt timed out")
    fill(play, "x", 20, cap=8)
    play.run()
    assert [round(at) for at, host, _ in play.asked if host == "x"] == [10]
    assert len(play.lost) == 20 - 1 + 1  # the probe itself, and what hung on it


def test_single_hanging_urls_of_a_living_host_kill_nobody_else() -> None:
    play = world(
        a=lambda number, now: (
            (2.0 if number % 10 == 0 else 0.1,)
            + ((Sign.SILENT, None, False) if number % 10 == 0 else (Sign.ANSWERED, None, False))
        )
    )
    fill(play, "a", 100, cap=8)
    play.run()
    assert len(play.done) == 100
    assert play.frontier.state("a") is State.LIVE


def test_a_name_without_address_is_looked_up_twice_at_most_after_the_first_round() -> None:
    play = world(x=lambda number, now: (0.1, Sign.NAMELESS, None, False))
    fill(play, "x", 100, cap=4)
    play.run()
    assert len(play.asked) == 5
    assert len(play.lost) == 95


def limited(rate: int, seen: list[float], *, window: float = 1.0) -> Callable[[int, float], Reply]:
    """A host that grants `rate` asks in a window of a second, and counts who comes too early."""
    granted: list[float] = []
    shut = [0.0]

    def answer(_number: int, now: float) -> Reply:
        if now < shut[0] - 1e-9:
            seen.append(now)
        granted[:] = [at for at in granted if at > now - window]
        if len(granted) < rate:
            granted.append(now)
            return 0.002, Sign.ANSWERED, None, False
        shut[0] = now + 1.0
        return 0.002, Sign.SLOW_DOWN, 1.0, True

    return answer


def test_retry_after_is_obeyed_and_its_pace_is_learned() -> None:
    early: list[float] = []
    play = world(a=limited(10, early))
    fill(play, "a", 60)
    assert play.run() <= 8.0
    assert len(play.done) == 60
    # Only what was under way when the first refusal came is "early"; after that nothing is.
    assert all(at < 0.1 for at in early)


def test_retry_after_parks_that_host_alone() -> None:
    play = world(
        a=lambda number, now: (0.01, Sign.SLOW_DOWN, 30.0, True) if now < 30 else (0.01, Sign.ANSWERED, None, False),
        b=good(0.01),
    )
    fill(play, "a", 5)
    fill(play, "b", 100)
    play.run()
    assert max(at for at, host, _ in play.done if host == "b") < 1
    assert min(at for at, host, _ in play.asked if host == "a" and at > 1) >= 30
    assert len(play.done) == 105


def test_one_url_that_is_always_put_off_leaves_the_others_their_turn() -> None:
    tries = [0]

    def answer(number: int, now: float) -> Reply:
        if number != 0:
            return 0.01, Sign.ANSWERED, None, False
        tries[0] += 1
        return 0.01, Sign.SLOW_DOWN, 1.0, tries[0] < 4

    play = world(a=answer)
    fill(play, "a", 50, cap=1)
    assert play.run() < 10
    assert len(play.done) == 50


def test_who_only_ever_says_later_is_given_up() -> None:
    play = world(a=lambda number, now: (0.01, Sign.SLOW_DOWN, 1.0, True))
    fill(play, "a", 50)
    assert play.run() < 20
    assert len(play.lost) == 50
    assert len(play.asked) < 30


@pytest.mark.parametrize("wished", [-1.0, 0.0])
def test_no_pause_does_not_mean_no_end(wished: float) -> None:
    play = world(a=lambda number, now: (0.001, Sign.SLOW_DOWN, None if wished < 0 else wished, True))
    fill(play, "a", 20)
    play.run()
    assert len(play.asked) < 40


def test_second_tries_come_when_first_tries_are_through() -> None:
    tried: dict[int, list[float]] = {}

    def answer(number: int, now: float) -> Reply:
        tried.setdefault(number, []).append(now)
        bad = number == 0 and len(tried[0]) == 1
        return 0.05, Sign.FAILED if bad else Sign.ANSWERED, None, bad

    play = world(a=answer)
    fill(play, "a", 1000, cap=5)
    took = play.run()
    assert tried[0][1] >= took - 0.2
    assert len(play.done) == 1000


def test_a_pace_is_kept() -> None:
    play = world(a=good(0.01))
    fill(play, "a", 10, cap=4, interval=0.5)
    play.run()
    times = [at for at, _, _ in play.asked]
    assert all(later - earlier >= 0.25 for earlier, later in itertools.pairwise(times))


def test_what_is_drained_is_all_that_was_never_asked() -> None:
    play = world(a=good(1.0))
    fill(play, "a", 50, cap=4)
    taken = [play.frontier.take(0.0) for _ in range(4)]
    assert all(taken)
    assert play.frontier.take(0.0) is None
    assert len(list(play.frontier.drain())) == 46
    assert len(play.frontier) == 0


def test_strain_halves_the_limit_once_per_round() -> None:
    frontier: Frontier[int] = Frontier()
    frontier.host("a", cap=8)
    for number in range(8):
        frontier.add(number, "a")
    begun = [taken.at for _ in range(8) if (taken := frontier.take(0.0))]
    assert len(begun) == 8
    for at in begun:
        frontier.ended("a", Sign.STRAINED, 1.0, begun=at)
    assert frontier.limit("a") == 4


def test_the_start_is_small() -> None:
    frontier: Frontier[int] = Frontier()
    frontier.host("a", cap=100)
    for number in range(100):
        frontier.add(number, "a")
    assert sum(1 for _ in range(100) if frontier.take(0.0)) == START
