"""What can be called over HTTP, told to programs: an OpenAPI 3.1 description made of signatures alone."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from sockwright.binding import Service, type_name
from sockwright.protocols.routes import Route

_JSON = "application/json"
_SCHEMAS = "#/components/schemas/"
_REFUSAL = {"$ref": "#/components/responses/Refusal"}
_ERROR = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}

Called = tuple[Service, Route]
Json = dict[str, Any]


def describe(called: Iterable[Called], version: str) -> Json:
    """Return the description of services and of the routes they are called by."""
    models: Json = {}
    paths: dict[str, Json] = {}
    for service, route in called:
        path = route.pattern.replace("...}", "}")
        paths.setdefault(path, {})[route.method.lower()] = _operation(service, route, models)
    refusal = {"description": "Why there is no value", "content": {_JSON: {"schema": _ERROR}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Calls of this bench", "version": version},
        "paths": paths,
        "components": {"schemas": models, "responses": {"Refusal": refusal}},
    }


def _operation(service: Service, route: Route, models: Json) -> Json:
    place = route.pattern.strip("/").replace("/", ".") or "root"
    caught = {
        segment[1:-1].removesuffix("...") for segment in route.pattern.split("/") if segment[:1] == "{"
    }  # fmt: skip
    operation: Json = {
        "operationId": f"{route.method.lower()}.{place}",
        "summary": service.doc.partition("\n")[0] or f"{service.name} {service.usage}",
        "tags": [service.group],
        "responses": {"200": _answer(service, models), "default": _REFUSAL},
    }
    if service.doc.count("\n"):
        operation["description"] = service.doc
    asked: list[Json] = []
    named: Json = {}
    needed: list[str] = []
    open_ended = False
    by_place: list[Json] = []
    more: Json | None = None
    least = 0
    for parameter in service.parameters:
        schema = _schema(parameter.type, models)
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            open_ended = True
        elif parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            more = schema
            asked.append(_asked(parameter.name, "query", {"type": "array", "items": schema}, needed=False))
        elif parameter.name in caught:
            asked.append(_asked(parameter.name, "path", schema, needed=True))
        else:
            named[parameter.name] = schema
            asked.append(_asked(parameter.name, "query", schema, needed=parameter.required))
            if parameter.required:
                needed.append(parameter.name)
            if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
                by_place.append(schema)
                least += parameter.required
    undeclared = caught - {each["name"] for each in asked}
    asked += [_asked(name, "path", {"type": "string"}, needed=True) for name in sorted(undeclared)]
    if route.method == "GET" or service.is_session:
        operation["parameters"] = [each for each in asked if each["in"] == "path" or route.method == "GET"]
        if service.is_session and route.method != "GET":
            operation["requestBody"] = {"content": {"application/octet-stream": {}}}
        return operation
    operation["parameters"] = [each for each in asked if each["in"] == "path"]
    forms: list[Json] = [
        {"type": "object", "properties": named, "required": needed, "additionalProperties": open_ended}
    ]
    if not caught:
        values: Json = {"type": "array", "minItems": least, "items": more if more is not None else False}
        if by_place:
            values["prefixItems"] = by_place
        forms.append(values)
    operation["requestBody"] = {"required": bool(least), "content": {_JSON: {"schema": {"oneOf": forms}}}}
    return operation


def _answer(service: Service, models: Json) -> Json:
    if service.is_session:
        return {"description": "What the session says, for as long as it says something", "content": {"*/*": {}}}
    words = f"Its value: {type_name(service.returns)}"
    return {"description": words, "content": {_JSON: {"schema": _schema(service.returns, models)}}}


def _asked(name: str, where: str, schema: Json, *, needed: bool) -> Json:
    return {"name": name, "in": where, "required": needed, "schema": schema}


def _schema(kind: Any, models: Json) -> Json:
    """Return the JSON Schema of an annotation, its named parts among `models`; anything where it has none."""
    if kind is Any:
        return {}
    try:
        schemas, parts = msgspec.json.schema_components([kind], ref_template=_SCHEMAS + "{name}")
    except (TypeError, ValueError, NotImplementedError):
        return {}
    models |= parts
    schema: Sequence[Json] = schemas
    return schema[0]
