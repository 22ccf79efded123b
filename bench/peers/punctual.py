"""A client that looks at the clock: `punctual.py late PORT SECONDS DELAY` or `punctual.py slow PORT SECONDS RATE`."""

from __future__ import annotations

import json
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

WAIT = 30.0  # seconds
CONNECTIONS = 4  # of `late`: more requests in the time, and so a p99 that more than two or three of them make


def dialled(port: int) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), WAIT)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def late(port: int, seconds: float, delay: float) -> dict[str, float]:
    """Return how far requests are from their time, in ms; on each of a few connections one after the other."""

    def ask(number: int) -> list[float]:
        off: list[float] = []
        with dialled(port) as sock:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                began = time.perf_counter()
                sock.sendall(b"x")
                sock.recv(1)
                off.append(abs(time.perf_counter() - began - delay) * 1000)
                # Answers come when a timer ticks; who asks again at once would always ask just after a tick.
                time.sleep((len(off) * CONNECTIONS + number) % 40 / 40_000)
        return off

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        off = sorted(chain.from_iterable(pool.map(ask, range(CONNECTIONS))))
    return {"p50_ms": off[len(off) // 2], "p99_ms": off[len(off) * 99 // 100], "count": len(off)}


def slow(port: int, seconds: float, rate: float) -> dict[str, float]:
    """Return how far the time of a download is from what the rate says, in per cent."""
    with dialled(port) as sock:
        return download(sock, seconds, rate)


def download(sock: socket.socket, seconds: float, rate: float) -> dict[str, float]:
    size = int(rate * seconds)
    sock.setblocking(False)
    out, back = memoryview(bytes(size)), 0
    began = time.perf_counter()
    while back < size:
        try:
            out = out[sock.send(out[:65536]) :] if out else out
        except BlockingIOError:
            pass
        try:
            back += len(sock.recv(1 << 20))
        except BlockingIOError:
            time.sleep(0.0005)
    took = time.perf_counter() - began
    return {"off_percent": abs(took / (size / rate) - 1) * 100, "MB_per_s": back / took / 1e6}


if __name__ == "__main__":
    kind, port, seconds, value = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
    print(json.dumps({"late": late, "slow": slow}[kind](port, seconds, value)))
