"""The limits of transport: each with a unit, a default and a reason. A protocol's own limits stand in its room."""

from __future__ import annotations

import struct
import sys
from dataclasses import dataclass

# A burst of clients must find a place to wait: 10,000 connects take 0.3 s with 4096 and 17 s with 128.
BACKLOG = 4096
# Connections accepted in one turn of the loop: those already here must not wait for a flood at the door.
ACCEPTS_PER_TURN = 64
# How long accepting rests when descriptors ran out or the bench is full (seconds).
ACCEPT_REST = 0.5
# Descriptors kept in reserve, so that files and the journal still open when sockets have eaten all others.
RESERVED_DESCRIPTORS = 8
# How often deadlines are looked at (seconds): they are promises to the second, not to the millisecond.
SWEEP = 0.25
# Datagrams taken in one turn of the loop: a flood over UDP must not starve everybody else.
DATAGRAMS_PER_TURN = 64
# The largest payload of a datagram over IPv4 (bytes): 65,535 less the headers of IP (20) and UDP (8).
LARGEST_DATAGRAM = 65_507
# For SO_LINGER: on, zero seconds. close() then sends RST and throws away what is unsent.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
# The most that the descriptor limit is raised to, where the hard limit allows.
MOST_DESCRIPTORS = 65_536


@dataclass(frozen=True, slots=True)
class Limits:
    """What one peer, and all of them together, may take. Seconds and bytes."""

    # Under 0.8 of the descriptors, so that accepting stops before the system refuses.
    connections: int = 10_000
    # One stranger must not take all places; on the loopback every client is "one source".
    connections_per_source: int = 1_000
    # Nothing said by either side for so long: the peer is gone or has forgotten us.
    idle: float = 300.0
    # The peer takes nothing of what we send for so long: it is stuck, and its answer costs us memory.
    write_stall: float = 20.0
    # After our FIN we still read for so long, so that unread input does not turn our FIN into an RST.
    linger: float = 2.0
    # ... and so many bytes at most.
    linger_bytes: int = 16 * 1024 * 1024
    # A TLS handshake must be over by then.
    handshake: float = 10.0
    # Above this many unsent bytes of one connection we stop reading from it (backpressure).
    write_buffer: int = 64 * 1024
    # Bytes of one connection that the journal keeps whole; of every later chunk it keeps `chunk_kept`.
    body_kept: int = 1024 * 1024
    chunk_kept: int = 1024
    # A call that has no answer by then is refused; its thread is left behind.
    call: float = 10.0
    # A hosted application must have begun its answer by then; gunicorn's and PHP's habit.
    answer: float = 30.0
    # Threads for services that may block.
    workers: int = 32
    # Calls that may wait for a free worker, all connections together.
    calls_waiting: int = 10_000
    # Sessions of plain `def` services, each with a thread of its own.
    session_threads: int = 200
    # UDP: addresses remembered, and for how long after their last datagram.
    flows: int = 10_000
    flow_idle: float = 30.0
    # UDP beyond the loopback: answers a second to one source (amplification).
    answers_per_second: int = 100
    # How long running conversations may go on after SIGTERM.
    grace: float = 5.0


def raise_descriptor_limit() -> int:
    """Raise the soft limit of open descriptors as far as allowed and sensible; return what it is now."""
    if sys.platform == "win32":
        return MOST_DESCRIPTORS
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        except (ValueError, OSError):  # macOS promises more than it gives
            pass
    return MOST_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft


def most_connections(wanted: int, descriptors: int) -> int:
    """Return how many connections may be open at once with so many descriptors."""
    return max(1, min(wanted, int(descriptors * 0.8) - 64))
