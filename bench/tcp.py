"""TCP echo: closed loop, pipelined, a crowd that comes at once, and a crowd that says nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench import ours
from bench.figures import Bound, Figures, Goal
from bench.machine import Server, Stage, memory_bytes, raise_file_limit, spawn
from bench.native import program
from bench.race import Ask, Contender, Load, LoadError, Place, Race, python, understood

PEERS = Path(__file__).with_name("peers")
C_ECHO = "C epoll echo"
ON = "sockwright, journal on"
OFF = "sockwright, no journal"
IDLE = 10_000  # connections that say nothing
IDLE_LIMIT = 60.0  # seconds they may take to open
CROWD = 500  # clients that come at once
CROWD_LIMIT = 10.0  # seconds after which who has no answer counts as not served


def style(name: str, word: str, *needs: str, loads: tuple[str, ...] = ()) -> Contender:
    """Return a Python peer of `peers/tcp_echo.py`."""
    command = python(str(PEERS / "tcp_echo.py"), word)
    return Contender(name, lambda place: [*command, str(place.port)], "python", needs, loads=loads)


def c_echo(place: Place) -> Sequence[str]:
    """Return the yardstick's command."""
    return [str(program("tcp_echo")), "--port", str(place.port)]


YARDSTICK = Contender(C_ECHO, c_echo, "yardstick")
OURS_ON = ours.serve(ON, "tcp", "echo")
CALM = "sockwright, a fault that does not fire"
OURS_CALM = ours.serve(CALM, "tcp", "echo", "--fault", "cut=100GB")
OURS_OFF = ours.serve(OFF, "tcp", "echo", "--no-journal")
UVLOOP = style("uvloop Protocol, bare", "uvloop-protocol", "module:uvloop")
ASYNCIO = style("asyncio Protocol, bare", "asyncio-protocol")
UVLOOP_STREAMS = style("uvloop streams", "uvloop-streams", "module:uvloop")
STREAMS = style("asyncio streams", "asyncio-streams")
THREADS = style("socketserver, thread each", "threads")
THREADS_5 = style("socketserver, its own backlog of 5", "threads-backlog-5")
NODE = Contender("Node net", lambda p: ["node", str(PEERS / "net_echo.js"), str(p.port)], needs=("node",))
FORKS = ("50 connections",)  # socat and ncat start a process per connection
SOCAT = Contender(
    "socat EXEC:cat",
    lambda p: ["socat", f"TCP-LISTEN:{p.port},bind=127.0.0.1,reuseaddr,fork,nodelay,backlog=4096", "EXEC:cat"],
    needs=("socat",),
    loads=FORKS,
)
NCAT = Contender(
    "ncat -e cat",
    lambda p: ["ncat", "-l", "-k", "-m", "200", "-e", "/bin/cat", "127.0.0.1", str(p.port)],
    needs=("ncat",),
    loads=FORKS,
)


def ask(connections: int, depth: int = 1) -> Load:
    """Return the load of so many connections that each keep so many messages in flight."""
    words = ("--connections", str(connections), "--depth", str(depth), "--size", "64")
    return Load(f"{connections} connections", Ask("tcp_load", words))


# The loop we stand on with nothing on top: it shows how much is ours to lose, and is no peer that can be overtaken.
BARE = replace(UVLOOP, group="bare")

TCP = Race(
    "tcp",
    "echo, 64 bytes, one in flight per connection",
    (YARDSTICK, OURS_ON, OURS_OFF, OURS_CALM, BARE, ASYNCIO, UVLOOP_STREAMS, STREAMS, THREADS, NODE, SOCAT, NCAT),
    (ask(50), ask(500)),
    (Goal(ON, C_ECHO, 0.75), Goal(ON, "best python", 1.0), Goal(ON, OFF, 0.9), Goal(CALM, ON, 0.9)),
    C_ECHO,
)

PIPELINED = Race(
    "tcp-pipelined",
    "echo, 64 bytes, 16 in flight per connection",
    (YARDSTICK, OURS_ON, OURS_OFF, BARE, ASYNCIO, UVLOOP_STREAMS, STREAMS, THREADS, NODE, SOCAT, NCAT),
    (ask(50, 16),),
    (Goal(ON, C_ECHO, 0.60),),
    C_ECHO,
)


def crowd(contender: Contender, stage: Stage) -> Figures:
    """Let all clients dial at the same moment, and return the longest wait until the first answer, in seconds."""
    server = contender.start(stage)
    try:
        words = ("--mode", "burst", "--connections", str(CROWD), "--seconds", f"{CROWD_LIMIT:g}")
        done = stage.run([str(program("tcp_load")), "--port", str(server.port), *words], CROWD_LIMIT + 5)
        figures = understood(done.returncode, done.stdout, done.stderr, server)
    finally:
        server.stop()
    # Who got no answer at all has waited to the end.
    figures["wait_s"] = figures["seconds"] if figures["lost"] else figures["max_us"] / 1e6
    return figures


BURST = Race(
    "tcp-burst",
    f"{CROWD} clients dial at once and wait for their first echo",
    (YARDSTICK, OURS_ON, UVLOOP, STREAMS, THREADS, THREADS_5, NODE),
    (Load(f"{CROWD} at once", crowd),),
    (Bound(ON, 0.5, "wait_s", "s"),),
    C_ECHO,
    figure="wait_s",
    more_is_better=False,
    columns=(("wait_s", "longest wait s"), ("p50_us", "p50 µs"), ("lost", "not served")),
)


def idle(contender: Contender, stage: Stage) -> Figures:
    """Open connections that then say nothing, and return what each costs the server's process, in KiB.

    The kernel's share (some 3 KiB of socket each) is the same for all and not counted.
    """
    count = min(IDLE, raise_file_limit() - 200)
    server = contender.start(stage)
    try:
        return held(server, stage, count)
    finally:
        server.stop()


def held(server: Server, stage: Stage, count: int) -> dict[str, float]:
    """Hold `count` connections for a moment and look at the server's memory before and while.

    Raises: LoadError.
    """
    before = memory_bytes(server.pid)
    command = [str(program("tcp_load")), "--port", str(server.port), "--mode", "idle", "--connections", str(count)]
    load = spawn(command, stage.cores.load, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert load.stdout is not None
        assert load.stderr is not None
        line = load.stdout.readline()  # it opens one after the other and gives up by itself when one gets no answer
        if not line:
            raise LoadError(f"{count} idle connections: {load.stderr.read().decode('utf-8', 'replace').strip()}")
        figures = understood(0, line.decode(), "", server)
        after = memory_bytes(server.pid)
    finally:
        load.kill()
        load.communicate()
    if before is None or after is None:
        raise LoadError("nobody tells a process's memory here (/proc/PID/smaps_rollup)")
    return {**figures, "each_kib": (after - before) / count / 1024, "process_mib": after / 2**20}


HELD = Race(
    "tcp-idle",
    "memory of a connection that says nothing",
    (YARDSTICK, OURS_ON, UVLOOP, STREAMS, THREADS, NODE),
    (Load(f"{IDLE:,} connections", idle),),
    (Bound(ON, 4.0, "each_kib", "KiB"),),
    UVLOOP.name,
    figure="each_kib",
    more_is_better=False,
    columns=(("each_kib", "KiB each"), ("process_mib", "process MiB"), ("max_us", "slowest open µs")),
    rounds=1,
)
