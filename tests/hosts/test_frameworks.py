"""Programs as people write them, in frameworks that are not ours, asked by clients that are not ours."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.hosts.mounted import Mounted

from sockwright.hosts.asgi import Asgi
from sockwright.hosts.wsgi import Wsgi
from sockwright.workbench import BenchThread

BIG = 300_000


def flask_app() -> Any:
    flask = pytest.importorskip("flask")
    app = flask.Flask("shop")

    @app.get("/")  # type: ignore[untyped-decorator, unused-ignore]
    def home() -> Any:
        return {"who": flask.request.args.get("who", ""), "path": flask.request.path}

    @app.post("/content")  # type: ignore[untyped-decorator, unused-ignore]
    def content() -> Any:
        return hashlib.sha256(flask.request.get_data()).hexdigest()

    @app.get("/stream")  # type: ignore[untyped-decorator, unused-ignore]
    def stream() -> Any:
        return flask.stream_with_context(f"{flask.request.path} {number}\n" for number in range(3))

    @app.get("/file")  # type: ignore[untyped-decorator, unused-ignore]
    def file() -> Any:
        return flask.send_file(FILE)

    @app.get("/boom")  # type: ignore[untyped-decorator, unused-ignore]
    def boom() -> Any:
        raise ValueError("boom")

    return app


def django_app() -> Any:
    pytest.importorskip("django")
    from django.conf import settings

    if not settings.configured:
        settings.configure(
            SECRET_KEY="x", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, DEFAULT_CHARSET="utf-8", USE_TZ=True
        )
    from django.core.wsgi import get_wsgi_application

    return get_wsgi_application()


def django_asgi_app() -> Any:
    django_app()
    from django.core.asgi import get_asgi_application

    return get_asgi_application()


def _django_urls() -> list[Any]:
    from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
    from django.urls import path

    def home(request: HttpRequest) -> HttpResponse:
        return JsonResponse({"who": request.GET.get("who", ""), "path": request.path})

    def content(request: HttpRequest) -> HttpResponse:
        return HttpResponse(hashlib.sha256(request.body).hexdigest())

    def stream(request: HttpRequest) -> StreamingHttpResponse:
        async def pieces() -> AsyncIterator[str]:
            for number in range(3):
                yield f"{request.path} {number}\n"

        plain = (f"{request.path} {number}\n" for number in range(3))
        return StreamingHttpResponse(pieces() if hasattr(request, "scope") else plain)

    def file(request: HttpRequest) -> FileResponse:
        return FileResponse(FILE.open("rb"))

    def boom(request: HttpRequest) -> HttpResponse:
        raise ValueError("boom")

    views: list[tuple[str, Callable[..., Any]]] = [
        ("", home),
        ("content", content),
        ("stream", stream),
        ("file", file),
        ("boom", boom),
    ]
    return [path(route, view) for route, view in views]


def __getattr__(name: str) -> Any:
    """Django finds its urls in a module: this one."""
    if name == "urlpatterns":
        return _django_urls()
    raise AttributeError(name)


def cherrypy_app() -> Any:
    cherrypy = pytest.importorskip("cherrypy")

    class Root:
        def index(self, who: str = "") -> bytes:
            cherrypy.response.headers["Content-Type"] = "application/json"
            path = cherrypy.request.script_name + cherrypy.request.path_info
            return json.dumps({"who": who, "path": path}).encode()

        def content(self) -> str:
            return hashlib.sha256(cherrypy.request.body.fp.read()).hexdigest()

        def stream(self) -> Iterator[bytes]:
            # Thread locals: CherryPy's own request must still be there while we stream.
            return (f"{cherrypy.request.path_info} {number}\n".encode() for number in range(3))

        def file(self) -> Any:
            return cherrypy.lib.static.serve_file(str(FILE))

        def boom(self) -> None:
            raise ValueError("boom")

    for name in ("index", "content", "stream", "file", "boom"):
        vars(Root)[name].exposed = True
    vars(Root)["stream"]._cp_config = {"response.stream": True}
    vars(Root)["content"]._cp_config = {"request.process_request_body": False}
    cherrypy.config.update({"log.screen": False, "environment": "embedded"})
    return cherrypy.Application(Root(), "", {"/": {}})


def fastapi_app() -> Any:
    fastapi = pytest.importorskip("fastapi")
    from fastapi.responses import FileResponse, PlainTextResponse, StreamingResponse

    app = fastapi.FastAPI()

    async def home(request: Any, who: str = "") -> dict[str, str]:
        return {"who": who, "path": request.url.path}

    home.__annotations__["request"] = fastapi.Request
    app.get("/")(home)

    async def content(request: Any) -> Any:
        digest = hashlib.sha256()
        async for piece in request.stream():
            digest.update(piece)
        return PlainTextResponse(digest.hexdigest())

    content.__annotations__["request"] = fastapi.Request
    content.__annotations__.pop("return")
    app.post("/content")(content)

    @app.get("/stream")  # type: ignore[untyped-decorator, unused-ignore]
    async def stream() -> StreamingResponse:
        async def pieces() -> AsyncIterator[str]:
            for number in range(3):
                await asyncio.sleep(0.01)
                yield f"/stream {number}\n"

        return StreamingResponse(pieces())

    @app.get("/file")  # type: ignore[untyped-decorator, unused-ignore]
    def file() -> FileResponse:
        return FileResponse(FILE)

    @app.get("/boom")  # type: ignore[untyped-decorator, unused-ignore]
    def boom() -> None:
        raise ValueError("boom")

    return app


FILE = Path(__file__)
PROGRAMS: dict[str, tuple[type[Wsgi] | type[Asgi], Callable[[], Any]]] = {
    "flask": (Wsgi, flask_app),
    "django": (Wsgi, django_app),
    "cherrypy": (Wsgi, cherrypy_app),
    "fastapi": (Asgi, fastapi_app),
    "django-asgi": (Asgi, django_asgi_app),
}


@pytest.fixture(params=PROGRAMS)
def program(request: pytest.FixtureRequest, bench: BenchThread, told: list[str]) -> tuple[str, Mounted]:
    host, make = PROGRAMS[request.param]
    mounted = Mounted(bench, *host(make(), errors=told.append).routes())
    return request.param, mounted


# What frameworks do among themselves is not ours to answer for.
pytestmark = [
    pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume:Warning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning"),
]


def fetch(mounted: Mounted, path: str, content: Any = None) -> tuple[int, bytes]:
    request = urllib.request.Request(f"http://127.0.0.1:{mounted.peer.port}{path}", content)
    if content is not None:
        request.add_header("Content-Type", "application/octet-stream")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read()


def test_a_page_and_its_query(program: tuple[str, Mounted]) -> None:
    status, content = fetch(program[1], "/?who=%D0%90%D0%BD%D0%BD%D0%B0")
    assert status == 200
    assert json.loads(content) == {"who": "Анна", "path": "/"}


def test_content_with_a_length_and_in_chunks(program: tuple[str, Mounted]) -> None:
    name, mounted = program
    sent = os.urandom(BIG)
    digest = hashlib.sha256(sent).hexdigest().encode()
    assert fetch(mounted, "/content", sent) == (200, digest)
    if name == "django-asgi":  # its ASGI handler reads Content-Length alone where chunks come; that is known there
        return
    pieces = (sent[at : at + 50_000] for at in range(0, BIG, 50_000))
    assert fetch(mounted, "/content", pieces) == (200, digest)


def test_a_stream(program: tuple[str, Mounted]) -> None:
    status, content = fetch(program[1], "/stream")
    assert (status, content) == (200, b"/stream 0\n/stream 1\n/stream 2\n")


def test_a_file(program: tuple[str, Mounted]) -> None:
    status, content = fetch(program[1], "/file")
    assert (status, content) == (200, FILE.read_bytes())


def test_a_failure_and_a_page_that_is_not_there(program: tuple[str, Mounted]) -> None:
    assert fetch(program[1], "/boom")[0] == 500
    assert fetch(program[1], "/nowhere")[0] == 404
    assert fetch(program[1], "/?who=x")[0] == 200


def test_a_connection_is_kept_for_many_requests(program: tuple[str, Mounted]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", program[1].peer.port, timeout=20)
    for path in ["/", "/stream", "/nowhere", "/file", "/"] * 4:
        connection.request("GET", path)
        with connection.getresponse() as answer:
            assert answer.read()
            assert not answer.will_close
    connection.close()


def test_curl_gets_it_all(program: tuple[str, Mounted], stranger: Callable[[str], str]) -> None:
    base = f"http://127.0.0.1:{program[1].peer.port}"

    def curl(*words: str) -> str:
        command: Sequence[str] = [stranger("curl"), "-sS", "--max-time", "20", *words]
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout

    assert json.loads(curl(f"{base}/?who=x"))["who"] == "x"
    assert "200" in curl("-I", f"{base}/").splitlines()[0] or program[0] == "fastapi"  # which knows GET alone
    assert curl("-r", "0-9", f"{base}/file")[:10] == FILE.read_text("utf-8")[:10]
    assert len(curl("--data-binary", f"@{FILE}", "-H", "Content-Type: x/y", f"{base}/content")) == 64
