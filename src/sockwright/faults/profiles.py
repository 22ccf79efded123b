"""Networks by name: what `--profile` means. Each is a few faults per direction, with the source of its numbers.

Figures are typical, not best: what a program should survive. `down` is to the client.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sockwright.config import suggest
from sockwright.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Profile:
    """Faults towards the client and towards the server, those for UDP alone, and where the numbers come from."""

    name: str
    down: Sequence[str]
    up: Sequence[str]
    udp: Sequence[str]
    source: str


_DEVTOOLS = "the throttling presets that browsers' developer tools used to carry"

PROFILES: Mapping[str, Profile] = {
    one.name: one
    for one in (
        Profile(
            "gprs",
            ("latency=250ms~80ms", "rate=50kbit/s"),
            ("latency=250ms~80ms", "rate=20kbit/s"),
            ("loss=2%",),
            _DEVTOOLS + ": GPRS, 50/20 kbit/s, 500 ms round trip",
        ),
        Profile(
            "edge",
            ("latency=200ms~60ms", "rate=240kbit/s"),
            ("latency=200ms~60ms", "rate=200kbit/s"),
            ("loss=1%",),
            "WebPageTest's connection profiles: 2G/EDGE, 240/200 kbit/s, 400 ms round trip more",
        ),
        Profile(
            "3g",
            ("latency=150ms~40ms", "rate=1600kbit/s"),
            ("latency=150ms~40ms", "rate=768kbit/s"),
            ("loss=0.5%",),
            "WebPageTest's connection profiles: 3G, 1.6 Mbit/s down, 768 kbit/s up, 300 ms round trip",
        ),
        Profile(
            "dsl",
            ("latency=25ms~3ms", "rate=1500kbit/s"),
            ("latency=25ms~3ms", "rate=384kbit/s"),
            ("loss=0.1%",),
            "WebPageTest's connection profiles: DSL, 1.5 Mbit/s down, 384 kbit/s up, 50 ms round trip",
        ),
        Profile(
            "wifi",
            ("latency=2ms~1ms", "rate=30Mbit/s"),
            ("latency=2ms~1ms", "rate=15Mbit/s"),
            ("loss=0.5%", "reorder=0.5%@10ms"),
            _DEVTOOLS + ": WiFi, 30/15 Mbit/s; jitter and loss added for a crowded room",
        ),
        Profile(
            "starlink",
            ("latency=20ms~10ms", "rate=100Mbit/s"),
            ("latency=20ms~10ms", "rate=10Mbit/s"),
            ("loss=1%",),
            "low-orbit satellites as operators state them: 25-60 ms round trip, 40-220 Mbit/s down, 8-25 up",
        ),
        Profile(
            "satellite",
            ("latency=300ms~20ms", "rate=10Mbit/s"),
            ("latency=300ms~20ms", "rate=1Mbit/s"),
            ("loss=0.5%",),
            "geostationary orbit: 35,786 km up and down twice at the speed of light is 480 ms, the rest is equipment",
        ),
        Profile(
            "train",
            ("latency=80ms~60ms", "rate=2Mbit/s", "stall=8s@500KB"),
            ("latency=80ms~60ms", "rate=1Mbit/s"),
            ("loss=5%", "reorder=2%"),
            "a guess of ours, modelled on a mobile network with tunnels: no standard exists",
        ),
    )
}


def profile(name: str) -> Profile:
    """Return the network called `name`.

    Raises: ConfigError with the nearest one.
    """
    if name not in PROFILES:
        raise ConfigError(
            f"there is no profile {name!r}.{suggest(name, PROFILES)}", cure=f"profiles: {', '.join(PROFILES)}"
        )
    return PROFILES[name]
