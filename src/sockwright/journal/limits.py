"""How much the journal keeps, and how often it looks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Each has its reason; sizes in bytes, times in seconds."""

    # Records that wait for the writer thread. At 200,000 a second this is half a second of standstill.
    ring: int = 1 << 17
    # Between two looks of the writer thread: `watch` shows a row within 0.3 s, and a batch is worth its commit.
    tick: float = 0.04
    # The same while nothing happens.
    idle_tick: float = 0.1
    # Recent batches in memory: for who watches inside the process, and for times when the file fails.
    memory: int = 32 << 20
    # Connections in memory whose end was seen; open ones are always there.
    connections: int = 10_000

    # What is kept for long: so much at once ...
    burst_records: int = 100_000
    burst_bytes: int = 16 << 20
    burst_connections: int = 20_000
    # ... and so much per second after that. A load test that runs for an hour must not push last week out of the file.
    records_per_second: int = 10_000
    bytes_per_second: int = 1 << 20
    connections_per_second: int = 2_000

    # The file: whichever comes first. The oldest batches go, with the connections that they told of.
    file: int = 1_000_000_000
    age: float = 7 * 86400.0
    # The write-ahead log is emptied into the file when it is longer than this.
    wal: int = 32 << 20
    # How long another process may hold the file before `trouble` says so.
    busy: float = 5.0
    # Between two attempts to open a file that gave trouble.
    retry: float = 5.0
    # Connection numbers that a run reserves to begin with; it reserves more before they run out.
    numbers: int = 1_000
