"""Framing: where one frame ends and the next begins in a stream of bytes.

    line     ends with LF; one CR before it belongs to the end, so telnet's lines are lines too
    crlf     ends with CR LF and nothing else; a lone CR or LF is content
    len2     two bytes of length (network order), then as many bytes
    len4     four bytes of length, then as many bytes
    fixed:N  every N bytes
    eof      all there is up to the end of the stream
    raw      no frames: what one read brought is handed on as it is

A `Framing` is fed with what the reads brought, wherever they were cut, and knows nothing of sockets. What a frame
says is left to whoever asked for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sockwright.errors import ConfigError, PeerError

FRAMINGS = ("line", "crlf", "len2", "len4", "fixed:N", "eof", "raw")
LONGEST = 1 << 20  # bytes in one frame: far beyond any line or message people write, little enough to hold thousands


CR, LF = b"\r\n"  # as numbers: `10 in data` takes a third of the time of `b"\n" in data`


class Framing(Protocol):
    """Cuts one direction of one stream.

    `broken` is set as soon as the stream makes no sense any more. `feed` raises it, but not before it has handed out
    the frames that came in front: then it is raised by the next `feed` or `finish`, and whoever cannot wait looks at
    `broken` after each `feed`.
    """

    broken: PeerError | None

    @property
    def pending(self) -> bool:
        """Tell whether a frame has begun and is not complete."""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the frames that `data` completes, without their ends.

        Raises: PeerError for a frame above the limit.
        """

    def finish(self) -> bytes | None:
        """Return the frame that the end of the stream completes, None where there is none.

        Raises: PeerError where the stream ends inside a frame.
        """

    def encode(self, frame: bytes) -> bytes:
        """Return the bytes that say `frame`.

        Raises: ValueError for a length that this framing cannot say.
        """

    def encode_all(self, frames: Sequence[bytes]) -> bytes:
        """Return the bytes that say all `frames`, for one write."""


def framing(name: str, limit: int = LONGEST) -> Framing:
    """Return the framing that a person calls `name`, at the beginning of a stream; `limit` in bytes a frame.

    Raises: ConfigError naming the framings there are.
    """
    kind, colon, count = name.partition(":")
    if kind == "fixed":
        if not (count.isascii() and count.isdecimal()) or not 1 <= int(count) <= limit:
            raise ConfigError(
                f"{name!r} does not say how many bytes a frame has",
                cure=f"write it like fixed:16; a frame has 1 to {limit} bytes",
            )
        return _Fixed(int(count))
    if not colon:
        match kind:
            case "line":
                return Lines(limit)
            case "crlf":
                return _StrictLines(limit)
            case "len2":
                return _Counted(2, limit)
            case "len4":
                return _Counted(4, limit)
            case "eof":
                return _Whole(limit)
            case "raw":
                return _Raw()
    raise ConfigError(f"there is no framing {name!r}", cure=f"framings: {', '.join(FRAMINGS)}")


class Lines:
    """One split per read. What came of an unfinished line is only looked at again when its end comes, so a peer that
    sends it byte by byte costs no copying."""

    __slots__ = ("_limit", "_offset", "_rest", "broken")

    END = b"\n"

    def __init__(self, limit: int) -> None:
        self.broken: PeerError | None = None
        self._limit = limit
        self._offset = 0  # of the unfinished line in the stream
        self._rest = bytearray()  # the unfinished line

    @property
    def pending(self) -> bool:
        return bool(self._rest)

    def feed(self, data: bytes) -> list[bytes]:
        if self.broken is not None:
            raise self.broken
        if not self._ends_in(data):
            self._keep(data)
            if self.broken is not None:
                raise self.broken
            return []
        if self._rest:
            data = b"".join((self._rest, data))
            self._rest.clear()
        lines = self._cut(data)
        rest = lines.pop()
        if len(data) > self._limit and max(map(len, lines)) > self._limit:
            return self._up_to_the_long_one(data)
        self._offset += len(data) - len(rest)
        if rest:
            self._keep(rest)
        return lines

    def skip(self, count: int) -> None:
        """Count whole lines, `count` bytes of them, that somebody else has read."""
        self._offset += count

    def _ends_in(self, data: bytes) -> bool:
        return LF in data

    def _cut(self, data: bytes) -> list[bytes]:
        if CR in data:
            data = data.replace(b"\r\n", b"\n")
        return data.split(b"\n")

    def _keep(self, data: bytes) -> None:
        self._rest += data
        size = len(self._rest)
        # A CR at the very end may be half of the line's end, and then does not count.
        if size > self._limit and (size > self._limit + 1 or self._rest[-1] != CR):
            self._break(self._offset)

    def _up_to_the_long_one(self, data: bytes) -> list[bytes]:
        good: list[bytes] = []
        offset = self._offset
        for line in data.split(self.END):
            content = line.removesuffix(b"\r") if self.END == b"\n" else line
            if len(content) > self._limit:
                break
            good.append(content)
            offset += len(line) + len(self.END)
        broken = self._break(offset)
        if not good:
            raise broken
        return good

    def _break(self, offset: int) -> PeerError:
        self._rest.clear()
        self.broken = PeerError(
            f"the line that begins here is longer than the {self._limit} bytes allowed", offset=offset
        )
        return self.broken

    def finish(self) -> bytes | None:
        if self.broken is not None:
            raise self.broken
        if not self._rest:
            return None
        rest = bytes(self._rest)
        self._rest.clear()
        return rest

    def encode(self, frame: bytes) -> bytes:
        return frame + self.END

    def encode_all(self, frames: Sequence[bytes]) -> bytes:
        return self.END.join(frames) + self.END if frames else b""


class _StrictLines(Lines):
    __slots__ = ()

    END = b"\r\n"

    def _ends_in(self, data: bytes) -> bool:
        return b"\r\n" in data or (data[:1] == b"\n" and self._rest[-1:] == b"\r")

    def _cut(self, data: bytes) -> list[bytes]:
        return data.split(b"\r\n")


class _Counted:
    """A length in `width` bytes, network order, before each frame."""

    __slots__ = ("_buffer", "_limit", "_offset", "_width", "broken")

    def __init__(self, width: int, limit: int) -> None:
        self.broken: PeerError | None = None
        self._width = width
        self._limit = limit
        self._buffer = bytearray()
        self._offset = 0  # of the buffer's beginning in the stream

    @property
    def pending(self) -> bool:
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        if self.broken is not None:
            raise self.broken
        buffer, width = self._buffer, self._width
        buffer += data
        frames: list[bytes] = []
        start, end = 0, len(buffer)
        while end - start >= width:
            body = start + width
            length = int.from_bytes(buffer[start:body], "big")
            if length > self._limit:
                self.broken = PeerError(
                    f"a frame of {length} bytes is announced, and at most {self._limit} are allowed",
                    offset=self._offset + start,
                )
                break
            if end - body < length:
                break
            start = body + length
            frames.append(bytes(buffer[body:start]))
        del buffer[:start]
        self._offset += start
        if self.broken is not None:
            buffer.clear()
            if not frames:
                raise self.broken
        return frames

    def finish(self) -> bytes | None:
        if self.broken is not None:
            raise self.broken
        came, width = len(self._buffer), self._width
        if not came:
            return None
        if came < width:
            raise PeerError(
                f"the stream ended inside a frame: {came} of the {width} bytes of its length came", offset=self._offset
            )
        length = int.from_bytes(self._buffer[:width], "big")
        raise PeerError(
            f"the stream ended inside a frame: {came - width} of its {length} bytes came", offset=self._offset
        )

    def encode(self, frame: bytes) -> bytes:
        most = (1 << 8 * self._width) - 1
        if len(frame) > most:
            raise ValueError(f"a frame of {len(frame)} bytes: len{self._width} says at most {most}")
        return len(frame).to_bytes(self._width, "big") + frame

    def encode_all(self, frames: Sequence[bytes]) -> bytes:
        return b"".join(map(self.encode, frames))


class _Fixed:
    """Frames of one length."""

    __slots__ = ("_buffer", "_count", "_offset", "broken")

    def __init__(self, count: int) -> None:
        self.broken: PeerError | None = None
        self._count = count
        self._buffer = bytearray()
        self._offset = 0

    @property
    def pending(self) -> bool:
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        buffer, count = self._buffer, self._count
        buffer += data
        whole = len(buffer) - len(buffer) % count
        frames = [bytes(buffer[at : at + count]) for at in range(0, whole, count)]
        del buffer[:whole]
        self._offset += whole
        return frames

    def finish(self) -> bytes | None:
        if self._buffer:
            raise PeerError(
                f"the stream ended inside a frame: {len(self._buffer)} of its {self._count} bytes came",
                offset=self._offset,
            )
        return None

    def encode(self, frame: bytes) -> bytes:
        if len(frame) != self._count:
            raise ValueError(f"a frame of {len(frame)} bytes: fixed:{self._count} says {self._count} and no other")
        return frame

    def encode_all(self, frames: Sequence[bytes]) -> bytes:
        return b"".join(map(self.encode, frames))


class _Whole:
    """One frame that lasts until the end of the stream; an empty stream is an empty frame."""

    __slots__ = ("_limit", "_whole", "broken")

    def __init__(self, limit: int) -> None:
        self.broken: PeerError | None = None
        self._limit = limit
        self._whole = bytearray()

    @property
    def pending(self) -> bool:
        return bool(self._whole)

    def feed(self, data: bytes) -> list[bytes]:
        if self.broken is None:
            self._whole += data
            if len(self._whole) > self._limit:
                self._whole.clear()
                self.broken = PeerError(f"the stream is longer than the {self._limit} bytes allowed", offset=0)
        if self.broken is not None:
            raise self.broken
        return []

    def finish(self) -> bytes | None:
        if self.broken is not None:
            raise self.broken
        whole = bytes(self._whole)
        self._whole.clear()
        return whole

    def encode(self, frame: bytes) -> bytes:
        return frame

    def encode_all(self, frames: Sequence[bytes]) -> bytes:
        return b"".join(frames)


class _Raw:
    """No frames at all. Holds nothing back, so there is nothing to limit."""

    __slots__ = ("broken",)

    def __init__(self) -> None:
        self.broken: PeerError | None = None

    @property
    def pending(self) -> bool:
        return False

    def feed(self, data: bytes) -> list[bytes]:
        return [data] if data else []

    def finish(self) -> bytes | None:
        return None

    def encode(self, frame: bytes) -> bytes:
        return frame

    def encode_all(self, frames: Sequence[bytes]) -> bytes:
        return b"".join(frames)
