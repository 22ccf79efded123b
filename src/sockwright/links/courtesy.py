"""How one host is asked: how many at once and how far apart, learned from how it answers.

The limit grows while latency stays flat and is halved on strain, silence and refusals. A host that says "later"
(429, or 503 with Retry-After) is left alone for so long; what it had granted before is its pace from then on, since
the next refusal would cost a pause again. Pure: it is told what happened and when.
"""

from __future__ import annotations

import enum
from collections import deque
from typing import Generic, TypeVar

from sockwright.links.policy import RETRY_AFTER_MAX

Item = TypeVar("Item")

START = 10  # a host's limit before it has shown anything, if its cap is not below that
REFUSALS_MAX = 5  # times in a row a host may say "later" with nothing granted between
FLAT = 2.0  # latency up to this multiple of the best seen is "flat"
FLAT_FLOOR = 0.05  # seconds; below it differences are ours, not the host's
PACE_MARGIN = 1.2  # slower than what a host has granted, since the next refusal costs a pause again
PACE_MAX = 10.0  # seconds between two asks that are learned at most


class State(enum.Enum):
    LIVE = "live"
    DEAD = "dead"
    GONE = "gone"


class Host(Generic[Item]):
    """One host: what waits for it, whether it lives, and how it wants to be asked."""

    __slots__ = (
        "asleep",
        "base_interval",
        "best",
        "cap",
        "counted",
        "cut_at",
        "granted",
        "heard",
        "hint_granted",
        "hint_span",
        "interval",
        "last_second",
        "learned",
        "limit",
        "name",
        "next_at",
        "probe_at",
        "probing",
        "queue",
        "refusals",
        "refused_in_a_row",
        "ringed",
        "second_at",
        "silent",
        "slow_start",
        "state",
        "this_second",
        "trouble",
        "under_way",
        "window_at",
    )

    def __init__(self, name: str, cap: int, start: float, interval: float) -> None:
        self.name = name
        self.cap = cap
        self.limit = start
        self.slow_start = True  # the limit grows by one per answer, after the first trouble by one per round
        self.queue: deque[Item] = deque()
        self.under_way = 0
        self.state = State.LIVE
        self.probing = False
        self.probe_at = 0.0
        self.heard = False  # it has answered at least once
        self.silent = 0  # time-outs since it last answered
        self.refusals = 0  # pauses it has asked for since it last granted anything
        self.refused_in_a_row = 0  # asks it has put off since then
        self.granted = 0  # answers since `window_at`, to learn the pace it allows
        self.window_at = 0.0
        self.cut_at = -1.0  # when the limit was last cut: asks begun before do not cut it again
        self.interval = interval  # least seconds between two asks
        self.base_interval = interval  # of it, what was set and not learned
        self.learned = False
        self.second_at = 0.0  # answers of this second and the one before, roughly
        self.this_second = 0
        self.last_second = 0
        self.hint_granted = 0  # what it granted in the `hint_span` seconds before its last refusal
        self.hint_span = 0.0
        self.next_at = 0.0  # nothing is asked before
        self.best = 0.0  # lowest latency seen
        self.ringed = False
        self.asleep = False  # in the sleepers
        self.counted = True  # its queue is part of the frontier's `_fresh`
        self.trouble: object = None  # what made it dead

    @property
    def willing(self) -> bool:
        """It has something queued, lives, and may be asked more at once than it is."""
        return bool(self.queue) and self.state is State.LIVE and self.under_way < int(self.limit)

    def taken(self, now: float) -> None:
        """Note that it is asked for one more item."""
        self.under_way += 1
        if self.hint_granted:
            self._learn_pace()
        if self.interval:
            # Who comes late by less than half an interval keeps the beat, so that small delays do not add up.
            self.next_at = max(self.next_at, now - self.interval / 2) + self.interval
        if not self.window_at:
            self.window_at = now

    def answered(self, begun: float, now: float, latency: float) -> None:
        """Note an answer to what was asked at `begun`, whose first byte took `latency` seconds (0: not known)."""
        if begun < self.cut_at and self.refused_in_a_row:
            self.hint_granted += 1  # granted before the refusal, and only told after it
            return
        self.refusals = self.refused_in_a_row = 0
        self._count(now)
        if self.learned and self.granted % 50 == 0:
            self.interval = max(self.base_interval, self.interval * 0.8)
        if latency <= 0:
            return
        if not self.best or latency < self.best:
            self.best = latency
        if latency > max(FLAT * self.best, self.best + FLAT_FLOOR):
            self.slow_start = False
        elif self.limit < self.cap:
            self.limit = min(float(self.cap), self.limit + (1.0 if self.slow_start else 1.0 / self.limit))

    def cut(self, begun: float, now: float) -> None:
        """Halve the limit, once for all that was under way when it was halved last."""
        if begun >= self.cut_at:
            self.limit = max(1.0, self.limit / 2)
            self.slow_start = False
            self.cut_at = now

    def put_off(self, begun: float, now: float, retry_after: float | None) -> bool:
        """Note that it wants to be asked later; tell whether it says so too often to be asked again."""
        self.refused_in_a_row += 1
        known = begun < self.cut_at  # sent before we could know: tells nothing new but the time
        if not known:
            self.refusals += 1
        self.cut(begun, now)
        if self.refusals > REFUSALS_MAX:
            return True
        wait = min(2.0 ** (self.refusals - 1), 30.0) if retry_after is None else retry_after
        if wait > RETRY_AFTER_MAX:
            return False  # no run waits that long; the URL gets its verdict, and the host is judged by its others
        self.next_at = max(self.next_at, now + wait)
        if not known:
            self.hint_span = max(wait, 1.0)
            self.hint_granted = self._granted_within(self.hint_span, now)
            self.granted = 0
            self.window_at = 0.0
        return False

    def _learn_pace(self) -> None:
        """After a pause that more than one URL was refused for: keep to what it had granted until then."""
        if self.refused_in_a_row > 1 and self.hint_granted:
            pace = PACE_MARGIN * self.hint_span / self.hint_granted
            self.interval = max(self.interval, min(pace, PACE_MAX))
            self.learned = True
        self.hint_granted = 0

    def _count(self, now: float) -> None:
        """Count an answer."""
        self.granted += 1
        if now - self.second_at >= 1.0:
            self.last_second = self.this_second if now - self.second_at < 2.0 else 0
            self.this_second = 0
            self.second_at = now
        self.this_second += 1

    def _granted_within(self, span: float, now: float) -> int:
        """Return about how many answers came in the last `span` seconds (at least 1), since the last refusal."""
        elapsed = now - self.window_at
        if elapsed <= span:
            return self.granted
        if span > 1.0:
            return round(self.granted * span / elapsed)
        gone = min(1.0, now - self.second_at)
        return min(self.granted, self.this_second + round(self.last_second * (1.0 - gone)))
