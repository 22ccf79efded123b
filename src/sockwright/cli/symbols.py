"""`symbols`: the warm-up. Prints the symbol that was typed last without a stop, and switches at once."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sockwright.cli.keys import Keys

# Little at a time, often: what is on its way to the eye when a key is pressed is old, and must be little.
PACE = 0.02  # seconds
BURST = 16  # symbols

EXAMPLES = """\b
Nothing is printed before the first symbol; q ends, and so do Ctrl-D and Ctrl-C.
From a pipe each symbol is shown for a moment, and the end of the pipe ends.

\b
Examples:
  sockwright symbols
  printf 'abq' | sockwright symbols
  sockwright call tcp://:7019 -i      the same over a connection (sockwright up)
"""


@click.command("symbols", epilog=EXAMPLES)
def command() -> None:
    """Print the symbol typed last without a stop, until q."""
    from sockwright.cli.keys import Keys

    try:
        sys.stdin.fileno()
    except (AttributeError, ValueError, OSError):
        raise click.UsageError("Standard input is closed, and symbols come from there.") from None
    with Keys() as keys:
        printed = False
        try:
            printed = _print_symbols(keys)
        finally:
            if printed or sys.exc_info()[0] is not None:
                _end_line()


def _print_symbols(keys: Keys) -> bool:
    """Print until q or the end of input; return whether anything was printed."""
    import time

    symbol = ""
    waiting = ""  # symbols of a pipe that have not been shown yet
    over = False
    next_burst = 0.0
    while True:
        if not (waiting or over):
            text = keys.read(None if not symbol else max(next_burst - time.monotonic(), 0.0))
            if text is None:
                over = True
            elif keys.is_terminal:
                if "q" in text or "\x04" in text:
                    return bool(symbol)
                # Whoever types or pastes several wants the last one, now.
                latest = next((sign for sign in reversed(text) if sign.isprintable()), "")
                if latest and latest != symbol:
                    next_burst = 0.0
                symbol = latest or symbol
            else:
                waiting = "".join(sign for sign in text if sign.isprintable())
        if waiting:
            symbol, waiting = waiting[0], waiting[1:]
            next_burst = 0.0
            if symbol == "q":
                return True
        elif over:
            return bool(symbol)
        if symbol and time.monotonic() >= next_burst and _takes_more():
            os.write(sys.stdout.fileno(), (symbol * BURST).encode(errors="replace"))
            next_burst = time.monotonic() + PACE


def _takes_more() -> bool:
    """Tell whether standard output takes something now: a paused terminal must not keep us from the keys."""
    if sys.platform == "win32":
        return True
    import select

    return bool(select.select([], [sys.stdout.fileno()], [], 0.0)[1])


def _end_line() -> None:
    if sys.stdout.isatty():
        os.write(sys.stdout.fileno(), b"\n")
