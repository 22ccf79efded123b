"""Faults on one stream: the pipes in its way, and what happens at their ends.

    read -> journal -> inbound pipe  -> deliver -> conversation
    write <- journal <- outbound pipe <- send <----'

What no fault has a say in goes past a pipe, on the stream's usual way; what goes through comes out here.
"""

from __future__ import annotations

from collections.abc import Callable
from time import time
from typing import TYPE_CHECKING

from sockwright.faults.plan import Row
from sockwright.journal.records import FAULT, FIN, RST
from sockwright.transport.pipe import Outlet, Pipe

if TYPE_CHECKING:
    from sockwright.transport.streams import Stream


class Bending:
    """What stands in the way of one stream. It has no state of its own but the stream."""

    __slots__ = ("_stream",)

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def stand(self, up: Row | None, down: Row | None) -> None:
        """Put these faults in the way, in the place of those that stand there."""
        stream = self._stream
        stream.hear = None
        if stream.inbound is not None:
            stream.inbound.change(up)
        elif up is not None and up.hear is not None:
            stream.hear = up.hear
        elif up is not None:
            ends = (self._deliver, self._deliver_end, self._break, self._fired("to server"), self._paced)
            stream.inbound = Pipe(up, Outlet(*ends, self._inbound_healed))
        if stream.outbound is not None:
            stream.outbound.change(down)
        elif down is not None:
            ends = (self._emit, self._emit_end, self._break, self._fired("to client"), self._outpaced)
            stream.outbound = Pipe(down, Outlet(*ends, self._outbound_healed))

    # -- where the pipes end

    def _fired(self, way: str) -> Callable[[str, str], None]:
        journal, number = self._stream.journal, self._stream.number
        return lambda fault, why: journal.append((FAULT, number, time(), (fault, way, why), 0))

    def _deliver(self, data: bytes) -> None:
        self._stream.last = now = time()
        self._stream.deliver(data, now)

    def _deliver_end(self, closes: bool) -> None:
        self._stream.deliver_end(time())

    def _emit(self, data: bytes) -> None:
        self._stream.last = time()
        self._stream.emit(data)

    def _emit_end(self, closes: bool) -> None:
        stream = self._stream
        if closes and not stream.closing:
            stream.ended_by("us", FIN, "cut by a fault")
            stream.closing = True
        stream.emit_end()

    def _break(self) -> None:
        self._stream.ended_by("us", RST, "reset by a fault")
        self._stream.reset()

    def _paced(self, full: bool) -> None:
        self._stream.pace()

    def _outpaced(self, full: bool) -> None:
        """The outbound pipe holds so much that nobody should say more, or has room again."""
        if full:
            self._stream.choke()
        else:
            self._stream.unchoke()

    def _inbound_healed(self) -> None:
        self._stream.inbound = None

    def _outbound_healed(self) -> None:
        self._stream.outbound = None
        self._stream.choose_inline()
