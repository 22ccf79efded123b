"""Programs of others behind our HTTP: the smallest WSGI and ASGI applications, and the servers made for them."""

from __future__ import annotations

from collections.abc import Sequence

from bench import ours, web
from bench.figures import Goal
from bench.race import Ask, Contender, Load, Place, Race, python

WSGI_APP = str(web.PEERS / "hello_wsgi.py") + ":app"
ASGI_APP = str(web.PEERS / "hello_asgi.py") + ":app"
OURS = "sockwright"
INLINE = "sockwright, hello inline"
WAITRESS = "waitress"
UVICORN = "uvicorn"

_LOAD = (Load("50 connections", Ask("http_load", ("--connections", "50", "--holds", "Hello World!"))),)
_COLUMNS = (
    ("rate", "requests/s"),
    ("p50_us", "p50 µs"),
    ("p99_us", "p99 µs"),
    ("cpu_us", "CPU µs"),
    ("lost", "opened anew"),
)


def granian(interface: str, module: str) -> Contender:
    """Return granian in one process, as it starts by itself."""

    def command(place: Place) -> Sequence[str]:
        words = ["--interface", interface, "--host", "127.0.0.1", "--port", str(place.port), "--workers", "1"]
        return python("-m", "granian", *words, "--log-level", "warning", f"{module}:app")

    return Contender(
        "granian", command, "python", ("module:granian",), environment=lambda place: {"PYTHONPATH": str(web.PEERS)}
    )


WSGI = Race(
    "wsgi",
    "a WSGI application that says hello, kept connections, one request in flight each",
    (
        Contender(
            WAITRESS,
            web.waitress,
            "python",
            ("module:waitress",),
            environment=lambda place: {"PYTHONPATH": str(web.PEERS)},
        ),
        ours.serve(OURS, "http", WSGI_APP),
        granian("wsgi", "hello_wsgi"),
        ours.serve(INLINE, "http", "hello"),
    ),
    _LOAD,
    (Goal(OURS, WAITRESS, 2.0),),
    WAITRESS,
    columns=_COLUMNS,
    loss_is_error=False,
)
ASGI = Race(
    "asgi",
    "an ASGI application that says hello, kept connections, one request in flight each",
    (
        Contender(UVICORN, web.uvicorn, "python", ("module:uvicorn", "module:uvloop", "module:httptools")),
        ours.serve(OURS, "http", ASGI_APP),
        granian("asgi", "hello_asgi"),
        ours.serve(INLINE, "http", "hello"),
    ),
    _LOAD,
    (Goal(OURS, UVICORN, 0.9),),  # which writes nothing down; our journal is on
    UVICORN,
    columns=_COLUMNS,
    loss_is_error=False,
)
