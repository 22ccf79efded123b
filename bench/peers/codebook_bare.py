"""What Python reaches with nothing on top: `codebook_bare.py PORT WORDS`.

A uvloop `Protocol` and a dictionary: no limits, no unknown words, no other spellings, no journal.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from pathlib import Path
from typing import cast

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench import words

port, count = map(int, sys.argv[1:])
book = dict(words.book(count))


class Bare(asyncio.Protocol):
    """Answers line by line; what is behind the last line waits for its end."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.write = cast(asyncio.Transport, transport).write
        self.rest = b""

    def data_received(self, data: bytes) -> None:
        *lines, self.rest = (self.rest + data).split(b"\n")
        if lines:
            self.write(b"".join([b" ".join([book[word] for word in line.split()]) + b"\n" for line in lines]))


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


gc.freeze()
gc.set_threshold(50_000, 20, 100)
with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    runner.run(serve())
