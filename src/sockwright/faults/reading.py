"""How the values of faults are written: `200ms`, `8KB/s`, `3@10ms`, `20%`. ValueError says the right form."""

from __future__ import annotations

import re

from sockwright import config
from sockwright.faults.fault import Parameter

# The longest time that a fault may hold something up (seconds).
LONGEST = 3600.0


def a_duration(name: str, example: str, sign: str = "=", needed: bool = True) -> Parameter:
    """Return the parameter that `duration` reads."""
    return Parameter(name, "duration", example, sign, needed, 0, LONGEST)


def a_share(example: str = "20%", sign: str = ":", needed: bool = False) -> Parameter:
    """Return the parameter that `share` reads."""
    return Parameter("share", "share", example, sign, needed, 0, 1)


def a_size(name: str, example: str, sign: str = "=", needed: bool = True, least: float = 0) -> Parameter:
    """Return the parameter that `count` reads as bytes."""
    return Parameter(name, "bytes", example, sign, needed, least)


def duration(text: str, most: float = LONGEST) -> float:
    """Return seconds, at most `most`."""
    seconds = config.duration(text)
    if seconds > most:
        raise ValueError(f"{text} is longer than {config.duration_text(most)}")
    return seconds


def share(text: str) -> float:
    """Return `20%`, `0.1%` or `0.2` as a number from 0 to 1."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s*(%?)", text.strip())
    if not found:
        raise ValueError(f"{text!r} is not a share; write it like 20%, 0.1% or 0.2")
    value = float(found[1]) / (100 if found[2] else 1)
    if value > 1:
        raise ValueError(f"{text} is more than all; a share is at most 100%")
    return value


def rate(text: str) -> float:
    """Return `8KB/s`, `1MiB/s` or `256kbit/s` as bytes per second."""
    amount, slash, unit = text.strip().partition("/")
    if slash and unit.strip() != "s":
        raise ValueError(f"{text!r} is not a rate; write it like 8KB/s or 256kbit/s")
    bits = re.fullmatch(r"([0-9.]+)\s*([kKmMgG]?)bit", amount.strip())
    if bits:
        value = float(bits[1]) * {"": 1, "k": 1e3, "m": 1e6, "g": 1e9}[bits[2].lower()] / 8
    else:
        try:
            value = float(config.size(amount))
        except ValueError:
            raise ValueError(f"{text!r} is not a rate; write it like 8KB/s or 256kbit/s") from None
    if value < 1:
        raise ValueError(f"{text} is less than a byte a second")
    return value


def count(text: str, least: int = 0) -> int:
    """Return a number of bytes (or of whatever is counted): 100, 64KiB, 1MB."""
    value = config.size(text)
    if value < least:
        raise ValueError(f"{text} is too little; it is at least {least}")
    return value


def halves(text: str, sign: str) -> tuple[str, str]:
    """Return what stands before and behind `sign`, "" behind where there is none.

    Raises: ValueError where something should stand behind the sign and does not.
    """
    before, found, behind = text.partition(sign)
    if found and not behind.strip():
        raise ValueError(f"nothing stands behind {sign} in {text!r}")
    return before.strip(), behind.strip()


def needed(text: str, form: str) -> str:
    """Return `text`.

    Raises: ValueError where it is empty.
    """
    if not text.strip():
        raise ValueError(f"it needs a value; write it like {form}")
    return text.strip()


def nothing(text: str) -> None:
    """Raise ValueError where a value stands that means nothing."""
    if text.strip():
        raise ValueError(f"it takes no value, and {text!r} was given")
