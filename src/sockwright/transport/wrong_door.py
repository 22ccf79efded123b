"""A client in clear at a port that speaks TLS: tell it so in words it understands, instead of hanging up without one.

HTTP gets an answer in HTTP, as nginx gives it; everybody else the TLS alert that other clients, and ours, know TLS by.
The handshake has closed its socket by then, so it is told over a second descriptor, held while the handshake lasts.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl

# protocol_version(70), fatal, in a record of TLS 1.0, which every version may read (RFC 8446, 5.1 and 6).
ALERT = bytes((0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 70))
# How long a client may take to hear it (seconds).
PATIENCE = 1.0
MOST_UNREAD = 1 << 20  # bytes that it may still send

_WORDS = "This port speaks TLS, and the request came in clear: write https:// instead of http://\n"
_HTTP = (
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n"
    f"Content-Length: {len(_WORDS)}\r\n\r\n{_WORDS}"
).encode()


def answer_to(trouble: Exception) -> bytes:
    """Return what to say in clear to whom a handshake failed with; b"" where it did speak TLS, or nothing."""
    if not isinstance(trouble, ssl.SSLError):
        return b""
    words = str(trouble)
    if "HTTP_REQUEST" in words:
        return _HTTP
    return ALERT if "WRONG_VERSION_NUMBER" in words or "UNKNOWN_PROTOCOL" in words else b""


async def send_away(sock: socket.socket, said: bytes) -> None:
    """Say `said`, hang up, and read on until it is heard: closing with unread input would throw it away."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError, TimeoutError), sock:
        sock.send(said)  # fits into the empty buffer of a new connection
        sock.shutdown(socket.SHUT_WR)
        unread = 0
        async with asyncio.timeout(PATIENCE):
            while unread < MOST_UNREAD and (data := await loop.sock_recv(sock, 65_536)):
                unread += len(data)
