"""Turns: what the streams of one loop read in one turn of it is worked off together.

Read all, answer and record all, write all. The same work message by message costs a tenth more with 50 connections
and more with 500: reading and writing are the system's, answering is ours, and each pushes the other's code and data
out of the caches.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import time
from typing import TYPE_CHECKING, Any

from sockwright.binding import failure
from sockwright.journal.records import EXCHANGED

if TYPE_CHECKING:
    from sockwright.transport.streams import Stream


class Turn:
    """One per loop. Streams put what they read into `arrived`, and what they send during a turn into `writes`."""

    __slots__ = ("_bug", "_loop", "arrived", "running", "writes")

    def __init__(self, loop: asyncio.AbstractEventLoop, bug: Callable[[BaseException], None]) -> None:
        self._loop = loop
        self._bug = bug
        self.arrived: list[tuple[Stream, bytes]] = []
        self.writes: list[tuple[Callable[[Any], None], Any]] = []  # bytes, or a file's part for who sends those
        self.running = False

    def begin(self) -> None:
        """Have `run` called when everything that is there has been read."""
        self._loop.call_soon(self.run)

    def run(self) -> None:
        """Answer everything that arrived, then write everything that was said. The hot path."""
        if self.running or not self.arrived:
            return
        self.running = True
        arrived, writes = self.arrived, self.writes
        now = time()
        for stream, data in arrived:
            inline = stream.inline
            answer: bytes | None = None
            if inline is not None:
                try:
                    answer = inline(data)
                except Exception as wrong:  # noqa: BLE001 - somebody else's code
                    stream.failed(data, now, failure(wrong))
                    continue
            try:
                if inline is None and (timely := stream.timely) is not None:
                    answer = timely(data, now)
                if not answer:
                    if answer is None:
                        stream.arrived(data, now)
                    else:
                        stream.count_received(data, now)
                    continue
            except Exception as wrong:  # noqa: BLE001 - one connection's trouble must not end all others
                self._broken(stream, wrong)
                continue
            # One record for both directions, and no call but the service's own: each costs a twentieth of the whole.
            size = len(data)
            size_sent = len(answer)
            outbound = stream.outbound
            if outbound is not None:
                calm = outbound.calm - size_sent
                if calm >= 0:  # what `passes` does, without the call
                    outbound.calm = calm
                elif (dice := outbound.dice) is not None and dice.left:  # one whole answer to one whole message
                    dice.left -= 1
                    dice.count += 1
                else:
                    try:
                        if stream.hear is not None:
                            stream.hear(data)
                        if not outbound.passes(answer):
                            stream.count_received(data, now)
                            outbound.feed(answer, now)
                            continue
                    except Exception as wrong:  # noqa: BLE001 - a fault may be somebody else's code
                        self._broken(stream, wrong)
                        continue
            stream.last = now
            stream.received += size
            stream.sent += size_sent
            stream.exchanges += 1
            append = stream.append  # a call of an attribute would look for a method first
            append(
                (
                    EXCHANGED,
                    stream.number,
                    now,
                    data if size <= 1024 else stream.kept(data),
                    size,
                    None if answer is data else answer if size_sent <= 1024 else stream.kept(answer),
                    size_sent,
                )
            )
            writes.append((stream.write, answer))  # type: ignore[arg-type]  # set as long as data comes
        del arrived[:]
        self.running = False
        self.flush()

    def flush(self) -> None:
        """Write what was said so far; before a FIN, a reset or a change to TLS."""
        writes = self.writes
        if writes:
            for write, data in writes:
                write(data)
            del writes[:]

    def _broken(self, stream: Stream, wrong: BaseException) -> None:
        """A mistake of ours: end this connection, and go on with the others."""
        self._bug(wrong)
        stream.finish(f"a mistake in sockwright itself: {type(wrong).__name__}", how="error")
