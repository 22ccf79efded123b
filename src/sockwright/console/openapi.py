"""The API's description (OpenAPI 3.1), written from the table that answers it, and the schemas of what is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sockwright import __version__
from sockwright.console.api import Asked, Operation, Parameter, operations

Schema = dict[str, Any]

WORD: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
YES: Schema = {"type": "boolean"}
ANYTHING: Schema = {}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _list(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def _of(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    made: Schema = {"type": "object", "properties": {**required, **(optional or {})}}
    if required:
        made["required"] = list(required)
    return made


_COUNTS = {"connections": WHOLE, "total": WHOLE, "received": WHOLE, "sent": WHOLE, "refused": WHOLE}
_CONNECTION: Mapping[str, Schema] = {
    "number": WHOLE,
    "state": {"enum": ["open", "ended", "lost"]},
    **dict.fromkeys(("proto", "service", "endpoint", "local", "peer", "tls", "role", "remark", "said", "ending"), WORD),
    "opened": NUMBER,
    "ended": _or_null(NUMBER),
    "duration": _or_null(NUMBER),
    **dict.fromkeys(("end", "by", "reason"), _or_null(WORD)),
    **dict.fromkeys(("received", "received_chunks", "sent", "sent_chunks"), _or_null(WHOLE)),
    **dict.fromkeys(("notes", "faults", "omitted", "seed"), WHOLE),
}
_ENTRY = {
    "number": WHOLE,
    "received": NUMBER,
    **dict.fromkeys(("sender", "subject", "author", "to", "peer", "helo", "login"), WORD),
    "recipients": _list(WORD),
    "size": WHOLE,
    "tls": YES,
}
_RUN = {
    **dict.fromkeys(("id", "url"), WORD),
    "state": {"enum": ["running", "done", "stopped", "failed"]},
    "recursive": YES,
    **dict.fromkeys(("began", "seconds"), NUMBER),
    **dict.fromkeys(("checked", "found", "pages", "broken_count"), WHOLE),
    **{key: {"type": "object", "additionalProperties": WHOLE} for key in ("classes", "limits")},
    "error": _or_null(_of("Problem")),
}
_SET_FAULT = {"type": "object", "additionalProperties": True}

SCHEMAS: Mapping[str, Schema] = {
    "Problem": _object({"what": WORD, "cure": WORD}),
    "Error": _object({"error": _of("Problem")}),
    "Name": _object({"name": WORD}),
    "State": _object(
        {
            **dict.fromkeys(("version", "command", "trouble"), WORD),
            "run": WORD,
            "started": NUMBER,
            **dict.fromkeys(("pid", "seed", "sequence"), WHOLE),
            "journal": _or_null(WORD),
            "lan": YES,
            "endpoints": _list(_of("Endpoint")),
        }
    ),
    "Endpoint": _object(
        {
            **dict.fromkeys(("name", "scheme", "endpoint"), WORD),
            "port": WHOLE,
            "moved_from": _or_null(WHOLE),
            "tls": YES,
            "services": _list(WORD),
            "target": _or_null(WORD),
            **_COUNTS,
            "faults": _list(_SET_FAULT),
            "seed": WHOLE,
            "try": _object(dict.fromkeys(("sockwright", "nc", "curl", "python"), _or_null(WORD))),
        }
    ),
    "Events": _object(
        {"events": _list(_object({"id": WHOLE, "kind": WORD, "data": ANYTHING})), "sequence": WHOLE, "oldest": WHOLE}
    ),
    "Connection": _object(_CONNECTION),
    "Connections": _object({"connections": _list(_of("Connection")), "more": YES}),
    "Conversation": _object(
        {**_CONNECTION, "items": _list(_of("Item")), "cut": YES},
    ),
    "Item": _object(
        {"kind": {"enum": ["chunk", "half-close", "note", "fault", "gap"]}, "time": NUMBER, "after": NUMBER},
        {
            **dict.fromkeys(("direction", "text", "base64", "name", "why"), WORD),
            **dict.fromkeys(("size", "kept", "records"), WHOLE),
            "binary": YES,
            "about": {"type": "object", "additionalProperties": True},
        },
    ),
    "Anatomy": _object({"protocol": WORD, "messages": _list({"type": "object", "additionalProperties": True})}),
    "People": _object(
        {"people": _list(_object({"id": WHOLE, "name": WORD, "age": WHOLE}, {"peer": WORD, "since": NUMBER}))}
    ),
    "Book": _object({"name": WORD, "size": WHOLE}),
    "Books": _object({"books": _list(_of("Book"))}),
    "Entry": _object({"word": WORD, "plain": WORD}),
    "Entries": _object({"name": WORD, "size": WHOLE, "entries": _list(_of("Entry")), "more": YES}),
    "Imported": _object({"words": WHOLE, "size": WHOLE}),
    "Words": _object({"words": _list(WORD)}, {"book": WORD}),
    "Translated": _object({"words": _list(_or_null(WORD))}),
    "MailEntry": _object(_ENTRY),
    "Mails": _object({"mails": _list(_of("MailEntry")), "more": YES, "count": WHOLE}),
    "Mail": _object(
        {
            "entry": _of("MailEntry"),
            "headers": _list(_list(WORD)),
            "text": WORD,
            "html": YES,
            "attachments": _list(_object({"index": WHOLE, "name": WORD, "type": WORD, "size": WHOLE})),
            **dict.fromkeys(("links", "codes", "defects"), _list(WORD)),
            "connection": _or_null(WHOLE),
        }
    ),
    "Html": _object({"html": WORD}),
    "Refused": _object(
        {"refused": _list(_object({**_CONNECTION, "reply": WORD, "sender": WORD, "recipients": _list(WORD)}))}
    ),
    "Letter": _object(
        {},
        {
            **dict.fromkeys(("server", "sender", "subject", "text", "html", "user", "password"), WORD),
            **{key: {"anyOf": [WORD, _list(WORD)]} for key in ("to", "cc", "bcc")},
            "starttls": {"anyOf": [YES, {"enum": ["required", "if-offered", "no"]}]},
        },
    ),
    "Sent": _object(
        {
            "ok": YES,
            "replies": _list(WORD),
            "accepted": _list(WORD),
            "refused": {"type": "object", "additionalProperties": WORD},
            "dialogue": _list(_object({"side": {"enum": ["client", "server", "note"]}, "text": WORD})),
        },
        {"error": _of("Problem")},
    ),
    "Call": _object(
        {"url": WORD},
        {
            **dict.fromkeys(("method", "content", "hex", "frame"), WORD),
            "fields": _list(_list(WORD)),
            "arguments": _list(ANYTHING),
            "wait": {"anyOf": [NUMBER, WORD]},
        },
    ),
    "Called": _object(
        {
            "ok": YES,
            "seconds": NUMBER,
            "answer": WORD,
            "base64": WORD,
            "anatomy": _or_null(_of("Anatomy")),
            "connection": _or_null(WHOLE),
        },
        {**dict.fromkeys(("ended", "reason", "type", "tls"), WORD), "status": WHOLE, "error": _of("Problem")},
    ),
    "Copy": _object({"text": WORD}),
    "Check": _object({"url": WORD}, {"recursive": YES, "depth": WHOLE, "pages": WHOLE}),
    "Runs": _object({"runs": _list(_object(_RUN))}),
    "Run": _object(
        {
            "run": _object(
                {
                    **_RUN,
                    "broken": _list(
                        _object({"page": WORD, "links": _list({"type": "object", "additionalProperties": True})})
                    ),
                }
            )
        }
    ),
    "Break": _object(
        {"name": WORD},
        {
            "faults": _list(WORD),
            "direction": {"enum": ["up", "down", "both"]},
            **{key: {"anyOf": [NUMBER, WORD]} for key in ("rate", "for")},
            "seed": WHOLE,
            "profile": WORD,
        },
    ),
    "Faults": _object(
        {
            "places": _list(_object({"name": WORD, "endpoint": WORD, "faults": _list(_SET_FAULT), "seed": WHOLE})),
            "catalogue": _list(
                _object(
                    {
                        **dict.fromkeys(("name", "form", "about", "example"), WORD),
                        "on": _list(WORD),
                        "protocols": _list(WORD),
                    }
                )
            ),
            "profiles": _list(
                _object({"name": WORD, "source": WORD, **dict.fromkeys(("down", "up", "udp"), _list(WORD))})
            ),
        }
    ),
    "Changes": _object({"changes": _list({"type": "object", "additionalProperties": True})}),
}

# What any operation may answer instead, beside those of its own.
REFUSALS: Mapping[int, str] = {
    400: "What is asked makes no sense",
    401: "The token is missing or wrong",
    403: "Asked by a foreign page or name, or kept away from",
    404: "There is no such thing",
    409: "It contradicts what is there",
    413: "Too much at once",
    415: "The content is of another type",
    422: "A value does not fit",
    429: "Too many wrong tokens",
    503: "Not now",
}


def description() -> dict[str, Any]:
    """Return the whole description."""
    paths: dict[str, dict[str, Any]] = {
        "/api/events/stream": {
            "get": {
                "operationId": "stream_events",
                "summary": "What happens, as server-sent events: id, event (the kind), data (JSON)",
                "parameters": [
                    _parameter(Parameter("after", "integer", 0, "The last event that is known")),
                    {"name": "Last-Event-ID", "in": "header", "schema": WORD, "description": "The same, by a browser"},
                ],
                "responses": {
                    "200": {"description": "A stream without end", "content": {"text/event-stream": {"schema": WORD}}},
                    **_refusals((401, 403, 429, 503)),
                },
            }
        }
    }
    for one in operations():
        paths.setdefault(f"/api/{one.path}", {})[one.method.lower()] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "The console of a running sockwright bench",
            "version": __version__,
            "description": "A write needs the bearer token, or the session's cookie and the console's own Origin.",
        },
        "paths": paths,
        "components": {
            "schemas": dict(SCHEMAS),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "sockwright-PORT"},
            },
        },
        "security": [{"token": []}, {"session": []}],
    }


def _operation(one: Operation) -> dict[str, Any]:
    caught = [segment[1:-1] for segment in one.path.split("/") if segment.startswith("{")]
    told: dict[str, Any] = {
        "operationId": one.id,
        "summary": one.summary,
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": WHOLE if name == "number" else WORD}
            for name in caught
        ]
        + [_parameter(parameter) for parameter in one.parameters],
        "responses": {str(one.status): _answer(one), **_refusals((400, 401, 403, 429, *one.refusals))},
    }
    if one.raw:
        told["requestBody"] = {"required": True, "content": {"application/octet-stream": {}}}
    elif one.body:
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": _of(one.body)}}}
    return told


def _answer(one: Operation) -> dict[str, Any]:
    if one.download:
        return {"description": "A file to be saved", "content": {"application/octet-stream": {}}}
    if not one.answer:
        return {"description": "Done"}
    schema = _of(one.answer) if one.answer in SCHEMAS else ANYTHING
    return {"description": one.summary, "content": {"application/json": {"schema": schema}}}


def _parameter(one: Parameter) -> dict[str, Any]:
    schema: Schema = {"type": one.kind, "default": one.default}
    if one.choices:
        schema["enum"] = list(one.choices)
    if one.most:
        schema["maximum"] = one.most
    return {"name": one.name, "in": "query", "description": one.doc, "schema": schema}


def _refusals(codes: Sequence[int]) -> dict[str, Any]:
    content = {"application/json": {"schema": _of("Error")}}
    return {str(code): {"description": REFUSALS[code], "content": content} for code in sorted(set(codes))}


def get_openapi(asked: Asked) -> dict[str, Any]:
    return description()


OPERATIONS = (Operation("GET", "openapi.json", get_openapi, "This description", answer="OpenAPI"),)
