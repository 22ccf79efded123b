"""The sums behind the table: ratios round by round, the best of a group, goals."""

from __future__ import annotations

import pytest
from bench.figures import Bound, Goal, Outcome


def outcome(**rounds: list[float]) -> Outcome:
    """Return an outcome of the load `L` with these rates, round by round; `c` is the yardstick."""
    made = Outcome("b", "L", "c", "rate")
    for name, rates in rounds.items():
        made.rounds[name] = [{"rate": rate} for rate in rates]
        made.groups[name] = "python" if name.startswith("py") else "ours"
    return made


def test_a_ratio_is_taken_round_by_round() -> None:
    # The machine was three times slower in the second round: for both, so the ratio does not see it.
    ratio = outcome(c=[300, 100, 300], ours=[240, 80, 210]).ratio("ours", "c")
    assert ratio is not None
    assert (ratio.median, ratio.least, ratio.most) == (0.8, 0.7, 0.8)


def test_a_ratio_to_who_is_missing_is_none() -> None:
    assert outcome(c=[100]).ratio("ours", "c") is None
    assert outcome(ours=[100]).ratio("ours", "c") is None


def test_a_ratio_to_nothing_is_none_and_not_a_crash() -> None:
    assert outcome(c=[0], ours=[100]).ratio("ours", "c") is None


def test_the_best_of_a_group_is_by_its_median() -> None:
    found = outcome(py_slow=[1, 1, 900], py_quick=[50, 60, 70], ours=[500])
    assert found.best("python") == "py_quick"
    found.more_is_better = False
    assert found.best("python") == "py_slow"
    assert found.best("nobody") is None


@pytest.mark.parametrize(
    ("rate", "met", "text"),
    [(78.0, True, "goal ours ≥ 0.75 × c: reached 0.78"), (70.0, False, "goal ours ≥ 0.75 × c: SHORT by 0.05 (0.70)")],
)
def test_a_goal_is_told_honestly(rate: float, met: bool, text: str) -> None:
    verdict = outcome(c=[100], ours=[rate]).verdict(Goal("ours", "c", 0.75))
    assert verdict.met is met
    assert str(verdict) == text


def test_a_goal_against_the_best_of_a_group() -> None:
    assert outcome(py_a=[50], py_b=[90], ours=[100]).verdict(Goal("ours", "best python", 1.0)).met
    assert not outcome(py_a=[50], py_b=[110], ours=[100]).verdict(Goal("ours", "best python", 1.0)).met


def test_a_goal_that_cannot_be_told_says_why_and_is_not_met() -> None:
    for verdict in (
        outcome(c=[100]).verdict(Goal("ours", "c", 0.75)),
        outcome(ours=[100]).verdict(Goal("ours", "c", 0.75)),
        outcome(ours=[100]).verdict(Goal("ours", "best python", 1.0)),
    ):
        assert not verdict.met
        assert "cannot be told" in str(verdict)
        assert "is not here" in str(verdict)


def test_a_bound_is_about_the_figure_itself() -> None:
    made = outcome(ours=[1])
    made.rounds["ours"] = [{"rate": 1, "wait_s": wait} for wait in (0.2, 0.4, 9.0)]
    assert str(made.verdict(Bound("ours", 0.5, "wait_s", "s"))) == "goal ours ≤ 0.5 s: reached 0.4 s"
    assert str(made.verdict(Bound("ours", 0.3, "wait_s", "s"))) == "goal ours ≤ 0.3 s: SHORT by 0.1 (0.4 s)"
    assert made.verdict(Bound("ours", 1, "kib", "KiB")).reached is None


def test_a_goal_for_other_loads_is_left_out() -> None:
    made = outcome(c=[1], ours=[1])
    assert made.verdicts([Goal("ours", "c", 0.5, loads=("L",)), Goal("ours", "c", 2, loads=("M",))]) == [
        made.verdict(Goal("ours", "c", 0.5, loads=("L",)))
    ]
