"""One exchange over TCP or UDP: something is said, the answer comes back as a value."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sockwright import config
from sockwright.client.post import Post
from sockwright.client.talk import WAIT, Event, Frame, Outgoing, Prepared, Sent, Talk
from sockwright.endpoint import Endpoint, Peer
from sockwright.errors import ConfigError, PeerError
from sockwright.transport.connection import Arrival, Connection
from sockwright.transport.dial import CONNECT_WAIT, dial
from sockwright.wire.framing import Framing, framing

LIMIT = 64 * 1024 * 1024  # bytes of an answer kept in memory; more belongs into a file


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a peer answered: in the reads that brought it, and in frames where there was a framing.

    `ended` says how: "fin" (the peer hung up), "done" (all frames came), "idle" (nobody said more).
    """

    peer: Peer
    sent: tuple[Sent, ...]
    arrivals: tuple[Arrival, ...]
    frames: tuple[bytes, ...]
    ended: str
    seconds: float

    @property
    def content(self) -> bytes:
        """All that came, as it came."""
        return b"".join(arrival.data for arrival in self.arrivals)

    @property
    def text(self) -> str:
        """The same as text. Raises: UnicodeDecodeError where it is not UTF-8."""
        return self.content.decode()


def framing_of(endpoint: Endpoint, frame: str | None = None) -> tuple[Framing | None, str]:
    """Return what cuts a peer's answers and the name of the framing: `frame`, else the endpoint's option, else none.

    Raises: ConfigError.
    """
    name = frame or endpoint.options.get("frame", "")
    cutter = framing(name) if name else None
    return (None if name == "raw" else cutter), name


def wait_of(endpoint: Endpoint, wait: float | None = None) -> float:
    """Return the seconds of silence after which we give up: `wait`, else the endpoint's option, else the default.

    Raises: ConfigError.
    """
    if wait is not None:
        return wait
    said = endpoint.options.get("wait")
    try:
        return WAIT if said is None else config.duration(said)
    except ValueError as wrong:
        raise ConfigError(f"wait= in {endpoint}: {wrong}") from None


def exchange(
    endpoint: Endpoint,
    messages: Sequence[bytes],
    *,
    wait: float | None = None,
    frame: str | None = None,
    split: int = 0,
    gap: float = 0.0,
    timeout: float | None = None,
    limit: int = LIMIT,
) -> Exchange:
    """Say `messages` to `endpoint`, and return the answer once it is whole.

    With a framing each message is a frame, and the answer is whole when as many came back; without, messages are
    said as they are, we half-close, and it is whole when the peer hangs up. Over UDP each is a datagram.

    Raises: TimeoutError when nothing came for `wait` seconds, or all of it took more than `timeout`; OSError where the
    endpoint cannot be reached or the peer breaks off; PeerError where it breaks its framing or says more than `limit`
    bytes.
    """
    began = time.monotonic()
    silence = wait_of(endpoint, wait)
    cutter, name = framing_of(endpoint, frame)
    encoder = framing(name) if name else None
    encoded = [encoder.encode(message) for message in messages] if encoder is not None else list(messages)
    outgoing = Prepared(encoded, split)
    if endpoint.protocol == "udp":
        post = Post(endpoint, outgoing, wait=silence, gap=gap, timeout=timeout)
        sent, arrivals, _ = _collected(post.events(), limit)
        result = Exchange(post.peer, sent, arrivals, (), post.ended, time.monotonic() - began)
        return _whole(endpoint, result, silence)
    with dial(endpoint, silence or CONNECT_WAIT) as connection:
        talk = talk_over(connection, outgoing, cutter, name, wait=silence, gap=gap, timeout=timeout)
        sent, arrivals, frames = _collected(talk.events(), limit)
        result = Exchange(connection.peer, sent, arrivals, frames, talk.ended, time.monotonic() - began)
    if cutter is not None and talk.answered < max(outgoing.asked, 1) and talk.ended not in ("idle", "time-out"):
        raise ConnectionAbortedError(f"{result.peer} hung up after {talk.answered} of {outgoing.asked} answers")
    return _whole(endpoint, result, silence)


def talk_over(
    connection: Connection,
    outgoing: Outgoing,
    cutter: Framing | None,
    frame: str,
    *,
    wait: float,
    gap: float = 0.0,
    patient: bool = False,
    timeout: float | None = None,
) -> Talk:
    """Return the talk that fits a framing: where frames end themselves, nobody need half-close."""
    half_close = cutter is None or frame == "eof"
    return Talk(
        connection,
        outgoing,
        wait=wait,
        gap=gap,
        framing=cutter,
        half_close=half_close,
        needs_end=frame == "eof",
        patient=patient,
        timeout=timeout,
    )


def _collected(events: Iterator[Event], limit: int) -> tuple[tuple[Sent, ...], tuple[Arrival, ...], tuple[bytes, ...]]:
    sent: list[Sent] = []
    arrivals: list[Arrival] = []
    frames: list[bytes] = []
    size = 0
    for event in events:
        match event:
            case Sent():
                sent.append(event)
            case Frame():
                frames.append(event.data)
            case Arrival():
                arrivals.append(event)
                size += len(event.data)
                if size > limit:
                    raise PeerError(f"the answer is longer than the {limit} bytes allowed", offset=size)
    return tuple(sent), tuple(arrivals), tuple(frames)


def _whole(endpoint: Endpoint, result: Exchange, wait: float) -> Exchange:
    """Return `result` where it is whole. Raises: TimeoutError, ConnectionAbortedError."""
    if result.ended == "idle":
        came = f"{len(result.content)} bytes came, then nothing" if result.arrivals else "nothing came"
        raise TimeoutError(f"{came} from {endpoint.authority} for {config.duration_text(wait)}")
    if result.ended == "time-out":
        raise TimeoutError(f"{endpoint.authority} was not done after {config.duration_text(result.seconds)}")
    if result.ended == "cut":
        raise ConnectionAbortedError(f"{result.peer} ended without TLS's farewell: the answer may be cut off")
    return result
