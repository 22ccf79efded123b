"""Faults that are set and do not fire: what they cost, beside ours without any. Ours twice shows the noise."""

from __future__ import annotations

from bench import ours, smtp
from bench.figures import Goal
from bench.race import Ask, Load, Race
from bench.tcp import ask

PLAIN = "no fault"
NEVER = "1000000GB"  # nobody sends so much

ECHO = {
    "no fault, the same again": (),
    "healed": ("--fault", "latency=1s", "--for", "10ms"),
    "cut=1000000GB": ("--fault", f"cut={NEVER}"),
    "cut=1000000GB --up": ("--fault", f"cut={NEVER}", "--up"),
    "stall, garbage, reset, both ways": (
        *("--fault", f"stall=1s@{NEVER}", "--fault", f"garbage=9@{NEVER}", "--fault", f"reset={NEVER}"),
        *("--up", "--down"),
    ),
    "corrupt=0%": ("--fault", "corrupt=0%"),
    "latency=1s on others": ("--fault", "latency=1s", "--rate", "0.00001%"),
}
HELLO = {
    "no fault, the same again": (),
    "status=503:0%": ("--fault", "status=503:0%"),
    "status=503:0.0000001%": ("--fault", "status=503:0.00001%"),
    "cut=1000000GB --up --down": ("--fault", f"cut={NEVER}", "--up", "--down"),
    "latency=1s on others": ("--fault", "latency=1s", "--rate", "0.00001%"),
}

MAIL = {
    "no fault, the same again": (),
    "reject=rcpt:550:0.0000001%": ("--fault", "reject=rcpt:550:0.0000001%"),
    "drop-at=HELP": ("--fault", "drop-at=HELP"),
}


def goals(names: dict[str, tuple[str, ...]]) -> tuple[Goal, ...]:
    """Return the goals: less than a tenth for what does not fire."""
    return tuple(Goal(name, PLAIN, 0.9) for name in names)


CALM = Race(
    "calm",
    "echo, 64 bytes, behind faults that do not fire",
    (ours.serve(PLAIN, "tcp", "echo"), *(ours.serve(name, "tcp", "echo", *words) for name, words in ECHO.items())),
    (ask(50), ask(500)),
    goals(ECHO),
    PLAIN,
)

CALM_HTTP = Race(
    "calm-http",
    "hello, kept connections, behind faults that do not fire",
    (ours.serve(PLAIN, "http", "hello"), *(ours.serve(name, "http", "hello", *words) for name, words in HELLO.items())),
    (Load("50 connections", Ask("http_load", ("--connections", "50", "--holds", "Hello World!"))),),
    goals(HELLO),
    PLAIN,
    loss_is_error=False,  # a server may close after an answer; opening anew is paid for in the rate
)

FORGETS = ("--mailbox", "memory")
CALM_SMTP = Race(
    "calm-smtp",
    "mails of 1 KiB, behind faults that do not fire",
    (
        ours.serve(PLAIN, "smtp", "mailsink", *FORGETS),
        *(ours.serve(name, "smtp", "mailsink", *FORGETS, *words) for name, words in MAIL.items()),
    ),
    (smtp.sending(1024, "-d"),),
    goals(MAIL),
    PLAIN,
    columns=smtp.SMTP.columns,
)
