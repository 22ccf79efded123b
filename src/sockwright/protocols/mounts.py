"""What an endpoint serves over HTTP: the routes that follow from its services."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sockwright import __version__
from sockwright.binding import Service
from sockwright.protocols import Terms, rpc
from sockwright.protocols.calls import CALLS, call_routes, directory_routes, handler_of, path_of, takes_request
from sockwright.protocols.openapi import Called, describe
from sockwright.protocols.routes import Route, Routes
from sockwright.wire.exchange import Response

DESCRIPTION = "/openapi.json"


def routes_of(terms: Terms) -> Routes:
    """Return the routes for `terms`: handlers where they say, calls at `/call/`, `/RPC2` and where they say.

    `terms.extra` may hold `routes`, more of them, and `names`, under which the bench may be called by a browser.
    A call that is alone, with nothing else at `/`, is there as well: `GET /?n=4`.
    """
    routes = Routes(terms.extra.get("routes", ()))
    names: Collection[str] = terms.extra.get("names", ())
    spoken = [service for service in terms.services if service.only not in ("datagram", "line")]
    calls = [service for service in spoken if not takes_request(service)]
    for service in spoken:
        if takes_request(service):
            method, pattern = _split(service.route) if service.route else ("", "/{path...}")
            routes.add(Route(method, pattern, handler_of(service), service.takes, service.early))
    if calls:
        _mount(calls, routes, names)
    return routes


def _mount(calls: Sequence[Service], routes: Routes, names: Collection[str]) -> None:
    called: list[Called] = []
    for service in calls:
        called += [(service, route) for route in call_routes(service, path_of(service), names)]
        if service.route:
            method, pattern = _split(service.route)
            methods = (method,) if method else ()
            called += [(service, route) for route in call_routes(service, pattern, names, methods)]
    if "/" not in routes and not any(route.pattern == "/" for _, route in called):
        if len(calls) == 1:
            called += [(calls[0], route) for route in call_routes(calls[0], "/", names)]
        else:
            to_calls = Response(status=302, fields={"Location": CALLS})
            routes.add(Route("GET", "/", lambda request: to_calls))
    remote = rpc.call_routes(calls, (rpc.PATH,), names)
    for route in (*(route for _, route in called), *directory_routes(calls, names), *remote):
        routes.add(route)
    description = Response(describe(called, __version__))
    routes.add(Route("GET", DESCRIPTION, lambda request: description))


def _split(route: str) -> tuple[str, str]:
    """Return method and pattern of `GET /people`; no method where it begins with the pattern."""
    method, _, pattern = route.rpartition(" ")
    return method.strip().upper(), pattern
