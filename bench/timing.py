"""Whether faults keep their time: latency request by request, a rate over a whole download. Plain sockets in Python."""

from __future__ import annotations

import json
from collections.abc import Callable

from bench import ours
from bench.figures import Bound, Figures
from bench.machine import Stage
from bench.race import Contender, Load, LoadError, Race, python
from bench.tcp import PEERS

LATE = "sockwright, latency=20ms"
PROMPT = "sockwright, no fault"  # what the way there and back takes
BARE = "uvloop, call_later(20 ms)"  # how late the machine itself is
SLOW = "sockwright, rate=8MB/s"
DELAY = 0.020  # seconds
RATE = 8_000_000  # bytes a second
WAIT = 60.0  # seconds

Measure = Callable[[Contender, Stage], Figures]


def asked(kind: str, seconds: float, value: float) -> Measure:
    """Return what measures with the client in `peers/punctual.py`, on the load's core."""

    def measure(contender: Contender, stage: Stage) -> Figures:
        server = contender.start(stage)
        try:
            due = 0.0 if contender.name == PROMPT else value
            words = [str(PEERS / "punctual.py"), kind, str(server.port), f"{stage.seconds * seconds:g}", f"{due:g}"]
            done = stage.run(python(*words), WAIT)
        finally:
            server.stop()
        try:
            figures: Figures = json.loads(done.stdout)
        except ValueError:
            raise LoadError(f"the client ended with {done.returncode}: {done.stderr.strip()[-300:]}") from None
        return figures

    return measure


LATENCY = Race(
    "timing-latency",
    "requests under latency=20ms: how far from their time",
    (
        ours.serve(LATE, "tcp", "echo", "--fault", "latency=20ms"),
        Contender(
            BARE,
            lambda place: python(str(PEERS / "late_echo.py"), str(place.port), f"{DELAY:g}"),
            needs=("module:uvloop",),
        ),
        ours.serve(PROMPT, "tcp", "echo"),
    ),
    (Load("4 connections", asked("late", 5, DELAY)),),
    (Bound(LATE, 2.0, "p99_ms", "ms"),),
    LATE,
    figure="p99_ms",
    more_is_better=False,
    columns=(("p50_ms", "p50 ms"), ("p99_ms", "p99 ms"), ("count", "requests")),
    rounds=3,
)

RATED = Race(
    "timing-rate",
    "a download under rate=8MB/s: how far from its time",
    (ours.serve(SLOW, "tcp", "echo", "--fault", "rate=8MB/s"),),
    (Load("1 connection", asked("slow", 1, RATE)),),
    (Bound(SLOW, 5.0, "off_percent", "%"),),
    SLOW,
    figure="off_percent",
    more_is_better=False,
    columns=(("off_percent", "off by %"), ("MB_per_s", "MB/s")),
    rounds=3,
)
