"""A tap between load and echo server: relays side by side, all in front of the same C echo.

Server's core: the relay. The echo behind it stands on the load's core, so that the relay alone is the bottleneck.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bench import ours
from bench.figures import Figures, Goal
from bench.machine import Cores, Stage, free_port
from bench.native import program
from bench.race import Ask, Contender, Load, Place, Race
from bench.tcp import PEERS

HAPROXY = "haproxy, mode tcp"
ON = "sockwright tap"
RECORDING = "sockwright tap --record"
OFF = "sockwright tap, no journal"
CALM = "sockwright tap, a fault that does not fire"
MITMPROXY = "mitmproxy reverse:tcp"

CONFIG = """
global
  nbthread 1
  maxconn 4000
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend f
  bind 127.0.0.1:{port}
  default_backend b
backend b
  server s 127.0.0.1:{target}
"""

_echo: dict[str, int] = {}


def echo_port() -> int:
    """Return the port of the echo behind all relays; the first slice starts it."""
    return _echo["port"]


def haproxy(place: Place) -> Sequence[str]:
    """Return haproxy's command, its configuration written first."""
    config = place.folder / "haproxy.cfg"
    config.write_text(CONFIG.format(port=place.port, target=echo_port()))
    return ["haproxy", "-db", "-f", str(config)]


def tap(name: str, *options: str) -> Contender:
    """Return ours with `options`; `@FILE` among them is a file in its folder."""

    def command(place: Place) -> Sequence[str]:
        words = [str(place.folder / word[1:]) if word.startswith("@") else word for word in options]
        return [*ours.executable(), "tap", f":{place.port}", f":{echo_port()}", "-q", *words]

    return Contender(name, command, "ours", environment=ours.home)


def mitmdump() -> str:
    """Return mitmproxy's program: beside the interpreter that runs us, else on PATH (it wants its own venv)."""
    beside = Path(sys.executable).with_name("mitmdump")
    return str(beside) if beside.exists() else "mitmdump"


def mitmproxy(place: Place) -> Sequence[str]:
    """Return mitmproxy's command."""
    mode = f"reverse:tcp://127.0.0.1:{echo_port()}@127.0.0.1:{place.port}"
    return [mitmdump(), "-q", "--mode", mode, "--set", f"confdir={place.folder}", "--set", "flow_detail=0"]


def through(connections: int, depth: int = 1, size: int = 64) -> Load:
    """Return the load of so many connections through the relay."""
    asking = Ask("tcp_load", ("--connections", str(connections), "--depth", str(depth), "--size", str(size)))

    def measure(contender: Contender, stage: Stage) -> Figures:
        if "echo" not in stage.servers:
            port = free_port()
            _echo["port"] = port
            command = [str(program("tcp_echo")), "--port", str(port)]
            cores, stage.cores = stage.cores, Cores(stage.cores.load, stage.cores.load)
            try:
                stage.servers["echo"] = stage.start(command, port)
            finally:
                stage.cores = cores
        return asking(contender, stage)

    return Load(f"{connections} connections", measure)


TAP = Race(
    "tap",
    "relay to a C echo, 64 bytes, one in flight per connection",
    (
        Contender(HAPROXY, haproxy, "yardstick", ("haproxy",)),
        tap(ON),
        tap(RECORDING, "--record", "@tape.jsonl"),
        tap(OFF, "--no-journal"),
        tap(CALM, "--fault", "cut=100GB"),
        Contender(
            "Node pipe",
            lambda place: ["node", str(PEERS / "net_pipe.js"), str(place.port), str(echo_port())],
            needs=("node",),
        ),
        Contender(
            "socat",
            lambda place: [
                "socat",
                f"TCP-LISTEN:{place.port},bind=127.0.0.1,reuseaddr,fork,nodelay,backlog=4096",
                f"TCP:127.0.0.1:{echo_port()},nodelay",
            ],
            needs=("socat",),
        ),
        Contender(MITMPROXY, mitmproxy, "python", (mitmdump(),)),
    ),
    (through(50),),
    (
        Goal(ON, HAPROXY, 0.8),
        Goal(RECORDING, HAPROXY, 0.8),
        Goal(RECORDING, MITMPROXY, 12.0),
        Goal(CALM, ON, 0.9),
    ),
    HAPROXY,
)
