"""A long run: every kind of traffic at once and in turns, polite and rude, against one `sockwright up`.

`python -m bench.soak [KIND...] [--minutes 10] [--kills 50]`. First come the kill rounds (`bench/kills.py`). Then, after
every turn, when all is quiet again, it looks at memory, descriptors and threads. It fails (1) when something
acknowledged was lost, an answer was wrong, a connection was broken off, when the process ended or printed a traceback,
when descriptors or threads stay behind, or when memory still grows once it has settled.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import socket
import struct
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import ours
from bench.kills import ROUNDS, kill_rounds
from bench.machine import Server, Stage, StartError, descriptors, memory_bytes, raise_file_limit, stage, threads
from bench.native import NoCompiler
from bench.people import PATIENCE, Guests
from bench.race import Ask, LoadError
from bench.rpc import CALL
from bench.start import open_bench, wait_endpoints

SLICE = 2.0  # seconds of one kind of traffic in a turn
QUIET = 1.0  # seconds of silence before looking, in which what was closed goes
SETTLING = 12  # turns in which rings and caches fill; what is kept of 10,000 connections takes that long
ENOUGH = 6  # turns after these, before anything can be told
GROWTH = 0.05  # share of its memory that a process may gain between the two halves of what follows
GROWTH_FLOOR = 4 * 2**20  # bytes; less is the allocator's business
CROWD = 300  # people who come and go in a turn
STRAY = 3  # descriptors or threads that may come and go (the journal's files)

Endpoints = Mapping[tuple[str, str], int]  # (scheme, service) -> port


@dataclass(frozen=True)
class Sample:
    """What the process holds in a quiet moment."""

    memory: int
    descriptors: int
    threads: int


def complaints(samples: Sequence[Sample]) -> list[str]:
    """Tell what did not stay flat. Caches and rings fill in the first turns; after that, nothing may grow."""
    settled = samples[max(SETTLING, len(samples) // 3) :]
    if len(settled) < ENOUGH:
        return [f"{len(samples)} turns are too few to tell (at least {SETTLING + ENOUGH}): give it more minutes"]
    earlier, later = settled[: len(settled) // 2], settled[len(settled) // 2 :]
    found = []
    was, is_now = median(s.memory for s in earlier), median(s.memory for s in later)
    if is_now - was > max(GROWTH * was, GROWTH_FLOOR):
        found.append(f"memory grows: once settled {was / 2**20:.1f} MiB, later {is_now / 2**20:.1f} MiB")
    for what in ("descriptors", "threads"):
        before, after = (median(getattr(s, what) for s in part) for part in (earlier, later))
        if after - before > STRAY:
            found.append(f"{what} stay behind: once settled {before:g}, later {after:g}")
    return found


def rude(port: int, chance: random.Random, kind: socket.SocketKind = socket.SOCK_STREAM) -> None:
    """Behave as peers do: garbage, half a message, silence, a reset in the middle, a half-close."""
    for _ in range(20):
        with socket.socket(socket.AF_INET, kind) as peer, contextlib.suppress(OSError):
            peer.settimeout(0.2)
            peer.connect(("127.0.0.1", port))
            manner = chance.randrange(5)
            if manner == 0:
                peer.sendall(chance.randbytes(chance.randrange(1, 5000)))
            elif manner == 1:
                peer.sendall(b"POST / HTTP/1.1\r\nContent-Length: 1000\r\n\r\nhalf")
            elif manner == 2:
                peer.sendall(b"x" * 100)
                linger = struct.pack("ii", 1, 0)  # close() becomes a reset
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            elif manner == 3:
                peer.sendall(b"hello\r\n")
                peer.shutdown(socket.SHUT_WR)
                while peer.recv(65536):
                    pass


def lists() -> bytes:
    """Return lists for the sample book, and what it answers, as `ask_load` reads them."""
    pairs = [
        ("khoor zruog\n", "hello world\n"),
        ("тулезх KHOOR nope\n", "привет HELLO ?nope\n"),
        ('["khoor", "nope"]\n', '["hello",null]\n'),
        ("khoor " * 1000 + "\n", "hello " * 999 + "hello\n"),
        ("\udcff\n", "error: byte 0 (0xff) is not UTF-8\n"),
    ]
    records = b""
    for asked, answer in pairs:
        both = [text.encode(errors="surrogateescape") for text in (asked, answer)]
        records += struct.pack("!II", *map(len, both)) + b"".join(both)
    return records


LISTS = lists()

KINDS: dict[str, tuple[str, str, Ask]] = {  # name -> scheme, service, what is asked
    "tcp": ("tcp", "echo", Ask("tcp_load", ("--connections", "200"), warmup=0)),
    "pipelined": ("tcp", "echo", Ask("tcp_load", ("--connections", "50", "--depth", "16"), warmup=0)),
    "large": ("tcp", "echo", Ask("tcp_load", ("--connections", "20", "--size", "100000"), warmup=0)),
    "crowd": ("tcp", "echo", Ask("tcp_load", ("--mode", "burst", "--connections", "500"), warmup=0)),
    "udp": ("udp", "echo", Ask("udp_load", ("--connections", "50"), warmup=0)),
    "codebook": (
        "tcp",
        "codebook",
        Ask("ask_load", ("--connections", "50", "--file", "@lists.records"), warmup=0, files={"lists.records": LISTS}),
    ),
    "http": ("http", "http", Ask("http_load", ("--path", "/call/parity.is_even?n=4", "--holds", "true"), warmup=0)),
    "xmlrpc": (
        "xmlrpc",
        "xmlrpc",
        Ask(
            "http_load",
            ("--path", "/RPC2", "--body", "@call.xml", "--holds", "<boolean>1</boolean>"),
            warmup=0,
            files={"call.xml": CALL},
        ),
    ),
}
RUDE = "rude"
PEOPLE = "people"
ALL = (*KINDS, PEOPLE, RUDE)


def come_and_go(server: Server) -> dict[str, float]:
    """Let a crowd come, see each other and go, half of it without a word and the other half with a reset.

    Raises: LoadError.
    """
    began = time.monotonic()
    guests = Guests(server.port)
    try:
        for _ in range(CROWD):
            guests.come()
            while guests.waiting > 16:
                guests.listen(PATIENCE)
        end = time.monotonic() + PATIENCE
        while guests.waiting and time.monotonic() < end:
            guests.listen(0.1)
        if guests.wrong or guests.waiting:
            raise LoadError(f"{guests.wrong} wrong answers, {guests.waiting} without one")
        for number, sock in enumerate(guests.there):
            if number % 2:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError as trouble:
        raise LoadError(str(trouble)) from trouble
    finally:
        guests.close()
    return {"rate": CROWD / (time.monotonic() - began)}


def turn(kind: str, server: Server, endpoints: Endpoints, where: Stage, chance: random.Random) -> dict[str, float]:
    """Send one slice of one kind of traffic.

    Raises: LoadError.
    """
    if kind == RUDE:
        for (scheme, _), port in endpoints.items():
            rude(port, chance, socket.SOCK_DGRAM if scheme == "udp" else socket.SOCK_STREAM)
        return {}
    if kind == PEOPLE:
        return come_and_go(Server(server.process, endpoints["tcp", "people"], server.log))
    scheme, service, ask = KINDS[kind]
    if (scheme, service) not in endpoints:
        raise LoadError(f"{service} is not served over {scheme}")
    target = Server(server.process, endpoints[scheme, service], server.log)
    figures = ask.against(target, where)
    if figures["lost"] and scheme == "tcp":  # a datagram may get lost, and HTTP may close after an answer
        raise LoadError(f"{figures['lost']:g} connections broken off")
    return figures


def run(kinds: Sequence[str], minutes: float, where: Stage, say: Callable[[str], None]) -> list[str]:
    """Run turns until the time is over and return what there is to complain about."""
    found: list[str] = []
    samples: list[Sample] = []
    seed = random.SystemRandom().randrange(2**32)
    chance = random.Random(seed)
    home = where.folder / "home"
    home.mkdir()
    ready = home / "ready.json"
    command = [*ours.executable(), "up", "--quiet", "--ready-file", str(ready)]
    schemes = {"tcp"} if PEOPLE in kinds else set()
    schemes |= {KINDS[kind][0] for kind in kinds if kind in KINDS}
    if schemes and schemes != {scheme for scheme, _, _ in KINDS.values()}:
        command += ["--only", ",".join(sorted(schemes))]
    end = time.monotonic() + minutes * 60
    with open_bench(command, home, where) as server:
        endpoints = {(e["scheme"], e["service"]): int(e["port"]) for e in wait_endpoints(server, ready)}
        say(f"pid {server.pid}, {len(endpoints)} endpoints, seed {seed}, {minutes:g} minutes of {', '.join(kinds)}")
        while time.monotonic() < end and not found:
            rates = []
            for kind in kinds:
                try:
                    figures = turn(kind, server, endpoints, where, chance)
                except LoadError as trouble:
                    found.append(f"{kind}: {trouble}")
                    continue
                if figures:
                    rates.append(f"{kind} {figures['rate']:,.0f}/s")
            time.sleep(QUIET)
            if server.process.poll() is not None:
                return [*found, f"the process ended with {server.process.returncode}: {server.words()}"]
            sample = look(server.pid)
            samples.append(sample)
            say(
                f"{sample.memory / 2**20:7.1f} MiB  {sample.descriptors:4} descriptors  {sample.threads:3} threads  "
                f"journal {size_of(home) / 2**20:6.1f} MiB  {', '.join(rates)}"
            )
        found += complaints(samples)
        if errors := [line for line in server.log.read_text("utf-8", "replace").splitlines() if "Traceback" in line]:
            found.append(f"{len(errors)} tracebacks in its output: {server.words()}")
    return found


def look(pid: int) -> Sample:
    """Return what the process holds now."""
    return Sample(memory_bytes(pid) or 0, descriptors(pid) or 0, threads(pid) or 0)


def size_of(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return total


def main(words: list[str] | None = None) -> int:
    """Run the soak and say how it went."""
    parser = argparse.ArgumentParser(
        "soak", description="Mixed traffic for long; memory, descriptors and threads watched."
    )
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(ALL))
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--json", action="store_true", help="only one JSON object at the end")
    parser.add_argument("--kills", type=int, default=ROUNDS, metavar="N", help=f"kill rounds (default {ROUNDS})")
    asked = parser.parse_args(words)
    kinds = asked.kinds or ALL
    if unknown := [kind for kind in kinds if kind not in ALL]:
        parser.error(f"there is no kind {unknown[0]!r}; there are: {', '.join(ALL)}")
    if not Path("/proc/self/smaps_rollup").exists():
        print("error: memory and descriptors are read from /proc, which only Linux has", file=sys.stderr)
        return 2

    def say(line: str) -> None:
        if not asked.json:
            print(line, flush=True)

    raise_file_limit()
    with stage(SLICE) as where:
        try:
            found = kill_rounds(where.folder, asked.kills, say) or run(kinds, asked.minutes, where, say)
        except NoCompiler as missing:
            print(f"error: {missing}", file=sys.stderr)
            return 2
        except StartError as trouble:
            found = [str(trouble)]
    if asked.json:
        print(
            json.dumps(
                {"minutes": asked.minutes, "kills": asked.kills, "kinds": kinds, "complaints": found},
                ensure_ascii=False,
            )
        )
    else:
        print("\n".join(f"FAILED {line}" for line in found) or "flat, and no wrong answer")
    return 1 if found else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
