"""A client that looks at the clock: `punctual.py late PORT SECONDS DELAY` or `punctual.py slow PORT SECONDS RATE`."""

from __future__ import annotations

import json
import socket
import sys
import time

WAIT = 30.0  # seconds


def late(sock: socket.socket, seconds: float, delay: float) -> dict[str, float]:
    """Return how far requests, one after the other, are from their time, in ms."""
    off: list[float] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.perf_counter()
        sock.sendall(b"x")
        sock.recv(1)
        off.append(abs(time.perf_counter() - began - delay) * 1000)
    off.sort()
    return {"p50_ms": off[len(off) // 2], "p99_ms": off[len(off) * 99 // 100], "count": len(off)}


def slow(sock: socket.socket, seconds: float, rate: float) -> dict[str, float]:
    """Return how far the time of a download is from what the rate says, in per cent."""
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
    with socket.create_connection(("127.0.0.1", port), WAIT) as made:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        print(json.dumps({"late": late, "slow": slow}[kind](made, seconds, value)))
