"""TCP echo the plain way, one for each style Python has: `tcp_echo.py STYLE PORT`."""

from __future__ import annotations

import asyncio
import socket
import socketserver
import sys
from collections.abc import Callable, Coroutine
from typing import Any, cast

BACKLOG = 4096


class Echo(asyncio.Protocol):
    """The shortest echo there is: no counters, no limits, no journal."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.write = cast(asyncio.Transport, transport).write

    def data_received(self, data: bytes) -> None:
        self.write(data)


async def protocol(port: int) -> None:
    """Serve with a `Protocol` class."""
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", port, backlog=BACKLOG)
    await server.serve_forever()


async def streams(port: int) -> None:
    """Serve with a `StreamReader` and a `StreamWriter`."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", port, backlog=BACKLOG)
    await server.serve_forever()


class Handler(socketserver.BaseRequestHandler):
    """One thread per connection that receives and sends."""

    def setup(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def handle(self) -> None:
        try:
            while data := self.request.recv(65536):
                self.request.sendall(data)
        except ConnectionError:
            pass


class Threads(socketserver.ThreadingTCPServer):
    """`socketserver` with the backlog it should have had."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = BACKLOG


def uvloop_run(serve: Callable[[int], Coroutine[Any, Any, None]], port: int) -> None:
    """Run on uvloop."""
    import uvloop

    uvloop.run(serve(port))


def main(style: str, port: int) -> None:
    """Serve until killed."""
    if style == "uvloop-protocol":
        uvloop_run(protocol, port)
    elif style == "asyncio-protocol":
        asyncio.run(protocol(port))
    elif style == "uvloop-streams":
        uvloop_run(streams, port)
    elif style == "asyncio-streams":
        asyncio.run(streams(port))
    elif style == "threads":
        Threads(("127.0.0.1", port), Handler).serve_forever()
    elif style == "threads-backlog-5":
        Threads.request_queue_size = 5
        Threads(("127.0.0.1", port), Handler).serve_forever()
    else:
        sys.exit(f"no style {style}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
