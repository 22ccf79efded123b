"""Files over HTTP: 1 KiB, where the conversation is what costs, and 1 MiB, where it should be the system alone.

The content that comes back is compared with the file. nginx is the yardstick, with `sendfile` and without `tcp_nopush`,
which costs it a fifth here; beside it stands nginx with its cache of open files, which looks at a file once a minute.
"""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

from bench import ours
from bench.figures import Goal
from bench.machine import Stage
from bench.race import Ask, Contender, Load, Place, Race, python
from bench.web import NGINX, nginx

PEERS = Path(__file__).with_name("peers")
CACHING = "nginx, open_file_cache"
OURS = "sockwright"
SMALL, LARGE = "1 KiB", "1 MiB"
NAMES = {SMALL: ("small.txt", 1024), LARGE: ("large.bin", 1024 * 1024)}


def content(size: int) -> bytes:
    """Return bytes that are text and do not repeat, always the same ones."""
    made = b"".join(hashlib.sha256(b"%d" % number).hexdigest().encode() for number in range(size // 64 + 1))
    return made[:size]


@cache
def site() -> Path:
    """Write the files to be served, once for all contenders, and return where they are.

    They are some seconds old when the first one starts, so that nobody takes them for changing.
    """
    root = Path(tempfile.mkdtemp(prefix="bench-site-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    root.chmod(0o755)
    (root / "static").mkdir()  # one of the peers can serve none but below a path
    for name, size in NAMES.values():
        (root / "static" / name).write_bytes(content(size))
    time.sleep(2.5)
    return root


def serving(command: Callable[[Place, Path], Sequence[str]]) -> Callable[[Place], Sequence[str]]:
    """Return what starts a contender that serves a folder."""
    return lambda place: command(place, site())


def with_nginx(extra: str = "") -> Callable[[Place], Sequence[str]]:
    return serving(lambda place, root: nginx(place, f"root {root}; sendfile on; {extra}"))


def granian(place: Place, root: Path) -> Sequence[str]:
    """Return the command of granian, which serves files in Rust beside a Python program."""
    words = ["-m", "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", str(place.port)]
    words += ["--static-path-route", "/static", "--static-path-mount", str(root / "static"), "--backlog", "4096"]
    return python(*words, "--no-access-log", "--log-level", "error", "hello_asgi:app")


def python_path(place: Place) -> Mapping[str, str]:
    return {"PYTHONPATH": str(PEERS)}


def peer(word: str) -> Callable[[Place], Sequence[str]]:
    """Return the command of a peer in `static_peers`."""
    return serving(lambda place, root: python(str(PEERS / "static_peers.py"), word, str(place.port), str(root)))


def asking(size: str, connections: int) -> Load:
    name, count = NAMES[size]

    def measure(contender: Contender, stage: Stage) -> Mapping[str, float]:
        words = ("--connections", str(connections), "--path", f"/static/{name}", "--same", f"@{name}")
        return Ask("http_load", words, files={name: content(count)})(contender, stage)

    return Load(f"{size}, {connections} connections", measure)


FILES = Race(
    "files",
    "files of a folder, kept connections, one request in flight each",
    (
        Contender(NGINX, with_nginx(), "yardstick", needs=("nginx",)),
        Contender(CACHING, with_nginx("open_file_cache max=1000;"), needs=("nginx",)),
        Contender(
            OURS,
            serving(lambda place, root: ours.serve(OURS, "http", f"files:{root}").command(place)),
            "ours",
            environment=ours.home,
        ),
        Contender("granian", serving(granian), "python", ("module:granian",), environment=python_path),
        Contender("aiohttp", peer("aiohttp"), "python", ("module:aiohttp", "module:uvloop")),
        Contender("uvicorn + Starlette", peer("starlette"), "python", ("module:uvicorn", "module:starlette")),
        Contender("http.server, threads", peer("stdlib"), "python"),
    ),
    (asking(SMALL, 50), asking(LARGE, 10)),
    (
        Goal(OURS, NGINX, 0.7, loads=(f"{SMALL}, 50 connections",)),
        Goal(OURS, "best python", 2.5, loads=(f"{SMALL}, 50 connections",)),
        Goal(OURS, NGINX, 1.0, loads=(f"{LARGE}, 10 connections",)),
    ),
    NGINX,
    columns=(
        ("rate", "answers/s"),
        ("p50_us", "p50 µs"),
        ("p99_us", "p99 µs"),
        ("cpu_us", "CPU µs"),
        ("lost", "opened anew"),
    ),
    loss_is_error=False,  # a server may close after an answer; opening anew is paid for in the rate
)
