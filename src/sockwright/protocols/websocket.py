"""What follows a switch to WebSocket (RFC 6455, 5 to 7): messages, pings, and the closing handshake.

    open --client's Close--> answered --> FIN          open --session's Close--> closing --client's Close--> FIN
      '--a rule is broken, too long, silent--> Close --> FIN     '--nothing within CLOSES--> FIN

Between us and the session a frame is a message behind its opcode, one byte; that of a Close is its code and reason.
"""

from __future__ import annotations

from dataclasses import dataclass

from sockwright.conversation import Action, Close, Note, Tell
from sockwright.errors import PeerError
from sockwright.wire import websocket
from sockwright.wire.websocket import CLOSE, PING, PONG, FrameReader, close_frame, frame

PRESENT = bytes((CLOSE,))


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and bytes."""

    message: int = websocket.LARGEST
    # Silence of this length is asked about, and once more of it ends the connection.
    silence: float = 20.0
    # The client's part of the closing handshake.
    closes: float = 5.0


class WebSocket:
    """One connection after its 101. `deadline` is when `expired` shall be called."""

    def __init__(self, now: float, offset: int, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._reader = FrameReader(self._limits.message, offset)
        self._asked = False  # a ping is out
        self._closing = False  # our Close is out
        self.over = False
        self.deadline: float | None = now + self._limits.silence

    def feed(self, data: bytes, now: float) -> list[Action]:
        """Return what is to be done about what came."""
        if self.over:
            return []
        self._asked = False
        if not self._closing:
            self.deadline = now + self._limits.silence
        out: list[Action] = []
        try:
            messages = self._reader.feed(data)
        except PeerError as wrong:
            self._refuse(wrong, out)
            return out
        for opcode, payload in messages:
            if opcode == PING:
                out.append(frame(PONG, payload))
            elif opcode == CLOSE:
                self._closed(payload, out)
            elif opcode != PONG and not self._closing:
                out.append(Tell(bytes((opcode,)) + payload))
        return out

    def _closed(self, payload: bytes, out: list[Action]) -> None:
        """The client closes, of itself or in answer to us."""
        if not self._closing:
            out.append(frame(CLOSE, payload[:2]))
            out.append(Tell(PRESENT + payload))
        self._end(out)

    def _refuse(self, wrong: PeerError, out: list[Action]) -> None:
        kind = "limit" if wrong.code == websocket.TOO_LARGE else "malformed"
        about = {"status": wrong.code, "rule": wrong.section, "offset": wrong.offset, "message": wrong.args[0]}
        out.append(Note(kind, about))
        if not self._closing:
            out.append(close_frame(wrong.code, str(wrong.args[0])))
            out.append(Tell(PRESENT + wrong.code.to_bytes(2) + str(wrong.args[0]).encode()))
        self._end(out, str(wrong.args[0]), "error")

    def said(self, data: bytes, now: float) -> list[Action]:
        """Send what the session says: a message, or that it closes."""
        if self._closing or self.over:
            return []
        if data[:1] == PRESENT:
            self._closing = True
            self.deadline = now + self._limits.closes
            return [frame(CLOSE, data[1:])]
        return [frame(data[0], data[1:])]

    def ended(self, now: float, *, failed: bool) -> list[Action]:
        """The session is over."""
        code = websocket.FAILED if failed else websocket.NORMAL
        return self.said(PRESENT + code.to_bytes(2), now)

    def half_closed(self) -> list[Action]:
        """The client's FIN came without a Close."""
        out: list[Action] = []
        if not self.over:
            if not self._closing:
                out.append(Tell(b""))
            self._end(out)
        return out

    def expired(self, now: float) -> list[Action]:
        """Nothing came for long: ask, or give up."""
        if self._closing:
            out: list[Action] = []
            self._end(out, "the client did not close in time", "time-out")
            return out
        if self._asked:
            out = [Tell(b"")]
            self._end(out, "the client did not answer a ping", "time-out")
            return out
        self._asked = True
        self.deadline = now + self._limits.silence
        return [frame(PING, b"")]

    def stopping(self, now: float) -> list[Action]:
        """The bench shuts down."""
        return self.said(PRESENT + websocket.GOING_AWAY.to_bytes(2) + b"shutting down", now)

    def _end(self, out: list[Action], reason: str = "", how: str = "fin") -> None:
        self.over = True
        self.deadline = None
        out.append(Close(reason, how=how))
