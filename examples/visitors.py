"""A handler: a function of an HTTP request, which answers with text, bytes, a value for JSON, or a whole Response.

sockwright serve http://:8080 --do examples/visitors.py:greet
curl 'http://127.0.0.1:8080/?name=Ann'
"""

from __future__ import annotations

from sockwright import Request, Response, ServiceError, service


def greet(request: Request) -> Response:
    """May block, so it runs in a worker thread; answers every method and path."""
    name = request.parameter("name", "nobody")
    return Response(f"Hello {name}\n", status=200, fields={"X-Seen": request.method})


@service(blocking=False, route="GET /visitors/{name}")
def visitor(request: Request) -> object:
    """Has a route of its own; what it returns is no text, so it goes out as JSON."""
    name = request.captured["name"]
    if not name.isalpha():
        raise ServiceError(f"nobody is called {name}", code=404)
    return {"name": name, "from": request.peer.host}
