"""Faults on a running bench: which are set where, set and healed while it runs.

An object, used from the loop's thread; who reaches it from outside (a socket, a page) is none of its business. What is
asked for is checked as a whole before anything is changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from time import time
from typing import Any, Protocol

from sockwright import config
from sockwright.config import suggest
from sockwright.endpoint import Endpoint
from sockwright.errors import ConfigError
from sockwright.faults.catalogue import catalogue
from sockwright.faults.fault import Carrier
from sockwright.faults.plan import Plan, Setting, check, setting
from sockwright.faults.profiles import profile
from sockwright.faults.reading import share

# Faults at one place; each is a part in the way of every byte.
MOST = 32
# Numbers of changed connections that an answer names.
MOST_NAMED = 1000


class Breakable(Protocol):
    """A server whose connections can be given faults."""

    endpoint: Endpoint

    def bend(self, plan: Plan | None) -> Sequence[int]: ...


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks for. `share` of the connections, for so many `seconds` (None: until healed)."""

    faults: Sequence[str] = ()
    profile: str = ""
    up: bool = False
    down: bool = False
    share: float = 1.0
    seconds: float | None = None
    seed: int | None = None

    @classmethod
    def of(cls, about: Mapping[str, Any]) -> Request:
        """Return what came as data.

        Raises: ConfigError for data of the wrong shape.
        """
        names = [one.name for one in fields(cls)]
        for key in about:
            if key not in names:
                raise ConfigError(f"there is no key {key!r}.{suggest(key, names)}", cure=f"keys: {', '.join(names)}")
        faults = about.get("faults", ())
        if isinstance(faults, str) or not all(isinstance(one, str) for one in faults):
            raise ConfigError(f"faults are a list of texts, and {faults!r} is none", cure='["latency=200ms"]')
        seed = about.get("seed")
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= 2**62):
            raise ConfigError(f"{seed!r} is no seed", cure="a whole number from 0 to 2^62")
        return cls(
            tuple(faults),
            str(about.get("profile") or ""),
            bool(about.get("up")),
            bool(about.get("down")),
            _number(about.get("share", 1.0), "a share", share, "10%"),
            None if about.get("seconds") is None else _number(about["seconds"], "a duration", config.duration, "30s"),
            seed,
        )

    def settings(self, carrier: Carrier, protocol: str, now: float) -> list[Setting]:
        """Return those settings that make sense at such a place.

        Raises: ConfigError with the nearest right spelling.
        """
        return [one for one in self._all(now) if one.fits(carrier, protocol)]

    def check(self, places: Sequence[tuple[Carrier, str]], now: float) -> None:
        """Raise ConfigError for what cannot be, at any of `places`."""
        if not self.faults and not self.profile:
            raise ConfigError("no fault is named", cure="write one like latency=200ms, or --profile 3g")
        if not 0 < self.share <= 1:
            raise ConfigError(f"--rate {self.share:g} is no share of the connections", cure="write it like 10%")
        if self.seconds is not None and not 0 < self.seconds < float("inf"):
            raise ConfigError(f"{self.seconds:g} seconds are no time to break something for", cure="write it like 30s")
        check([setting(text) for text in self.faults], places)
        self._all(now)

    def _all(self, now: float) -> list[Setting]:
        until = None if self.seconds is None else now + self.seconds
        found = [setting(text, up=self.up, down=self.down, share=self.share, until=until) for text in self.faults]
        if self.profile:
            net = profile(self.profile)
            both = self.up == self.down
            for texts, up, down in ((net.down, False, True), (net.up, True, False), (net.udp, True, True)):
                if both or (up and self.up) or (down and self.down):
                    up, down = (up, down) if both else (up and self.up, down and self.down)
                    found += [setting(text, up=up, down=down, share=self.share, until=until) for text in texts]
        return found


def _number(given: object, what: str, read: Callable[[str], float], example: str) -> float:
    """Return a number that came as one or as a person writes it.

    Raises: ConfigError.
    """
    if isinstance(given, int | float) and not isinstance(given, bool):
        return float(given)
    try:
        return read(str(given))
    except ValueError as wrong:
        raise ConfigError(f"{given!r} is not {what}: {wrong}", cure=f"write it like {example}") from None


def _named(about: Mapping[str, Any]) -> str:
    """Return which place is meant.

    Raises: ConfigError.
    """
    name = about.get("name")
    if not isinstance(name, str) or not name:
        raise ConfigError("it is not said what shall break", cure="name a service, an endpoint, a port, or * for all")
    return name


@dataclass(slots=True)
class _Place:
    """One endpoint of the bench."""

    name: str
    server: Breakable
    settings: list[Setting] = field(default_factory=list)
    seed: int = 0

    @property
    def carrier(self) -> Carrier:
        return "datagram" if self.server.endpoint.protocol == "udp" else "stream"

    @property
    def protocol(self) -> str:
        return "" if self.name == "tap" else self.server.endpoint.protocol

    @property
    def names(self) -> list[str]:
        """What it may be called."""
        at = self.server.endpoint
        return [self.name, f"{self.name}/{at.scheme}", str(at), at.authority, f":{at.port}", str(at.port)]


class Breaking:
    """The faults of one bench."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._places: list[_Place] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, name: str, server: Breakable) -> None:
        """Take an endpoint in."""
        self._places.append(_Place(name, server, seed=self.seed))

    def set(self, name: str, request: Request) -> list[dict[str, Any]]:
        """Add faults at the places called `name` (service, endpoint, port, or * for all); say what that changed.

        Raises: ConfigError, and then nothing is changed.
        """
        places = self._called(name)
        now = time()
        request.check([(place.carrier, place.protocol) for place in places], now)
        chosen = [(place, request.settings(place.carrier, place.protocol, now)) for place in places]
        for place, settings in chosen:
            if len(place.settings) + len(settings) > MOST:
                raise ConfigError(f"more than {MOST} faults at {place.server.endpoint}", cure="heal some first")
        changes: list[dict[str, Any]] = []
        for place, settings in chosen:
            if settings:
                place.settings += settings
                place.seed = self.seed if request.seed is None else request.seed
                changes.append(self._apply(place, settings))
        self._arm()
        return changes

    def heal(self, name: str = "*") -> list[dict[str, Any]]:
        """Take all faults away at the places called `name`.

        Raises: ConfigError where nothing is called that.
        """
        changes: list[dict[str, Any]] = []
        for place in self._called(name):
            if place.settings:
                place.settings.clear()
                changes.append(self._apply(place, ()))
        self._arm()
        return changes

    def listed(self) -> list[dict[str, Any]]:
        """Return every place with what is set there."""
        return [
            {
                "name": place.name,
                "names": place.names,
                "endpoint": str(place.server.endpoint),
                "faults": [one.as_dict() for one in place.settings],
                "seed": place.seed if place.settings else 0,
            }
            for place in self._places
        ]

    def do(self, what: str, about: Mapping[str, Any]) -> Any:
        """Do what came as data, from another process or a page; what it returns is plain JSON.

        "catalogue" -> what there is to break with, for who makes a form of it:

            {"faults": [{"name": "latency", "form": "latency=200ms[~50ms]", "about": one line,
                         "example": "latency=200ms~50ms", "on": ["datagram", "stream"], "protocols": [] (all),
                         "live": works on open connections, "directions": up and down make a difference,
                         "parameters": [{"name": "jitter", "sign": "~", "needed": false, "example": "50ms",
                                         "type": duration | share | rate | bytes | count | code | choice | text,
                                         "unit": "seconds", "least": 0, "most": 3600.0, "choices": []}]}],
             "profiles": [{"name": "3g", "down": [texts], "up": [texts], "udp": [texts], "source": text}]}

            A fault's text is its name, then for each parameter that is given its sign and value.

        "list" -> every place, with what is set there. `to` is up, down or both, `rate` a share from 0 to 1, `until`
        seconds since the epoch or null, `seed` 0 where nothing is set:

            [{"name": "echo", "names": [what it may be called], "endpoint": "tcp://127.0.0.1:7007", "seed": 7,
              "faults": [{"fault": "cut=100", "to": "down", "rate": 1.0, "until": null}]}]

        "break" with {"name": place, "faults": [texts], "profile": "", "up": false, "down": false, "seed": null,
        "share": 1.0 or "10%", "seconds": 30 or "30s" or null}, of which all but the name may be left out, and "heal"
        with {"name": place}, or {} for all -> every place that changed:

            [{"name", "endpoint", "faults", "seed": as above, "open": how many open connections changed at once,
              "connections": [their numbers in the journal, at most 1000],
              "new_only": [texts that open ones cannot get]}]

        Raises: ConfigError with the nearest right spelling, and then nothing is changed.
        """
        match what:
            case "catalogue":
                return catalogue()
            case "list":
                return self.listed()
            case "heal":
                return self.heal(_named(about) if "name" in about else "*")
            case "break":
                return self.set(_named(about), Request.of({key: about[key] for key in about if key != "name"}))
        known = ("catalogue", "list", "break", "heal")
        raise ConfigError(f"{what!r} cannot be asked for.{suggest(what, known)}", cure=", ".join(known))

    def close(self) -> None:
        """Forget the clock."""
        if self._timer is not None:
            self._timer.cancel()

    def _called(self, name: str) -> list[_Place]:
        found = [place for place in self._places if name == "*" or name in place.names]
        if not found:
            known = list(dict.fromkeys(place.name for place in self._places))
            raise ConfigError(
                f"nothing here is called {name!r}.{suggest(name, known)}",
                cure=f"there are: {', '.join(known)}; an endpoint or a port names one as well",
            )
        return found

    def _apply(self, place: _Place, new: Sequence[Setting]) -> dict[str, Any]:
        plan = Plan(tuple(place.settings), place.seed) if place.settings else None
        changed = place.server.bend(plan)
        later = [one.text for one in new if not one.is_live]
        return {
            "name": place.name,
            "endpoint": str(place.server.endpoint),
            "faults": [one.as_dict() for one in place.settings],
            "open": len(changed),
            "connections": [*changed[:MOST_NAMED]],
            "new_only": later,
            "seed": place.seed,
        }

    def _arm(self) -> None:
        """Wake up when the next fault's time is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        times = [one.until for place in self._places for one in place.settings if one.until is not None]
        if times:
            wait = max(0.0, min(times) - time())
            self._timer = asyncio.get_running_loop().call_later(wait, self._expire)

    def _expire(self) -> None:
        self._timer = None
        now = time() + 0.001
        for place in self._places:
            kept = [one for one in place.settings if one.until is None or one.until > now]
            if len(kept) < len(place.settings):
                place.settings = kept
                self._apply(place, ())
        self._arm()
