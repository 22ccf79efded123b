"""What may go wrong on the way: the list of faults, and how one is found by its name.

A family is a module with `KINDS`, and its line in `FAULTS`. Somebody else's fault comes by the entry point
`sockwright.faults`, whose value is a `Kind`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping

from sockwright.config import suggest
from sockwright.errors import ConfigError
from sockwright.faults.fault import Kind

# fault -> the module in this room that holds it
FAULTS: Mapping[str, str] = {
    "latency": "delay",
    "stall": "delay",
    "rate": "shape",
    "slice": "shape",
    "glue": "shape",
    "cut": "ending",
    "reset": "ending",
    "blackhole": "ending",
    "slow-close": "ending",
    "refuse": "ending",
    "slow-accept": "ending",
    "corrupt": "damage",
    "garbage": "damage",
    "loss": "datagram",
    "dup": "datagram",
    "reorder": "datagram",
    "status": "http",
    "fail-first": "http",
    "length": "http",
    "cut-body": "http",
    "bad-chunk": "http",
    "slow-headers": "http",
    "reject": "smtp",
    "greylist": "smtp",
    "late-banner": "smtp",
    "drop-at": "smtp",
}


def kind(name: str) -> Kind:
    """Return the fault called `name`.

    Raises: ConfigError with the nearest one.
    """
    if name in FAULTS:
        module = importlib.import_module(f"{__name__}.{FAULTS[name]}")
        found: Kind = next(one for one in module.KINDS if one.name == name)
        return found
    from importlib.metadata import entry_points  # 20 ms that a built-in name need not pay

    for entry in entry_points(group="sockwright.faults"):
        if entry.name == name:
            loaded = entry.load()
            if not isinstance(loaded, Kind):
                raise ConfigError(f"the installed fault {name!r} is no sockwright.faults.fault.Kind")
            return loaded
    raise ConfigError(f"there is no fault {name!r}.{suggest(name, FAULTS)}", cure=f"faults: {', '.join(FAULTS)}")
