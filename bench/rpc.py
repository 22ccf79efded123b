"""XML-RPC: the lecture's `is_even(4)`, 50 kept connections with one call in flight each."""

from __future__ import annotations

import xmlrpc.client
from pathlib import Path

from bench import ours
from bench.figures import Goal
from bench.race import Ask, Contender, Load, Race, python

PEERS = Path(__file__).with_name("peers")
BEST = "SimpleXMLRPCServer, threads, kept"
OURS = "sockwright"
CALL = xmlrpc.client.dumps((4,), "is_even").encode()


def mode(name: str, word: str, group: str = "python") -> Contender:
    """Return a mode of `SimpleXMLRPCServer`."""
    command = python(str(PEERS / "xmlrpc_parity.py"), word)
    return Contender(name, lambda place: [*command, str(place.port)], group)


XMLRPC = Race(
    "xmlrpc",
    "is_even(4), one call in flight per connection",
    (
        mode(BEST, "threads-kept", "yardstick"),
        ours.serve(OURS, "xmlrpc", "parity"),
        mode("SimpleXMLRPCServer, threads", "threads"),
        mode("SimpleXMLRPCServer, plain", "plain"),
    ),
    (
        Load(
            "50 connections",
            Ask(
                "http_load",
                ("--connections", "50", "--path", "/RPC2", "--body", "@call.xml", "--holds", "<boolean>1</boolean>"),
                files={"call.xml": CALL},
            ),
        ),
    ),
    (Goal(OURS, BEST, 4.5),),
    BEST,
    columns=(
        ("rate", "calls/s"),
        ("p50_us", "p50 µs"),
        ("p99_us", "p99 µs"),
        ("cpu_us", "CPU µs"),
        ("lost", "opened anew"),
    ),
    loss_is_error=False,
)
