"""A race: contenders in turns, round after round, each under the same load.

All servers of a race are started once and stand still while another one runs; then slices of load go round:
A B C A B C. So whatever slows the machine for some seconds slows neighbours alike, and their ratio stays true.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from socket import SOCK_DGRAM, SOCK_STREAM

from bench.figures import Bound, Figures, Goal, Outcome
from bench.machine import Server, Stage, StartError, cpu_seconds, free_port
from bench.native import program

SLACK = 30.0  # seconds a load generator may take beyond what it was told


@dataclass(frozen=True)
class Place:
    """What a contender must know to start: its port, and a folder of its own that is thrown away afterwards."""

    port: int
    folder: Path


@dataclass(frozen=True)
class Contender:
    """Somebody who takes part: how it is started and what must be installed for it.

    Groups: `yardstick`, `ours`, `python` (peers in Python), `other`.
    """

    name: str
    command: Callable[[Place], Sequence[str]]
    group: str = "other"
    needs: tuple[str, ...] = ()  # programs; `module:NAME` for a Python module
    environment: Callable[[Place], Mapping[str, str]] = lambda place: {}
    datagrams: bool = False
    loads: tuple[str, ...] = ()  # takes part in these only; none: in all

    def missing(self) -> str | None:
        """Tell what is not installed here, None when all is there."""
        for need in self.needs:
            module = need.removeprefix("module:")
            if module != need:
                if importlib.util.find_spec(module) is None:
                    return f"no Python module {module} (pip install {module})"
            elif shutil.which(need) is None:
                return f"no program {need}"
        return None

    def start(self, stage: Stage) -> Server:
        """Start it afresh and wait until it answers.

        Raises: StartError.
        """
        folder = stage.folder / f"{len(list(stage.folder.iterdir()))}.home"
        folder.mkdir()
        place = Place(free_port(SOCK_DGRAM if self.datagrams else SOCK_STREAM), folder)
        return stage.start(
            self.command(place),
            place.port,
            datagrams=self.datagrams,
            environment=self.environment(place),
        )


@dataclass(frozen=True)
class Load:
    """One way of asking: `measure` runs one slice against a contender and returns its figures."""

    name: str
    measure: Callable[[Contender, Stage], Figures]


@dataclass(frozen=True)
class Race:
    """One bench: who takes part, under which loads, and what is promised.

    `yardstick` is whom all others are measured by. A `lost` figure of ours is an error when `loss_is_error`.
    """

    name: str
    about: str
    contenders: tuple[Contender, ...]
    loads: tuple[Load, ...]
    goals: tuple[Goal | Bound, ...]
    yardstick: str
    figure: str = "rate"
    more_is_better: bool = True
    columns: tuple[tuple[str, str], ...] = (  # (figure, heading), for the background
        ("rate", "messages/s"),
        ("p50_us", "p50 µs"),
        ("p99_us", "p99 µs"),
        ("cpu_us", "CPU µs"),
    )
    loss_is_error: bool = True
    seconds: float = 1.0  # of one slice
    rounds: int = 5

    def narrowed(self, word: str | None) -> Race:
        """Return the same race with only the yardstick and those who have `word` in their name."""
        if not word:
            return self
        kept = tuple(c for c in self.contenders if c.name == self.yardstick or word in c.name)
        return replace(self, contenders=kept)

    def run(self, stage: Stage, rounds: int, say: Callable[[str], None]) -> Iterator[Outcome]:
        """Run all loads, one after the other, and return what each brought."""
        for load in self.loads:
            outcome = Outcome(self.name, load.name, self.yardstick, self.figure, self.more_is_better)
            there = []
            for contender in self.contenders:
                if contender.loads and load.name not in contender.loads:
                    continue
                if why := contender.missing():
                    outcome.skipped[contender.name] = why
                    continue
                outcome.groups[contender.name] = contender.group
                there.append(contender)
            try:
                for turn in range(rounds):
                    for contender in [c for c in there if c.name not in outcome.skipped]:
                        say(f"{self.name}, {load.name}: round {turn + 1} of {rounds}, {contender.name}")
                        self.slice(contender, load, stage, outcome)
            finally:
                stage.clear()
            yield outcome

    def slice(self, contender: Contender, load: Load, stage: Stage, outcome: Outcome) -> None:
        """Measure once; whoever fails is out of the race, and if it is ours or gave wrong bytes, that is an error."""
        try:
            figures = load.measure(contender, stage)
        except (StartError, LoadError) as trouble:
            outcome.rounds.pop(contender.name, None)
            outcome.skipped[contender.name] = str(trouble)
            if contender.group in {"ours", "yardstick"} or isinstance(trouble, WrongBytes):
                outcome.errors.append(f"{contender.name}: {trouble}")
            return
        if contender.group == "ours" and self.loss_is_error and figures.get("lost"):
            outcome.errors.append(f"{contender.name}: {figures['lost']:g} connections broken off")
        outcome.rounds.setdefault(contender.name, []).append(figures)


class LoadError(Exception):
    """A load generator could not do its work."""


class WrongBytes(LoadError):
    """What came back is not what should have come back."""


def standing(contender: Contender, stage: Stage) -> Server:
    """Return the contender's server, started on first use and left standing until the load is through."""
    server = stage.servers.get(contender.name)
    if server is None or server.process.poll() is not None:
        if server is not None:
            raise LoadError(f"it ended under load with {server.process.returncode}: {server.words()}")
        server = stage.servers[contender.name] = contender.start(stage)
    return server


@dataclass(frozen=True)
class Ask:
    """A slice of a load generator in C: `tool` with `arguments`, against the contender's standing server."""

    tool: str
    arguments: tuple[str, ...] = ()
    warmup: float = 0.2  # seconds before counting begins
    files: Mapping[str, bytes] = field(default_factory=dict)  # `@NAME` in the arguments is a file with these bytes

    def command(self, stage: Stage, port: int, seconds: float) -> list[str]:
        """Return the command line for one slice."""
        words = []
        for word in self.arguments:
            if word.startswith("@"):
                path = stage.folder / word[1:]
                path.write_bytes(self.files[word[1:]])
                word = str(path)
            words.append(word)
        timing = ["--seconds", f"{seconds:g}", "--warmup", f"{self.warmup:g}"]
        return [str(program(self.tool)), "--port", str(port), *timing, *words]

    def __call__(self, contender: Contender, stage: Stage) -> Figures:
        """Run one slice; the CPU time that the server used for a message comes along."""
        server = standing(contender, stage)
        before = cpu_seconds(server.pid)
        figures = self.against(server, stage)
        after = cpu_seconds(server.pid)
        if before is not None and after is not None and figures["messages"]:
            # The warm-up's messages are not counted but paid for: scale by the time.
            counted = figures["messages"] * (1 + self.warmup / figures["seconds"])
            figures["cpu_us"] = (after - before) / counted * 1e6
        return figures

    def against(self, server: Server, stage: Stage) -> dict[str, float]:
        """Run one slice against a server and return what the load generator says.

        Raises: WrongBytes, LoadError.
        """
        done = stage.run(self.command(stage, server.port, stage.seconds), stage.seconds + self.warmup + SLACK)
        return understood(done.returncode, done.stdout, done.stderr, server)


def understood(code: int, out: str, err: str, server: Server) -> dict[str, float]:
    """Return the figures a load generator printed.

    Raises: WrongBytes, LoadError.
    """
    try:
        figures: dict[str, float] = {name: float(value) for name, value in json.loads(out).items()}
    except ValueError:
        raise LoadError(f"the load ended with {code}: {err.strip()[-300:]} {server.words()}".strip()) from None
    if figures["wrong"]:
        raise WrongBytes(f"{figures['wrong']:g} wrong answers: {err.strip()[-300:]}")
    if not figures["messages"]:
        raise LoadError(f"nothing came back: {err.strip()[-300:]} {server.words()}".strip())
    return figures


def python(*arguments: str) -> list[str]:
    """Return the command line of a Python peer: the interpreter that runs us, unoptimised as people run it."""
    return [sys.executable, *arguments]
