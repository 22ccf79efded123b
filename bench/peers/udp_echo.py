"""UDP echo the plain way, one for each style Python has: `udp_echo.py STYLE PORT`."""

from __future__ import annotations

import asyncio
import socket
import socketserver
import sys
from typing import Any, cast

ROOM = 1 << 20  # bytes of receive buffer, as the yardstick asks for


class Echo(asyncio.DatagramProtocol):
    """Send each datagram back."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.sendto = cast(asyncio.DatagramTransport, transport).sendto

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.sendto(data, addr)


def bound(port: int) -> socket.socket:
    """Return a socket bound to the port."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
    sock.bind(("127.0.0.1", port))
    return sock


async def protocol(port: int) -> None:
    """Serve with a `DatagramProtocol`."""
    await asyncio.get_running_loop().create_datagram_endpoint(Echo, sock=bound(port))
    await asyncio.Event().wait()


def blocking(port: int) -> None:
    """Serve with the loop that every textbook has."""
    sock = bound(port)
    while True:
        data, peer = sock.recvfrom(65536)
        sock.sendto(data, peer)


class Handler(socketserver.BaseRequestHandler):
    """Send the datagram back."""

    def handle(self) -> None:
        data, sock = self.request
        sock.sendto(data, self.client_address)


def main(style: str, port: int) -> None:
    """Serve until killed."""
    if style == "uvloop-protocol":
        import uvloop

        uvloop.run(protocol(port))
    elif style == "asyncio-protocol":
        asyncio.run(protocol(port))
    elif style == "blocking":
        blocking(port)
    elif style == "socketserver":
        socketserver.UDPServer(("127.0.0.1", port), Handler).serve_forever()
    else:
        sys.exit(f"no style {style}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
