"""How much the journal may keep, and how often it looks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Each has its reason; all can be set under `[limits.journal]` in sockwright.toml."""

    # Records that wait for the writer thread. At 200,000 a second this is half a second of standstill.
    ring: int = 1 << 17
    # Seconds between two looks of the writer thread: `watch` shows a row within 0.3 s, and a batch is worth its commit.
    tick: float = 0.04
    # Bytes of recent batches in memory, for who watches inside the process and for times when the file fails.
    memory: int = 32 << 20
    # Connections whose summary is kept in memory; the oldest that ended goes first.
    connections: int = 10_000
    # What goes on to memory and file; above it bodies, then records of long connections, are left out and counted.
    records_per_second: int = 50_000
    bytes_per_second: int = 16 << 20
