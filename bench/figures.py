"""What was measured, and what it says: medians, ratios, spreads, goals. Pure sums; nothing is started here.

A ratio is taken round by round, between two slices that were measured within the same few seconds, and the median
of these ratios counts. On a machine that others use too, this is the only figure that means something tomorrow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

Figures = Mapping[str, float]  # one slice of one contender: "rate", "p99_us", ...


@dataclass(frozen=True)
class Ratio:
    """How one contender did, measured by another: the median over the rounds, and how far the rounds are apart."""

    median: float
    least: float
    most: float


@dataclass(frozen=True)
class Goal:
    """A promise about a ratio: `of` reaches at least `least` times what `against` reaches.

    `against` is a contender's name, or a group written `best GROUP`: whoever of the group did best in this run.
    """

    of: str
    against: str
    least: float
    figure: str = "rate"
    loads: tuple[str, ...] = ()  # names of the loads it is promised for; none: for all

    def __str__(self) -> str:
        return f"{self.of} ≥ {self.least:g} × {self.against}"


@dataclass(frozen=True)
class Bound:
    """A promise about a figure itself: `of` needs at most `most` (`unit`)."""

    of: str
    most: float
    figure: str
    unit: str
    loads: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.of} ≤ {self.most:g} {self.unit}"


@dataclass(frozen=True)
class Verdict:
    """How a goal stands after a run: `reached` is None when it cannot be told, and `why` says why."""

    goal: Goal | Bound
    reached: float | None
    met: bool
    why: str = ""

    def __str__(self) -> str:
        if self.reached is None:
            return f"goal {self.goal}: cannot be told, {self.why}"
        what = f"{self.reached:.2f}" if isinstance(self.goal, Goal) else f"{self.reached:.3g} {self.goal.unit}"
        if self.met:
            return f"goal {self.goal}: reached {what}"
        wanted = self.goal.least if isinstance(self.goal, Goal) else self.goal.most
        return f"goal {self.goal}: SHORT by {abs(wanted - self.reached):.2g} ({what})"


@dataclass
class Outcome:
    """All that one load brought: for each contender, its figures round by round."""

    bench: str
    load: str
    yardstick: str
    figure: str  # the one that ratios are made of
    more_is_better: bool = True
    groups: dict[str, str] = field(default_factory=dict)  # contender -> group
    rounds: dict[str, list[Figures]] = field(default_factory=dict)  # contender -> a Figures per round
    skipped: dict[str, str] = field(default_factory=dict)  # contender -> why it is not in the table
    errors: list[str] = field(default_factory=list)

    def typical(self, name: str, figure: str | None = None) -> float | None:
        """Return the median over the rounds of a contender's figure, None where it was not measured."""
        values = [f[figure or self.figure] for f in self.rounds.get(name, ()) if (figure or self.figure) in f]
        return median(values) if values else None

    def ratio(self, of: str, against: str, figure: str | None = None) -> Ratio | None:
        """Return `of` measured by `against`, round by round; None when one of them is missing."""
        figure = figure or self.figure
        pairs = zip(self.rounds.get(of, ()), self.rounds.get(against, ()), strict=False)
        ratios = [a[figure] / b[figure] for a, b in pairs if figure in a and b.get(figure)]
        return Ratio(median(ratios), min(ratios), max(ratios)) if ratios else None

    def best(self, group: str) -> str | None:
        """Return the contender of a group whose median is best, None when nobody of the group is here."""
        known = {
            name: value
            for name, its_group in self.groups.items()
            if its_group == group and (value := self.typical(name)) is not None
        }
        if not known:
            return None
        return (max if self.more_is_better else min)(known, key=lambda name: known[name])

    def verdict(self, goal: Goal | Bound) -> Verdict:
        """Tell how a goal stands."""
        if goal.of not in self.rounds:
            return Verdict(goal, None, False, f"{goal.of} is not here")
        if isinstance(goal, Bound):
            reached = self.typical(goal.of, goal.figure)
            if reached is None:
                return Verdict(goal, None, False, f"{goal.figure} was not measured")
            return Verdict(goal, reached, reached <= goal.most)
        against = self.best(goal.against.removeprefix("best ")) if goal.against.startswith("best ") else goal.against
        ratio = self.ratio(goal.of, against, goal.figure) if against else None
        if ratio is None:
            return Verdict(goal, None, False, f"{goal.against} is not here")
        return Verdict(goal, ratio.median, ratio.median >= goal.least)

    def verdicts(self, goals: Sequence[Goal | Bound]) -> list[Verdict]:
        """Tell how those goals stand that are about this load."""
        return [self.verdict(goal) for goal in goals if not goal.loads or self.load in goal.loads]
