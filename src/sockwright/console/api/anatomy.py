"""What was said in a connection, taken apart by its protocol: HTTP messages, XML-RPC calls, SMTP lines."""

from __future__ import annotations

from typing import Any

from sockwright.console.api import Asked, Operation
from sockwright.console.api.connections import opened
from sockwright.console.dialogue import dialogue_of
from sockwright.errors import PeerError, ServiceError
from sockwright.journal.transcript import Transcript
from sockwright.wire import anatomy
from sockwright.wire.visible import visible_lines
from sockwright.wire.xmlrpc import Fault, read_answer, read_call

# Bytes of either side that are taken apart.
LONGEST = 1 << 20


def get_anatomy(asked: Asked) -> dict[str, Any]:
    with opened(asked.desk) as source:
        connection = source.connection(asked.number)
        transcript = source.transcript(connection)
    messages = messages_of(transcript)
    if messages is None:
        raise ServiceError(f"{connection.opened.proto} has no messages that could be taken apart", code=404)
    return {"protocol": connection.opened.proto, "messages": messages}


def messages_of(transcript: Transcript) -> list[dict[str, Any]] | None:
    """Return the messages of a conversation, None where its protocol has none that we know."""
    proto = transcript.connection.opened.proto
    if proto == "smtp":
        return [line.as_dict() for line in dialogue_of(transcript)]
    if proto not in ("http", "xmlrpc"):
        return None
    asking, answering = transcript.stream("received")[:LONGEST], transcript.stream("sent")[:LONGEST]
    if transcript.connection.opened.role == "client":
        asking, answering = answering, asking
    return http_messages(asking, answering, is_over=transcript.connection.ended is not None, remote=proto == "xmlrpc")


def http_messages(asking: bytes, answering: bytes, *, is_over: bool, remote: bool) -> list[dict[str, Any]]:
    """Return requests and responses, each with its side, every response behind its request.

    Where it is `remote` calling, what the content says as a call or its answer comes with it.
    """
    requests = anatomy.requests_in(asking)
    methods = [line.parts.get("method", "GET") for one in requests for line in one.lines[:1]]
    responses = anatomy.responses_in(answering, methods, ended=is_over)
    told: list[dict[str, Any]] = []
    rest = iter(responses)
    for request in requests:
        told.append(_told(request, "client", remote))
        for response in rest:
            told.append(_told(response, "server", remote))
            if not _is_interim(response):
                break
    told += [_told(response, "server", remote) for response in rest]
    return told


def _is_interim(response: anatomy.Message) -> bool:
    return bool(response.lines) and response.lines[0].parts.get("status code", "").startswith("1")


def _told(message: anatomy.Message, side: str, remote: bool) -> dict[str, Any]:
    about = anatomy.as_dict(message) | {"side": side}
    if remote and message.content:
        about["call"] = _call(message.content) if side == "client" else _answer(message.content)
    return about


def _call(content: bytes) -> dict[str, Any]:
    try:
        call = read_call(content)
    except PeerError as wrong:
        return {"wrong": str(wrong)}
    return {"method": visible_lines(call.method), "values": [_plain(value) for value in call.values]}


def _answer(content: bytes) -> dict[str, Any]:
    try:
        value = read_answer(content)
    except PeerError as wrong:
        return {"wrong": str(wrong)}
    if isinstance(value, Fault):
        return {"fault": {"code": value.code, "message": visible_lines(value.message)}}
    return {"value": _plain(value)}


def _plain(value: Any) -> Any:
    """Return a value of XML-RPC as JSON can say it."""
    match value:
        case bool() | int() | float() | None:
            return value if not isinstance(value, int) or abs(value) < 1 << 53 else str(value)
        case str():
            return visible_lines(value)
        case dict():
            return {str(key): _plain(one) for key, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
        case bytes():
            return {"bytes": value[:1024].hex(), "size": len(value)}
    return str(value)


OPERATIONS = (
    Operation(
        "GET",
        "connections/{number}/anatomy",
        get_anatomy,
        "What was said, taken apart by its protocol",
        answer="Anatomy",
        refusals=(404,),
    ),
)
