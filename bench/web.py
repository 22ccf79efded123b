"""HTTP hello: the smallest answer there is, so that nothing but the conversation itself is measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench import ours
from bench.figures import Goal
from bench.race import Ask, Contender, Load, Place, Race, python

PEERS = Path(__file__).with_name("peers")
NGINX = "nginx, one worker"
UVICORN = "uvicorn"
OURS = "sockwright"

NGINX_CONFIG = """\
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; default_type text/plain;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    {locations}
  }}
}}
"""


def nginx(place: Place, locations: str) -> Sequence[str]:
    """Write nginx's configuration into the contender's folder and return its command.

    `locations` goes into the one server: `location / { return 200 "hello"; }`.
    """
    config = place.folder / "nginx.conf"
    user = "user root;\n" if _is_root() else ""  # the worker must reach the folder, which is ours alone
    config.write_text(user + NGINX_CONFIG.format(folder=place.folder, port=place.port, locations=locations), "utf-8")
    return ["nginx", "-p", str(place.folder), "-c", str(config)]


def _is_root() -> bool:
    import os

    return hasattr(os, "geteuid") and os.geteuid() == 0


def uvicorn(place: Place) -> Sequence[str]:
    """Return uvicorn's command in its quickest setting: uvloop, httptools, no access log."""
    words = ["-m", "uvicorn", "hello_asgi:app", "--app-dir", str(PEERS), "--host", "127.0.0.1", "--loop", "uvloop"]
    return python(*words, "--http", "httptools", "--no-access-log", "--log-level", "warning", "--port", str(place.port))


def waitress(place: Place) -> Sequence[str]:
    """Return waitress's command."""
    program = (
        "import sys, waitress, hello_wsgi as h; waitress.serve(h.app, listen=sys.argv[1], backlog=4096, threads=8)"
    )
    return python("-c", program, f"127.0.0.1:{place.port}")


HTTP = Race(
    "http",
    "hello, kept connections, one request in flight each",
    (
        Contender(
            NGINX,
            lambda place: nginx(place, 'location / { return 200 "Hello World!"; }'),
            "yardstick",
            needs=("nginx",),
        ),
        ours.serve(OURS, "http", "hello"),
        Contender(UVICORN, uvicorn, "python", ("module:uvicorn", "module:uvloop", "module:httptools")),
        Contender(
            "waitress", waitress, "python", ("module:waitress",), environment=lambda place: {"PYTHONPATH": str(PEERS)}
        ),
        Contender("http.server, threads", lambda p: python(str(PEERS / "hello_stdlib.py"), str(p.port)), "python"),
        Contender("Node http", lambda p: ["node", str(PEERS / "http_hello.js"), str(p.port)], needs=("node",)),
    ),
    (Load("50 connections", Ask("http_load", ("--connections", "50", "--holds", "Hello World!"))),),
    (Goal(OURS, NGINX, 0.65), Goal(OURS, UVICORN, 2.75), Goal(OURS, "best python", 1.0)),
    NGINX,
    columns=(
        ("rate", "requests/s"),
        ("p50_us", "p50 µs"),
        ("p99_us", "p99 µs"),
        ("cpu_us", "CPU µs"),
        ("lost", "opened anew"),
    ),
    loss_is_error=False,  # a server may close after an answer; opening anew is paid for in the rate
)
