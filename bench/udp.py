"""UDP echo: 50 sockets, each with one datagram in flight; what is not answered in time is lost and sent again."""

from __future__ import annotations

from pathlib import Path

from bench import ours
from bench.figures import Goal
from bench.native import program
from bench.race import Ask, Contender, Load, Race, python

PEERS = Path(__file__).with_name("peers")
C_RECVFROM = "C recvfrom/sendto"
OURS = "sockwright"


def style(name: str, word: str, *needs: str) -> Contender:
    """Return a Python peer of `peers/udp_echo.py`."""
    command = python(str(PEERS / "udp_echo.py"), word)
    return Contender(name, lambda place: [*command, str(place.port)], "python", needs, datagrams=True)


UDP = Race(
    "udp",
    "echo, 64 bytes, one in flight per socket",
    (
        Contender(
            C_RECVFROM,
            lambda place: [str(program("udp_echo")), "--port", str(place.port)],
            "yardstick",
            datagrams=True,
        ),
        ours.serve(OURS, "udp", "echo"),
        style("blocking loop", "blocking"),
        style("uvloop DatagramProtocol", "uvloop-protocol", "module:uvloop"),
        style("asyncio DatagramProtocol", "asyncio-protocol"),
        style("socketserver", "socketserver"),
        Contender(
            "Node dgram",
            lambda place: ["node", str(PEERS / "dgram_echo.js"), str(place.port)],
            needs=("node",),
            datagrams=True,
        ),
    ),
    (Load("50 sockets", Ask("udp_load", ("--connections", "50", "--size", "64"))),),
    (Goal(OURS, C_RECVFROM, 0.60),),
    C_RECVFROM,
    columns=(
        ("rate", "datagrams/s"),
        ("p50_us", "p50 µs"),
        ("p99_us", "p99 µs"),
        ("cpu_us", "CPU µs"),
        ("lost", "lost"),
    ),
    loss_is_error=False,
)
