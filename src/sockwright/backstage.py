"""Backstage: threads beside the loop whose work is done in batches, and may wait for a good moment."""

from __future__ import annotations

import contextlib
import os
import threading

# Records that such a thread works on at once: the interpreter does one thing at a time, so meanwhile the loop stands
# still, 0.2 ms at this many. After them it gets the time to catch up (seconds): on a core that both share, to yield is
# not enough, since the system lets whoever computes go on for some milliseconds.
PIECE = 1_000
REST = 0.001


def stand_back() -> None:
    """Let this thread not push another aside when it is woken: it begins when the loop rests, or at the next tick.

    Where both share a core, a thread that is woken in the middle of the loop's turn costs the loop its caches and
    gets a small batch; a moment later it gets a larger one for the same price. Linux alone knows such threads
    (SCHED_BATCH, sched(7)); they lose nothing of their share of the core.
    """
    if hasattr(os, "SCHED_BATCH"):
        with contextlib.suppress(OSError):  # a sandbox may forbid it
            os.sched_setscheduler(threading.get_native_id(), os.SCHED_BATCH, os.sched_param(0))
