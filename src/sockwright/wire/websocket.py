"""WebSocket's grammar (RFC 6455): the handshake's key, and frames, read strictly and written without a mask.

No extension is offered, so none may come: the reserved bits are zero.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import NamedTuple

from sockwright.errors import PeerError

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
_OPCODES = frozenset({CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG})
VERSION = "13"
# The most of one message, all its frames together (bytes); as uvicorn has it.
LARGEST = 16 * 1024 * 1024
# The most of a control frame (RFC 6455, 5.5).
_CONTROL = 125
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

# Close codes (RFC 6455, 7.4.1).
NORMAL, GOING_AWAY, BROKEN, NO_CODE, LOST, NOT_TEXT, TOO_LARGE, FAILED = 1000, 1001, 1002, 1005, 1006, 1007, 1009, 1011


def accept_key(key: str) -> str | None:
    """Return what answers `Sec-WebSocket-Key` (RFC 6455, 4.2.2); None where that is not 16 bytes in base64."""
    try:
        if len(base64.b64decode(key, validate=True)) != 16:
            return None
    except (binascii.Error, ValueError):
        return None
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()).decode()


def may_be_sent(code: int) -> bool:
    """Tell whether a Close frame may hold `code` (RFC 6455, 7.4)."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


def frame(opcode: int, payload: bytes) -> bytes:
    """Return a message, or a control frame, in one frame as a server sends it."""
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, size)) + payload
    if size < 65536:
        return bytes((0x80 | opcode, 126)) + size.to_bytes(2) + payload
    return bytes((0x80 | opcode, 127)) + size.to_bytes(8) + payload


def close_frame(code: int, reason: str = "") -> bytes:
    """Return a Close frame; a reason that is too long is cut between two characters."""
    if code == NO_CODE:
        return frame(CLOSE, b"")
    words = reason.encode()[: _CONTROL - 2].decode(errors="ignore").encode()
    return frame(CLOSE, code.to_bytes(2) + words)


class Message(NamedTuple):
    """A whole message, or a control frame. `payload` of a Close is its code and reason as they came."""

    opcode: int
    payload: bytes


class FrameReader:
    """Cuts messages out of what a client sends.

        head --> length --> mask --> payload --whole, FIN--> message
                                            '--no FIN--> fragments --continuation, FIN--> message

    What breaks a rule raises PeerError; its `code` is the one to close with.
    """

    def __init__(self, largest: int = LARGEST, offset: int = 0) -> None:
        self._largest = largest
        self._offset = offset  # in the stream, of `_held`
        self._held = bytearray()
        self._opcode = CONTINUATION  # of the message whose fragments are coming; CONTINUATION: none is
        self._fragments = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """Return what became whole. Raises: PeerError."""
        held = self._held
        held += data
        found: list[Message] = []
        at = 0
        while (one := self._frame(at)) is not None:
            end, fin, opcode, payload = one
            message = self._message(fin, opcode, payload, at)
            at = end
            if message is not None:
                found.append(message)
                if message.opcode == CLOSE:
                    break  # what comes behind it counts for nothing (RFC 6455, 5.5.1)
        if at:
            del held[:at]
            self._offset += at
        return found

    def _frame(self, at: int) -> tuple[int, bool, int, bytes] | None:
        """Return end, FIN, opcode and payload of the frame at `at`; None where more must come."""
        held = self._held
        have = len(held) - at
        if have < 2:
            return None
        first, second = held[at], held[at + 1]
        opcode, size = first & 0x0F, second & 0x7F
        if first & 0x70:
            raise self._wrong("a reserved bit is set, and no extension was agreed on", "5.2", at)
        if opcode not in _OPCODES:
            raise self._wrong(f"there is no opcode {opcode}", "5.2", at)
        if not second & 0x80:
            raise self._wrong("a client's frame is not masked", "5.1", at)
        if opcode >= CLOSE and (size > _CONTROL or not first & 0x80):
            raise self._wrong("a control frame is fragmented, or longer than 125 bytes", "5.5", at)
        extra = 2 if size == 126 else 8 if size == 127 else 0
        if have < 2 + extra:
            return None
        if extra:
            size = int.from_bytes(held[at + 2 : at + 2 + extra])
            if size < (126 if extra == 2 else 65536) or size >> 63:
                raise self._wrong("a length is not written in the fewest bytes", "5.2", at)
        if size + len(self._fragments) > self._largest:
            words = f"a message is longer than the {self._largest} bytes that are taken"
            raise self._wrong(words, "7.4.1", at, TOO_LARGE)
        begin = at + 2 + extra + 4
        end = begin + size
        if len(held) < end:
            return None
        return end, bool(first & 0x80), opcode, unmasked(bytes(held[begin:end]), bytes(held[begin - 4 : begin]))

    def _message(self, fin: bool, opcode: int, payload: bytes, at: int) -> Message | None:
        if opcode >= CLOSE:
            if opcode == CLOSE:
                self._check_close(payload, at)
            return Message(opcode, payload)
        if (opcode == CONTINUATION) is (self._opcode == CONTINUATION):
            words = "a continuation of nothing" if opcode == CONTINUATION else "a message begins within another one"
            raise self._wrong(words, "5.4", at)
        if opcode != CONTINUATION:
            if fin:
                return self._checked(opcode, payload, at)
            self._opcode = opcode
        self._fragments += payload
        if not fin:
            return None
        whole, kind = bytes(self._fragments), self._opcode
        self._fragments.clear()
        self._opcode = CONTINUATION
        return self._checked(kind, whole, at)

    def _checked(self, opcode: int, payload: bytes, at: int) -> Message:
        if opcode == TEXT:
            try:
                payload.decode()
            except UnicodeDecodeError:
                raise self._wrong("a text is not UTF-8", "8.1", at, NOT_TEXT) from None
        return Message(opcode, payload)

    def _check_close(self, payload: bytes, at: int) -> None:
        if not payload:
            return
        code = int.from_bytes(payload[:2])
        if len(payload) == 1 or not may_be_sent(code):
            raise self._wrong(f"{payload[:2].hex()} is no code to close with", "7.4", at)
        try:
            payload[2:].decode()
        except UnicodeDecodeError:
            raise self._wrong("a reason to close is not UTF-8", "5.5.1", at, NOT_TEXT) from None

    def _wrong(self, words: str, section: str, at: int, code: int = BROKEN) -> PeerError:
        return PeerError(words, section=f"RFC 6455, {section}", offset=self._offset + at, code=code)


def unmasked(payload: bytes, mask: bytes) -> bytes:
    """Undo the mask (RFC 6455, 5.3), or put it on."""
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(key, "little")).to_bytes(size, "little")
