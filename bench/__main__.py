"""The command line of the benches: `python -m bench [NAME...] [--seconds S] [--rounds N] [--json]`.

Ends with 0 also where a goal is short (a figure of a noisy machine is no test), with 1 on errors: wrong bytes, ours
did not start or broke connections off. With 2 when it cannot be measured here at all.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

if __package__ in {None, ""}:  # run as a file: what is imported below lies beside our folder, not in it
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from bench import table
from bench.catalogue import RACES
from bench.machine import described, raise_file_limit, stage
from bench.native import NoCompiler, compiler


def arguments(words: list[str] | None) -> argparse.Namespace:
    """Understand the command line."""
    parser = argparse.ArgumentParser("bench", description="Measure Sockwright against its peers, side by side.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(race.name for race in RACES))
    parser.add_argument("--seconds", type=float, help="length of a slice (default: the bench's own)")
    parser.add_argument("--rounds", type=int, help="how often everybody's turn comes (default: the bench's own)")
    parser.add_argument("--only", help="only contenders with this in their name, and the yardstick")
    parser.add_argument("--json", action="store_true", help="one JSON object per load on standard output")
    found = parser.parse_args(words)
    known = {race.name for race in RACES}
    if unknown := [name for name in found.names if name not in known]:
        parser.error(f"there is no bench {unknown[0]!r}; there are: {', '.join(sorted(known))}")
    if (found.rounds is not None and found.rounds < 1) or (found.seconds is not None and found.seconds <= 0):
        parser.error("--rounds is at least 1, --seconds above 0")
    return found


def say(what: str) -> None:
    """Show on a terminal what runs at the moment."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True)


def main(words: list[str] | None = None) -> int:
    """Run the benches and print their tables."""
    asked = arguments(words)
    try:
        compiler()
    except NoCompiler as missing:
        print(f"error: {missing}", file=sys.stderr)
        return 2
    raise_file_limit()
    errors = 0
    print(described(), file=sys.stderr if asked.json else sys.stdout, flush=True)
    for race in RACES:
        if asked.names and race.name not in asked.names:
            continue
        rounds, seconds = asked.rounds or race.rounds, asked.seconds or race.seconds
        with stage(seconds) as where:
            for outcome in race.narrowed(asked.only).run(where, rounds, say):
                say("")
                if asked.json:
                    print(json.dumps(table.as_json(race, outcome, rounds, seconds), ensure_ascii=False), flush=True)
                else:
                    print("\n" + table.text(race, outcome, rounds, seconds), flush=True)
                errors += len(outcome.errors)
    return 1 if errors else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except subprocess.CalledProcessError as broken:
        sys.exit(f"error: {broken}")
