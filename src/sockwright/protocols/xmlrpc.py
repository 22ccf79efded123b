"""XML-RPC as an endpoint of its own: HTTP with calls at `/` and `/RPC2`, and nothing else."""

from __future__ import annotations

from dataclasses import fields
from functools import partial

from sockwright import config
from sockwright.conversation import Opening
from sockwright.protocols import Terms
from sockwright.protocols.http import Http
from sockwright.protocols.routes import Routes
from sockwright.protocols.rpc import LIMITS, PATH, call_routes
from sockwright.protocols.site import Limits, Site

PATHS = ("/", PATH)


def open_with(terms: Terms) -> Opening:
    """Return what makes a conversation for each peer, all of them sharing one table of methods.

    Limits are those of `rpc.CallLimits` and `http.Limits`; `terms.extra` may hold `names` and `secure`, as for HTTP.
    """
    own = {field.name for field in fields(LIMITS)}
    limits = config.overridden(LIMITS, {name: value for name, value in terms.limits.items() if name in own})
    rest = config.overridden(Limits(), {name: value for name, value in terms.limits.items() if name not in own})
    routes = Routes(call_routes(terms.services, PATHS, terms.extra.get("names", ()), limits))
    return partial(Http, Site(routes, rest, secure=bool(terms.extra.get("secure"))))
