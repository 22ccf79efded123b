"""A web server with a mood: `moody_site.py PORT MOOD [ARGUMENT...]`.

delayed SECONDS ROOT   files below ROOT, each so much later
slow SECONDS           200 to everything, so much later
limited RATE           200 so often in a second, else 429 with Retry-After: 1; /early says how many came too early
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from pathlib import Path
from typing import ClassVar, cast

TYPES = {".html": "text/html", ".css": "text/css", ".png": "image/png", ".pdf": "application/pdf"}


def reply(status: str, body: bytes = b"", kind: str = "text/html", more: str = "") -> bytes:
    """Return a whole response."""
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Moody(asyncio.Protocol):
    """One connection; requests are answered in order, each after the mood's own delay."""

    mood = "slow"
    delay = 0.0
    root = Path()
    rate = 10
    granted: ClassVar[deque[float]] = deque()
    shut = 0.0
    early = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.data = b""

    def data_received(self, data: bytes) -> None:
        self.data += data
        while (end := self.data.find(b"\r\n\r\n")) >= 0:
            head, self.data = self.data[:end], self.data[end + 4 :]
            answer = self.answer(head.split(b" ", 2)[1].decode("latin-1"))
            asyncio.get_running_loop().call_later(self.delay, self.transport.write, answer)

    def answer(self, target: str) -> bytes:
        """Return what is to be said."""
        path = target.partition("?")[0]
        if path == "/robots.txt":
            return reply("404 Not Found")
        if self.mood == "limited":
            return self.limited(path)
        if self.mood == "slow":
            return reply("200 OK", b"ok")
        if path.startswith("/moved/"):
            return reply("301 Moved Permanently", more=f"Location: {path.removeprefix('/moved')}\r\n")
        if path.startswith("/loop/"):
            return reply("302 Found", more=f"Location: {path[:-1]}{'b' if path.endswith('a') else 'a'}\r\n")
        if path.startswith("/gone/"):
            return reply("410 Gone")
        file = self.root / path.lstrip("/").replace("%20", " ")
        if file.is_dir():
            file /= "index.html"
        if not file.is_file():
            return reply("404 Not Found")
        return reply("200 OK", file.read_bytes(), TYPES.get(file.suffix, "text/plain"))

    def limited(self, path: str) -> bytes:
        """Grant or refuse."""
        kind = type(self)
        if path == "/early":
            return reply("200 OK", str(kind.early).encode(), "text/plain")
        now = time.monotonic()
        # Who has asked before it could read the refusal is not early: a tenth of a second is more than that takes.
        kind.early += kind.shut - 0.9 < now - 0.0 < kind.shut - 0.02
        while self.granted and self.granted[0] <= now - 1:
            self.granted.popleft()
        if len(self.granted) < self.rate:
            self.granted.append(now)
            return reply("200 OK", b"ok")
        kind.shut = now + 1
        return reply("429 Too Many Requests", more="Retry-After: 1\r\n")


async def main(port: int, mood: str, *rest: str) -> None:
    """Serve until killed."""
    Moody.mood = mood
    if mood == "limited":
        Moody.rate = int(rest[0])
    else:
        Moody.delay = float(rest[0])
    if mood == "delayed":
        Moody.root = Path(rest[1])
    server = await asyncio.get_running_loop().create_server(Moody, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), *sys.argv[2:]))
