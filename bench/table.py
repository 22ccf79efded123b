"""The table: ratios first, absolute figures as background, goals and whoever is missing below."""

from __future__ import annotations

from typing import Any

from bench.figures import Outcome, Verdict
from bench.race import Race


def number(value: float | None) -> str:
    """Return a figure with three or more significant digits, thousands apart."""
    if value is None:
        return "–"
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def rows(race: Race, outcome: Outcome) -> list[list[str]]:
    """Return the lines of a table, best ratio first; the spread is the least and the most of the rounds."""
    lines = []
    for name in outcome.rounds:
        ratio = outcome.ratio(name, outcome.yardstick)
        figures = [number(outcome.typical(name, figure)) for figure, _ in race.columns]
        share = f"{ratio.median:.2f}" if ratio else "–"
        spread = f"{ratio.least:.2f}–{ratio.most:.2f}" if ratio and name != outcome.yardstick else ""
        lines.append((ratio.median if ratio else 0.0, [name, share, spread, *figures]))
    lines.sort(key=lambda line: line[0], reverse=race.more_is_better)
    return [cells for _, cells in lines]


def aligned(heading: list[str], lines: list[list[str]]) -> list[str]:
    """Return lines of text: the first column to the left, the others to the right."""
    widths = [max(len(line[i]) for line in [heading, *lines]) for i in range(len(heading))]
    return [
        "  "
        + "  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True)))
        for line in [heading, *lines]
    ]


def text(race: Race, outcome: Outcome, rounds: int, seconds: float) -> str:
    """Return one load's table with its goals."""
    lines = [f"{race.name}: {race.about} · {outcome.load} · {rounds} rounds of {seconds:g} s"]
    if outcome.rounds:
        heading = ["", f"× {outcome.yardstick}", "spread", *(heading for _, heading in race.columns)]
        lines += [line.rstrip() for line in aligned(heading, rows(race, outcome))]
    lines += [f"  {verdict}" for verdict in outcome.verdicts(race.goals)]
    lines += [f"  not here: {name}: {why}" for name, why in outcome.skipped.items()]
    lines += [f"  ERROR {error}" for error in outcome.errors]
    return "\n".join(lines)


def as_json(race: Race, outcome: Outcome, rounds: int, seconds: float) -> dict[str, Any]:
    """Return the same as one JSON object."""
    contenders = {}
    for name in outcome.rounds:
        ratio = outcome.ratio(name, outcome.yardstick)
        contenders[name] = {
            "group": outcome.groups.get(name),
            "ratio": ratio and {"median": ratio.median, "least": ratio.least, "most": ratio.most},
            "rounds": [dict(figures) for figures in outcome.rounds[name]],
        }
    return {
        "bench": race.name,
        "load": outcome.load,
        "yardstick": outcome.yardstick,
        "figure": outcome.figure,
        "rounds": rounds,
        "seconds": seconds,
        "contenders": contenders,
        "goals": [verdict_json(verdict) for verdict in outcome.verdicts(race.goals)],
        "not_here": outcome.skipped,
        "errors": outcome.errors,
    }


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """Return how a goal stands as a JSON object."""
    return {"goal": str(verdict.goal), "reached": verdict.reached, "met": verdict.met, "why": verdict.why or None}
