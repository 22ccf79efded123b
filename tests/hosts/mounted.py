"""An application on an endpoint, and one request to it."""

from __future__ import annotations

from tests.sockets import ask

from sockwright.endpoint import Peer, parse
from sockwright.protocols.routes import Route
from sockwright.workbench import BenchThread, Posting


class Mounted:
    """One application on one endpoint, and what it told the developer."""

    def __init__(self, bench: BenchThread, *routes: Route, **limits: object) -> None:
        posting = Posting(parse("http://127.0.0.1:0"), (), limits=limits, extra={"routes": routes}, label="app")
        self.bench = bench
        self.peer: Peer = bench.listen(posting).server.addresses[0]

    def ask(self, head: str, content: bytes = b"") -> tuple[int, dict[str, str], bytes]:
        """Send one request and return status, fields and what came behind them, as it came."""
        lines = f"{head}\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        return split(ask(self.peer, lines.encode("latin-1") + content))


def split(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, content = answer.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    return int(lines[0].split()[1]), {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}, content
