"""Starting: how long `sockwright --help` takes, and `sockwright up` until every port really answers."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import ours
from bench.figures import Bound, Figures
from bench.machine import START_LIMIT, Server, Stage, StartError, spawn
from bench.race import Contender, Load, LoadError, Place, Race, python

HELP = "--help"
UP = "up, until every port has answered"
PASS = "python -c pass"
OURS_HELP = "sockwright --help"
OURS_UP = "sockwright up"
POLL = 0.002  # seconds between two looks for the ready file
SILENT = {"discard"}  # services that never say a word: there, an accepted connection is the answer


def run_to_end(contender: Contender, stage: Stage) -> Figures:
    """Run a command to its end; return how long it took."""
    command = contender.command(Place(0, stage.folder))
    began = time.perf_counter()
    process = spawn(
        command, stage.cores.server, stderr=subprocess.PIPE, environment={"SOCKWRIGHT_HOME": str(stage.folder)}
    )
    _, err = process.communicate(timeout=START_LIMIT)
    took = time.perf_counter() - began
    if process.returncode:
        raise LoadError(f"it ended with {process.returncode}: {err.decode('utf-8', 'replace').strip()[-200:]}")
    return {"ms": took * 1000}


def until_answered(contender: Contender, stage: Stage) -> Figures:
    """Start the bench and return how long it took until each of its ports gave a real answer."""
    folder = stage.folder / f"{time.monotonic_ns()}.home"
    folder.mkdir()
    ready = folder / "ready.json"
    began = time.perf_counter()
    with open_bench([*contender.command(Place(0, folder)), "--ready-file", str(ready)], folder, stage) as server:
        endpoints = wait_endpoints(server, ready)
        said = time.perf_counter()
        for about in endpoints:
            ask(about)
        took = time.perf_counter() - began
    return {"ms": took * 1000, "ready_ms": (said - began) * 1000, "endpoints": float(len(endpoints))}


@contextlib.contextmanager
def open_bench(command: Sequence[str], home: Path, stage: Stage) -> Iterator[Server]:
    """Run a `sockwright up` of its own home on the server's core, and end it afterwards."""
    log = home / "bench.log"
    with log.open("wb") as sink:
        process = spawn(
            command,
            stage.cores.server,
            stdout=sink.fileno(),
            stderr=sink.fileno(),
            environment={"SOCKWRIGHT_HOME": str(home)},
        )
    server = Server(process, 0, log)
    try:
        yield server
    finally:
        server.stop()


def wait_endpoints(server: Server, ready: Path) -> list[Mapping[str, Any]]:
    """Wait for the ready file and return the endpoints it names.

    Raises: StartError.
    """
    give_up = time.monotonic() + START_LIMIT
    while not ready.exists():
        if server.process.poll() is not None:
            raise StartError(f"it ended with {server.process.returncode}: {server.words()}")
        if time.monotonic() > give_up:
            raise StartError(f"not ready within {START_LIMIT:g} s: {server.words()}")
        time.sleep(POLL)
    found: list[Mapping[str, Any]] = json.loads(ready.read_text("utf-8"))["endpoints"]
    return found


def ask(about: Mapping[str, Any], patience: float = 5.0) -> None:
    """Get an answer out of an endpoint, in its own manner.

    Raises: LoadError when there is none.
    """
    scheme, port, silent = about["scheme"], int(about["port"]), about["service"] in SILENT
    try:
        if scheme == "udp":
            ask_datagram(port, silent, patience)
            return
        with contextlib.ExitStack() as stack:
            peer = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=patience))
            if scheme in {"https", "smtps"}:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                peer = stack.enter_context(context.wrap_socket(peer))
            if silent:
                return
            is_http = scheme in {"http", "https", "xmlrpc"}
            peer.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n" if is_http else b"x\n")
            if not peer.recv(100):
                raise LoadError(f"{about['service']} on {scheme} port {port} hung up without an answer")
    except OSError as trouble:
        raise LoadError(f"{about['service']} on {scheme} port {port}: {trouble}") from trouble


def ask_datagram(port: int, silent: bool, patience: float) -> None:
    """Send a datagram and wait for one; from a silent service, for no refusal (loopback refuses at once)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(patience)
        peer.connect(("127.0.0.1", port))
        peer.send(b"x")
        if silent:
            peer.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                peer.recv(100)
        else:
            peer.recv(100)


START = Race(
    "start",
    "wall time until it is done, or until it answers",
    (
        Contender(PASS, lambda place: [sys.executable, "-c", "pass"], "yardstick", loads=(HELP,)),
        Contender("python -m http.server --help", lambda place: python("-m", "http.server", "--help"), loads=(HELP,)),
        Contender(OURS_HELP, lambda place: [*ours.executable(), "--help"], "ours", loads=(HELP,)),
        Contender(OURS_UP, lambda place: [*ours.executable(), "up"], "ours", loads=(UP,)),
    ),
    (Load(HELP, run_to_end), Load(UP, until_answered)),
    (Bound(OURS_HELP, 150, "ms", "ms", (HELP,)), Bound(OURS_UP, 1000, "ms", "ms", (UP,))),
    PASS,
    figure="ms",
    more_is_better=False,
    columns=(("ms", "ms"), ("ready_ms", "ready file ms"), ("endpoints", "endpoints")),
)
