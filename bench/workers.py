"""A person's own function: what it costs that a plain `def` may block and so runs in a worker thread."""

from __future__ import annotations

from pathlib import Path

from bench import ours
from bench.figures import Goal
from bench.race import Race
from bench.tcp import YARDSTICK, ask

FUNCTIONS = Path(__file__).with_name("peers") / "lines.py"
WORKERS = "sockwright, plain def in workers"
INLINE = "sockwright, blocking=False, inline"

USERS = Race(
    "workers",
    "a user's function that returns its line, 64 bytes, one in flight per connection",
    (
        ours.serve(INLINE, "tcp", f"{FUNCTIONS}:repeat_inline"),
        ours.serve(WORKERS, "tcp", f"{FUNCTIONS}:repeat"),
        YARDSTICK,
    ),
    (ask(50),),
    (Goal(WORKERS, INLINE, 0.6),),
    INLINE,
)
