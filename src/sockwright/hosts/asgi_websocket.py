"""A WebSocket as an ASGI application talks about it (ASGI WebSocket spec 2.5), and whether a request asks for one.

receive:  connect --> [accept] --> receive ... --> disconnect
send:     accept | close (403) | http.response.start, body (a refusal of its own)      then  send ... close
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from sockwright.hosts.replies import Head, lenient_head
from sockwright.hosts.scope import http_scope
from sockwright.session import Session
from sockwright.wire.exchange import Beginning, Request, Response
from sockwright.wire.fields import write_field
from sockwright.wire.websocket import BINARY, CLOSE, LOST, NO_CODE, NORMAL, TEXT, VERSION, accept_key, may_be_sent

Message = MutableMapping[str, Any]


def asks_for_one(request: Request) -> bool:
    """Tell whether `request` wants to go on as a WebSocket (RFC 6455, 4.1)."""
    fields = request.fields
    return (
        "upgrade" in fields
        and request.method == "GET"
        and request.version == "1.1"
        and "websocket" in fields.tokens("upgrade")
        and "upgrade" in fields.tokens("connection")
    )


def refused(request: Request) -> Response | None:
    """Return the answer to a handshake that cannot be met (RFC 6455, 4.2.1 and 4.4); None where it can."""
    if request.fields.get("sec-websocket-version") != VERSION:
        words = f"WebSocket is spoken here in version {VERSION} alone\n"
        return Response(words, 426, fields={"Sec-WebSocket-Version": VERSION, "Upgrade": "websocket"})
    if accept_key(request.fields.get("sec-websocket-key")) is None or request.head.length:
        return Response("Sec-WebSocket-Key is not 16 bytes in base64, or there is content\n", 400)
    return None


def websocket_scope(request: Request, prefix: str) -> dict[str, Any]:
    """Return the scope of a handshake."""
    scope = http_scope(request, prefix)
    del scope["method"]
    scope["type"] = "websocket"
    scope["scheme"] = "wss" if request.secure else "ws"
    scope["subprotocols"] = [
        part for part in map(str.strip, request.fields.get("sec-websocket-protocol").split(",")) if part
    ]
    scope["extensions"] = {"websocket.http.response": {}}
    return scope


class WebSocketExchange:
    """The two ends that an application is given.

    `answered`: the handshake has an answer. `closed`: it is over, from whichever side. `gone`: so is the connection.
    """

    def __init__(self, session: Session, request: Request) -> None:
        self._session = session
        self._request = request
        self._told = False  # that somebody connects
        self._accepted = False
        self._refusal: Head | None = None
        self._content = b""
        self.answered = False
        self.closed = False
        self.gone = False
        session.when_gone(self._lost)

    def _lost(self) -> None:
        self.gone = True  # what it said before that may still be received

    async def receive(self) -> Message:
        """Return that the client connects, then each of its messages, then that it is gone."""
        if not self._told:
            self._told = True
            return {"type": "websocket.connect"}
        if self.closed:
            return {"type": "websocket.disconnect", "code": LOST, "reason": ""}
        data = await self._session.receive() or b""
        if not data or data[0] == CLOSE:
            self.closed = True
            code = int.from_bytes(data[1:3]) if len(data) > 2 else NO_CODE if data else LOST
            return {"type": "websocket.disconnect", "code": code, "reason": data[3:].decode(errors="replace")}
        if data[0] == TEXT:
            return {"type": "websocket.receive", "text": data[1:].decode()}
        return {"type": "websocket.receive", "bytes": data[1:]}

    async def send(self, message: Message) -> None:
        """Take one message of the application's.

        Raises: OSError where the client is gone; RuntimeError, ValueError, TypeError where the message does not fit.
        """
        kind = message["type"]
        if kind == "websocket.send":
            await self._say(message)
        elif kind == "websocket.close":
            self._close(message)
        elif kind == "websocket.accept":
            self._accept(message)
        elif kind == "websocket.http.response.start" and not self.answered:
            self._refusal = lenient_head(int(message["status"]), message.get("headers", ()))
            if not 200 <= self._refusal.status <= 599:
                raise ValueError(f"{self._refusal.status} is not the status of a refusal")
        elif kind == "websocket.http.response.body" and self._refusal is not None and not self.answered:
            self._refuse(self._refusal, message)
        else:
            raise RuntimeError(f"{kind!r} is no message of a WebSocket, or has no place here")

    def _accept(self, message: Message) -> None:
        if self.answered or not self._told:
            raise RuntimeError("websocket.accept answers websocket.connect, once")
        lines = b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
        lines += write_field("Sec-WebSocket-Accept", accept_key(self._request.fields.get("sec-websocket-key")) or "")
        if message.get("subprotocol"):
            lines += write_field("Sec-WebSocket-Protocol", message["subprotocol"])
        lines += lenient_head(200, message.get("headers") or ()).lines
        self._session.say(Beginning.of(b"", lines, 101, None))
        self.answered = self._accepted = True

    async def _say(self, message: Message) -> None:
        if not self._accepted:
            raise RuntimeError("websocket.send comes behind websocket.accept")
        if self.closed or self.gone:
            raise ConnectionResetError("the client is gone, or the WebSocket was closed")
        text = message.get("text")
        data = message.get("bytes")
        if text is not None:
            await self._session.send(bytes((TEXT,)) + text.encode())
        elif data is not None:
            await self._session.send(bytes((BINARY,)) + bytes(data))
        else:
            raise ValueError("websocket.send has neither text nor bytes")

    def _close(self, message: Message) -> None:
        if not self.answered:
            self.answered = self.closed = True
            self._session.answer(Response("the application did not let this WebSocket in\n", 403))
            return
        if self.closed or self.gone:
            return
        code = int(message.get("code") or NORMAL)
        if not may_be_sent(code):
            raise ValueError(f"{code} is no code to close with (RFC 6455, 7.4)")
        self.closed = True
        words = str(message.get("reason") or "").encode()[:123].decode(errors="ignore").encode()
        self._session.say(bytes((CLOSE,)) + code.to_bytes(2) + words)

    def _refuse(self, head: Head, message: Message) -> None:
        self._content += bytes(message.get("body", b""))
        if len(self._content) > 1024 * 1024:
            raise ValueError("a refusal of more than 1 MiB")
        if not message.get("more_body", False):
            self.answered = self.closed = True
            self._session.answer(Response.ready(self._content, head.lines, head.status))
