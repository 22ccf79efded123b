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


_FIREFOX = "Firefox's developer tools, network throttling: "
_WPT = "WebPageTest, settings/connectivity.ini: "

PROFILES: Mapping[str, Profile] = {
    one.name: one
    for one in (
        Profile(
            "gprs",
            ("latency=250ms~80ms", "rate=50kbit/s"),
            ("latency=250ms~80ms", "rate=20kbit/s"),
            ("loss=2%",),
            _FIREFOX + "GPRS, 50/20 kbit/s, 500 ms; jitter and loss are ours",
        ),
        Profile(
            "edge",
            ("latency=420ms~60ms", "rate=240kbit/s"),
            ("latency=420ms~60ms", "rate=200kbit/s"),
            ("loss=1%",),
            _WPT + "Mobile Edge, 240/200 kbit/s, 840 ms round trip; jitter and loss are ours",
        ),
        Profile(
            "3g",
            ("latency=150ms~40ms", "rate=1600kbit/s"),
            ("latency=150ms~40ms", "rate=768kbit/s"),
            ("loss=0.5%",),
            _WPT + "Mobile 3G, 1.6 Mbit/s down, 768 kbit/s up, 300 ms round trip; jitter and loss are ours",
        ),
        Profile(
            "dsl",
            ("latency=25ms~3ms", "rate=1500kbit/s"),
            ("latency=25ms~3ms", "rate=384kbit/s"),
            ("loss=0.1%",),
            _WPT + "DSL, 1.5 Mbit/s down, 384 kbit/s up, 50 ms round trip; jitter and loss are ours",
        ),
        Profile(
            "wifi",
            ("latency=1ms~1ms", "rate=30Mbit/s"),
            ("latency=1ms~1ms", "rate=15Mbit/s"),
            ("loss=0.5%", "reorder=0.5%@10ms"),
            _FIREFOX + "Wi-Fi, 30/15 Mbit/s, 2 ms; jitter, loss and order are ours, for a crowded room",
        ),
        Profile(
            "starlink",
            ("latency=25ms~10ms", "rate=100Mbit/s"),
            ("latency=25ms~10ms", "rate=10Mbit/s"),
            ("loss=1%",),
            "UCLouvain and others, measured in Belgium in 2022 (blog.apnic.net/2022/11/28): 50 ms round trip in the "
            "median, 40 to 60 in its middle half, 100 to 200 Mbit/s advertised; the way up, and the loss (up to half "
            "of all at handovers, Kassem and others, IMC 2022), are rounded by us",
        ),
        Profile(
            "satellite",
            ("latency=300ms~20ms", "rate=10Mbit/s"),
            ("latency=300ms~20ms", "rate=1Mbit/s"),
            ("loss=0.5%",),
            "RFC 2488, 2: 240 to 279 ms one way by geostationary orbit, at least 558 ms round trip, more with the "
            "equipment; the rates, of a modest subscription, are ours",
        ),
        Profile(
            "train",
            ("latency=80ms~60ms", "rate=2Mbit/s", "stall=8s@500KB"),
            ("latency=80ms~60ms", "rate=1Mbit/s"),
            ("loss=5%", "reorder=2%"),
            "a guess of ours: no standard exists. That throughput falls and loss and round trip grow and vary, with "
            "gaps at handovers, is measured (Wang and others, TCP over LTE on high-speed rails, arXiv, December 2018)",
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
