"""Services as JSON over HTTP: values come in a JSON object, a JSON array or the query, one value goes out as JSON.

    POST /call/parity.is_even   {"n": 4}        ->  200  true
    POST /call/parity.is_even   [4]             ->  200  true
    GET  /call/parity.is_even?n=4               ->  200  true
    GET  /call/parity.is_even                   ->  422  {"error": "is_even: 'n' is missing; it takes (n: int)"}

Pages of other origins may not call: see `wire/origin`, and POST takes nothing but JSON, which a browser sends to
another origin only after asking for leave that is never given here.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from sockwright.binding import Arguments, Outcome, Refusal, Service, attempt, type_name
from sockwright.config import suggest
from sockwright.conversation import Begin, Invoke, Note, failed
from sockwright.errors import ServiceError
from sockwright.protocols.routes import Answer, Call, Handler, Noted, Route, Stream
from sockwright.wire.exchange import BYTES, JSON, Request, Response, json_of, response_of
from sockwright.wire.origin import foreign

CALLS = "/call/"
# A browser must neither keep an answer nor take it for something else.
_SAFE = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))
_LISTS = (list, tuple, set, frozenset, Sequence, Iterable, Collection)


def path_of(service: Service) -> str:
    """Return where `service` is called."""
    return f"{CALLS}{service.group}.{service.name}"


def takes_request(service: Service) -> bool:
    """Tell whether `service` is a handler: a function of a `Request`."""
    return len(service.parameters) == 1 and service.parameters[0].type is Request


def call_routes(
    service: Service, pattern: str, names: Collection[str] = (), methods: Sequence[str] = ()
) -> list[Route]:
    """Return the routes by which `service` is called at `pattern`."""
    if service.is_session:
        handler = _guarded(lambda request: Stream(service, Response(type=BYTES, fields=_SAFE)), names)
        return [Route(method, pattern, handler, early=True) for method in methods or ("GET", "POST")]
    handler = _guarded(_caller(service), names)
    return [Route(method, pattern, handler) for method in methods or ("GET", "POST")]


def handler_of(service: Service) -> Handler:
    """Return the handler that `service`, a function of a `Request`, is by itself."""
    function: Callable[[Request], Any] = service.function
    if service.blocking or service.is_async:
        return lambda request: Call(service, Arguments((request,)), _handled)
    if service.returns is Response:
        return function

    def handle(request: Request) -> Answer:
        answer = function(request)
        if type(answer) is Response:
            return answer
        if type(answer) is Invoke:  # it knows better who shall answer this one
            return Call(answer.service, answer.batch[0], _handled)
        if type(answer) is Begin:  # it is said piece by piece
            return Stream(answer.service, answer.extra.get("head"), answer.extra)
        return response_of(answer)

    return handle


def _handled(outcome: Outcome) -> Response:
    return told(outcome) if type(outcome) is Refusal else response_of(outcome)


def _guarded(handler: Handler, names: Collection[str], *, harmless: bool = False) -> Handler:
    """Return `handler` for all but pages of other origins; its refusals are told in JSON.

    Who does not say for which page it asks may have what is `harmless`: a link checker, an old browser.
    """
    known = frozenset(name.lower() for name in names)

    def guarded(request: Request) -> Answer:
        reads = request.method in {"GET", "HEAD"} and not harmless
        why = foreign(request.host, request.fields, known, reads=reads)
        if why:
            return Noted(Note("refused", {"status": 403, "message": why}), told(Refusal(why, 403)))
        try:
            return handler(request)
        except ServiceError as refused:
            return told(Refusal(str(refused), refused.code))

    return guarded


def _caller(service: Service) -> Handler:
    types = {parameter.name: parameter for parameter in service.parameters}
    lists = {
        parameter.name: parameter.kind is inspect.Parameter.VAR_POSITIONAL
        for parameter in service.parameters
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL
        or (typing.get_origin(parameter.type) or parameter.type) in _LISTS
    }
    waits = service.blocking or service.is_async

    def call(request: Request) -> Answer:
        if request.method in {"GET", "HEAD", "DELETE"} and not request.content:
            arguments = _from_query(request.parameters, lists)
        else:
            arguments = _from_json(request)
        if request.captured:
            if arguments.values:
                raise ServiceError("the content must be a JSON object here", code=400)
            named = {**arguments.named, **request.captured}
            if not arguments.textual:
                for name, value in request.captured.items():
                    named[name] = _typed(value, types[name].type) if name in types else value
            arguments = Arguments(named=named, textual=arguments.textual)
        if waits:
            return Call(service, arguments, told)
        outcome = attempt(service, arguments)
        if type(outcome) is Refusal and outcome.trace:
            return Noted(failed(outcome), told(outcome))
        return told(outcome)

    return call


def _from_query(given: list[tuple[str, str]], lists: Mapping[str, bool]) -> Arguments:
    """Return what a query says: a name given several times is a list, and so are those among `lists`.

    Where that says True, the list is no value but the positional ones.
    """
    named: dict[str, Any] = dict(given)
    if len(named) == len(given) and lists.keys().isdisjoint(named):
        return Arguments(named=named, textual=True)
    grouped: dict[str, list[str]] = {}
    for name, value in given:
        grouped.setdefault(name, []).append(value)
    values: list[str] = []
    for name, each in grouped.items():
        named[name] = each if name in lists or len(each) > 1 else each[0]
        if lists.get(name):
            values = named.pop(name)
    return Arguments(values, named, textual=True)


def _from_json(request: Request) -> Arguments:
    """Return what the content says.

    Raises: ServiceError where it is not a JSON object or array.
    """
    if request.type != JSON and not request.type.endswith("+json"):
        came = request.type or "no Content-Type"
        raise ServiceError(f"{came} came; a call takes Content-Type: {JSON} (curl --json does)", code=415)
    if request.fields.get("content-encoding", "identity").lower() != "identity":
        raise ServiceError("coded content is not taken here; send it plain", code=415)
    content = request.json() if request.content.strip() else {}
    if isinstance(content, dict):
        return Arguments(named=content)
    if isinstance(content, list):
        return Arguments(content)
    raise ServiceError("the content must be a JSON object (values by name) or array (by position)", code=400)


def _typed(text: str, wanted: Any) -> Any:
    try:
        return msgspec.convert(text, wanted, strict=False)
    except (msgspec.ValidationError, TypeError):
        return text  # the service's own fitting says what is wrong


_LINES = Response(b"null", type=JSON, fields=_SAFE).lines


def told(outcome: Outcome) -> Response:
    """Return the answer that tells how a call ended, in JSON."""
    if type(outcome) is not Refusal:
        try:
            return Response.ready(json_of(outcome), _LINES)
        except (TypeError, ValueError, RecursionError) as wrong:
            kind = type(outcome).__name__
            outcome = Refusal(f"the service returned {kind}, which JSON cannot say: {wrong}", 500)
    status = outcome.code if 400 <= outcome.code <= 599 else 500
    fields = (*_SAFE, ("Retry-After", 1)) if status == 503 else _SAFE
    return Response({"error": outcome.message}, status, fields=fields)


def directory_routes(services: Sequence[Service], names: Collection[str] = ()) -> list[Route]:
    """Return the routes for `/call/` itself: what can be called, and what cannot."""
    listed = [
        {
            "call": path_of(service),
            "takes": service.usage,
            "gives": type_name(service.returns),
            "about": service.doc.partition("\n")[0],
        }
        for service in services
    ]
    listing = Response.ready(json_of(listed), _LINES)
    known = [service.name for service in services]

    def unknown(request: Request) -> Answer:
        name = request.captured["name"]
        near = suggest(name.rpartition(".")[2], known)
        raise ServiceError(f"there is no call {name[:60]!r}.{near} {CALLS} lists them", code=404)

    return [
        Route("GET", CALLS, _guarded(lambda request: listing, names, harmless=True)),
        *(Route(method, CALLS + "{name...}", _guarded(unknown, names)) for method in ("GET", "POST")),
    ]
