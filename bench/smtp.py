"""Mail: ten sessions of postfix's smtp-source to its smtp-sink, to aiosmtpd and to ours, which keeps all on disk."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from bench import ours
from bench.figures import Figures, Goal
from bench.machine import Stage, cpu_seconds
from bench.race import Contender, Load, LoadError, Place, Race, python, standing

PEERS = Path(__file__).with_name("peers")
SINK = "postfix smtp-sink"
AIOSMTPD = "aiosmtpd, throws away"
OURS = "sockwright, keeps all"
FORGETS = "sockwright, in memory"
SESSIONS = 10
BATCH = 1000  # mails that one run of smtp-source sends


def found(program: str) -> str:
    """Return the path of a program of postfix, which Debian puts where only root looks."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin") or program


def sink(place: Place) -> Sequence[str]:
    """Return the yardstick's command."""
    drop = ["-u", "nobody"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []  # it does not run as root
    return [found("smtp-sink"), *drop, f"inet:127.0.0.1:{place.port}", "1000"]


def sending(size: int, *options: str) -> Load:
    """Return the load of ten sessions that send mails of `size` bytes."""

    def measure(contender: Contender, stage: Stage) -> Figures:
        server = standing(contender, stage)
        words = [found("smtp-source"), "-s", str(SESSIONS), "-m", str(BATCH), "-l", str(size), *options]
        words += ["-f", "ann@example.org", "-t", "bob@example.org", f"inet:127.0.0.1:{server.port}"]
        before = cpu_seconds(server.pid)
        start = time.perf_counter()
        sent = 0
        while (spent := time.perf_counter() - start) < stage.seconds:
            done = stage.run(words, 60)
            if done.returncode:
                raise LoadError(f"smtp-source ended with {done.returncode}: {done.stderr[-300:]}")
            sent += BATCH
        after = cpu_seconds(server.pid)
        cpu = (after - before) / sent * 1e6 if before is not None and after is not None else 0.0
        return {"rate": sent / spent, "messages": float(sent), "seconds": spent, "cpu_us": cpu}

    name = "kept sessions" if "-d" in options else "a session per mail"
    return Load(f"{name}, {size // 1024} KiB", measure)


SMTP = Race(
    "smtp",
    f"{SESSIONS} sessions of smtp-source",
    (
        Contender(SINK, sink, "yardstick", (found("smtp-sink"), found("smtp-source"))),
        ours.serve(OURS, "smtp", "mailsink"),
        ours.serve(FORGETS, "smtp", "mailsink", "--mailbox", "memory", "--no-journal"),
        Contender(
            AIOSMTPD,
            lambda place: python(str(PEERS / "smtp_aiosmtpd.py"), str(place.port)),
            "python",
            ("module:aiosmtpd",),
        ),
    ),
    (sending(1024, "-d"), sending(1024), sending(100 * 1024, "-d")),
    (Goal(OURS, SINK, 0.8), Goal(OURS, AIOSMTPD, 4.0)),
    SINK,
    columns=(("rate", "mails/s"), ("cpu_us", "CPU µs")),
)
