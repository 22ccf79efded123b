"""What there is to break with, as plain data: for a page that makes a form of it, and for whoever scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sockwright.faults import FAULTS, kind
from sockwright.faults.fault import SPEECH, AtTheDoor, Kind, Parameter
from sockwright.faults.profiles import PROFILES

# What the numbers of a type count.
UNITS: Mapping[str, str] = {
    "duration": "seconds",
    "share": "share",
    "rate": "bytes/s",
    "bytes": "bytes",
    "count": "",
    "code": "",
    "choice": "",
    "text": "",
}


def catalogue() -> dict[str, Any]:
    """Return all faults and profiles; see `Breaking.do` for the shape."""
    return {
        "faults": [about(kind(name)) for name in FAULTS],
        "profiles": [
            {"name": one.name, "down": [*one.down], "up": [*one.up], "udp": [*one.udp], "source": one.source}
            for one in PROFILES.values()
        ],
    }


def about(fault: Kind) -> dict[str, Any]:
    """Return one fault as plain data."""
    example = compose(fault.name, [(one, one.example) for one in fault.parameters])
    at_the_door = isinstance(fault.read(example.partition("=")[2]), AtTheDoor)
    return {
        "name": fault.name,
        "form": fault.form,
        "about": fault.about,
        "example": example,
        "on": sorted(fault.on),
        "protocols": [*fault.protocols],
        "live": not at_the_door and fault.place != SPEECH,
        "directions": not at_the_door and fault.place != SPEECH,
        "parameters": [_parameter(one) for one in fault.parameters],
    }


def compose(name: str, given: Sequence[tuple[Parameter, str]]) -> str:
    """Return the text of a fault from its parameters' values; "" is one that is left out."""
    text = ""
    for one, value in reversed(given):
        if value or text:
            text = one.sign + value + text
    if text and not text.startswith("="):
        text = "=" + text
    return name + text


def _parameter(one: Parameter) -> dict[str, Any]:
    return {
        "name": one.name,
        "type": one.type,
        "unit": UNITS[one.type],
        "example": one.example,
        "sign": one.sign,
        "needed": one.needed,
        "least": one.least,
        "most": one.most,
        "choices": [*one.choices],
    }
