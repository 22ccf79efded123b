"""The CherryPy tree: pages, API and static files as one WSGI application. The one module that knows CherryPy.

Which screen stands where:

    /  /traffic  /traffic/N  /people  /codebooks  /codebooks/NAME  /mailbox  /mailbox/N  /mailbox/refused  /call
    /links  /links/ID  /help          pages, made by `Pages.render(name, about, lang)`
    /mailbox/N/html                   a mail's HTML for the frame in its page: a sandbox where nothing runs
    /api/...                          the operations of `api`
    /static/...                       what the pages are made of, the same for everybody

A page is told what the API would answer for it, so it is whole before a line of script has run.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from email.utils import quote as quoted_string
from typing import Any, Protocol
from urllib.parse import quote, unquote

import cherrypy
import msgspec

from sockwright import __version__
from sockwright.console import api
from sockwright.console.api import Asked, Download, Operation, Table
from sockwright.console.desk import Desk
from sockwright.console.door import Door, Verdict
from sockwright.console.feed import Feed
from sockwright.console.gate import MAIL_POLICY, Application, Environ, Gate, without
from sockwright.console.static_files import StaticFiles
from sockwright.console.visitors import DEBUG, LANGUAGES, language, problem
from sockwright.errors import ConfigError, ServiceError

# How long a browser may believe a chosen language (seconds): a year.
LANGUAGE_AGE = 365 * 86400
HTML = "text/html; charset=utf-8"
JSON = "application/json"


class Renderer(Protocol):
    """Who makes pages."""

    def render(self, name: str, about: Mapping[str, Any], lang: str) -> str: ...


def make_tree(
    desk: Desk, feed: Feed, door: Door, pages: Renderer, trouble: Callable[[str], None] = lambda text: None
) -> Application:
    """Return the console as one WSGI application; `trouble` is told of mistakes in it."""
    root = _Root(desk, feed, pages, trouble)
    # Not mounted in CherryPy's own tree, and its engine never runs: there is nothing global about it.
    application = cherrypy.Application(
        root,
        "",
        {
            "/": {
                "request.dispatch": cherrypy.dispatch.Dispatcher(),
                "request.show_tracebacks": False,
                "request.process_request_body": False,  # the API reads it itself
                "request.throw_errors": False,
                "request.error_response": root.answer_error,
                "error_page.default": root.error_page,
                "tools.trailing_slash.on": False,
                "tools.log_headers.on": False,
                "tools.log_tracebacks.on": False,
            }
        },
    )
    _silence(application.log)
    _silence(cherrypy.log)
    return Gate(application, door, root.refuse, root.is_open)


def _silence(log: Any) -> None:
    """Let CherryPy write nothing: its lines would hold addresses with the token in them."""
    log.screen = False
    for one in (log.access_log, log.error_log):
        one.setLevel(logging.CRITICAL + 1)
        one.propagate = False
    log.access_log.disabled = True


def _exposed(work: Callable[..., bytes]) -> Callable[..., bytes]:
    """Let CherryPy find this method by its name; it is given the path's rest, and the query with a value a name."""

    def handler(root: _Root, /, *rest: str, **query: Any) -> bytes:
        return work(root, rest, {name: _first(value) for name, value in query.items()})

    handler.exposed = True  # type: ignore[attr-defined]
    return handler


class _Root:
    """The pages. CherryPy finds a method by the path's first segment."""

    def __init__(self, desk: Desk, feed: Feed, pages: Renderer, trouble: Callable[[str], None]) -> None:
        self._trouble = trouble
        self._pages = pages
        self._desk = desk
        self._feed = feed
        self._table = Table(api.operations())
        self._files = StaticFiles()

    # -- pages

    @_exposed
    def index(self, rest: Sequence[str], query: Mapping[str, str]) -> bytes:
        _none(rest)
        return self._page("bench", query)

    @_exposed
    def traffic(self, rest: Sequence[str], query: Mapping[str, str]) -> bytes:
        number = _only(rest)
        about: dict[str, Any] = {
            "filter": query.get("filter", ""),
            "number": None,
            "connection": None,
            "connections": [],
            "more": False,
        }
        about |= self._tried("GET", "connections", {"filter": about["filter"]})
        if number:
            about["connection"] = self._ask("GET", f"connections/{number}")
            about["number"] = about["connection"]["number"]
        return self._page("traffic", query, about)

    @_exposed
    def people(self, rest: Sequence[str], query: Mapping[str, str]) -> bytes:
        _none(rest)
        return self._page("people", query, {"people": []} | self._tried("GET", "people"))

    @_exposed
    def codebooks(self, rest: Sequence[str], query: Mapping[str, str]) -> bytes:
        name = _only(rest)
        books = {"books": []} | self._tried("GET", "books")
        if not name:
            return self._page("codebooks", query, books)
        search = query.get("search", "")
        book = self._ask("GET", f"books/{quote(name, safe='')}", {"search": search})
        return self._page("codebook", query, {**books, "search": search, **book})

    @_exposed
    def mailbox(self, rest: Sequence[str], query: Mapping[str, str]) -> bytes:
        if tuple(rest) == ("refused",):
            return self._page("refused", query, {"refused": []} | self._tried("GET", "mails/refused"))
        if len(rest) == 2 and rest[1] == "html":
            return self._mail_page(rest[0])
        number = _only(rest)
        search = query.get("search", "")
        about: dict[str, Any] = {"search": search, "mails": [], "more": False, "count": 0, "number": None, "mail": None}
        about["view"] = query.get("view", "")
        about |= self._tried("GET", "mails", {"search": search})
        if number:
            about["mail"] = self._ask("GET", f"mails/{number}")
            about["number"] = about["mail"]["entry"]["number"]
        return self._page("mailbox", query, about)

    @_exposed
    def call(self, rest: Sequence[str], query: Mapping[str, str]) -> bytes:
        _none(rest)
        about: dict[str, Any] = {"from": None, "composed": None}
        if query.get("from"):
            about["from"] = query["from"]
            about |= self._tried("GET", f"connections/{quote(query['from'], safe='')}/composed", key="composed")
        return self._page("call", query, about)

    @_exposed
    def links(self, rest: Sequence[str], query: Mapping[str, str]) -> bytes:
        id = _only(rest)
        about = {"runs": []} | self._tried("GET", "links")
        if id:
            about |= self._ask("GET", f"links/{quote(id, safe='')}")
            return self._page("run", query, about)
        return self._page("links", query, about)

    @_exposed
    def help(self, rest: Sequence[str], query: Mapping[str, str]) -> bytes:
        _none(rest)
        return self._page("help", query)

    def _page(self, name: str, query: Mapping[str, str], about: Mapping[str, Any] | None = None) -> bytes:
        """Render a page with what it is about, and what every page is told."""
        request = cherrypy.serving.request
        _allow(request, "GET", "HEAD")
        environ = request.wsgi_environ
        if query.get("lang") in LANGUAGES:
            cookie = f"lang={query['lang']}; Path=/; Max-Age={LANGUAGE_AGE}; SameSite=Strict"
            cherrypy.serving.response.headers["Set-Cookie"] = cookie
            raise _Elsewhere(without(environ, "lang"))
        sequence = self._feed.last  # before all else: what happens meanwhile comes by the stream
        lang = language(environ)
        told = {
            "path": environ.get("PATH_INFO", "/").encode("latin-1").decode("utf-8", "replace"),
            "query": dict(query),
            "lang": lang,
            "languages": LANGUAGES,
            "state": {**self._desk.state(), "sequence": sequence},
            **(about or {}),
        }
        return self._send(self._pages.render(name, told, lang).encode("utf-8", "replace"), HTML)

    def _mail_page(self, number: str) -> bytes:
        """Answer with a mail's HTML as it came. The policy makes it a sandbox, whoever frames it or opens it."""
        headers = cherrypy.serving.response.headers
        _allow(cherrypy.serving.request, "GET", "HEAD")
        page = self._ask("GET", f"mails/{number}/html")
        headers["Content-Security-Policy"] = MAIL_POLICY
        headers["X-Frame-Options"] = "SAMEORIGIN"
        return self._send(page["html"].encode("utf-8", "replace"), HTML)

    # -- the API

    @_exposed
    def api(self, segments: Sequence[str], query: Mapping[str, str]) -> bytes:
        request = cherrypy.serving.request
        found = self._table.find(request.method, segments)
        if isinstance(found, frozenset):
            if not found:
                raise ServiceError("there is no such thing here; api/openapi.json names all", code=404)
            raise _NotAllowed(found | {"HEAD"} if "GET" in found else found)
        operation, captured = found
        answer = operation.work(self._asked(operation, captured, query, request))
        if isinstance(answer, Download):
            return self._download(answer)
        if answer is None:
            cherrypy.serving.response.status = 204
            cherrypy.serving.response.headers.pop("Content-Type", None)
            return b""
        cherrypy.serving.response.status = operation.status
        return self._send(msgspec.json.encode(answer), JSON)

    def _asked(
        self, operation: Operation, captured: Mapping[str, str], given: Mapping[str, str], request: Any
    ) -> Asked:
        """Return what an operation is told of the request. Raises: ServiceError."""
        query = Table.query(operation, given)
        raw = request.body.fp.read() if operation.body else b""
        content: Mapping[str, Any] = {}
        if operation.body and not operation.raw:
            content = _json_of(raw, request.headers.get("Content-Type", ""))
        return Asked(self._desk, self._feed, captured, query, content, raw)

    def _ask(self, method: str, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return what the API answers, for a page. Raises: as the operation."""
        found = self._table.find(method, [unquote(segment) for segment in path.split("/")])
        if isinstance(found, frozenset):
            return {}
        operation, captured = found
        answer: dict[str, Any] = operation.work(
            Asked(self._desk, self._feed, captured, Table.query(operation, query or {}), {})
        )
        return answer

    def _tried(self, method: str, path: str, query: Mapping[str, str] | None = None, key: str = "") -> dict[str, Any]:
        """The same, where a refusal is shown in the page, not instead of it."""
        try:
            answer = self._ask(method, path, query)
        except (ServiceError, ConfigError) as wrong:
            return {"error": problem(wrong)[1]}
        return {key: answer} if key else answer

    def _download(self, answer: Download) -> bytes:
        name = re.sub(r"[^\w.() -]", "_", answer.name)[:120].strip(". ") or "download"
        plain = name.encode("ascii", "replace").decode().replace("?", "_")
        headers = cherrypy.serving.response.headers
        headers["Content-Disposition"] = (
            f"attachment; filename=\"{quoted_string(plain)}\"; filename*=UTF-8''{quote(name, safe='')}"
        )
        headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
        return self._send(answer.content, answer.type)

    # -- files

    @_exposed
    def static(self, rest: Sequence[str], query: Mapping[str, str]) -> bytes:
        request, response = cherrypy.serving.request, cherrypy.serving.response
        _allow(request, "GET", "HEAD")
        found = self._files.find("/".join(rest))
        if found is None:
            raise ServiceError("there is no such file", code=404)
        content, kind, tag = found
        response.headers["ETag"] = tag
        response.headers["Cache-Control"] = "no-cache"
        if tag in [one.strip().removeprefix("W/") for one in request.headers.get("If-None-Match", "").split(",")]:
            response.status = 304
            return b""
        return self._send(content, kind)

    def is_open(self, path: str) -> bool:
        """Tell whether a path is the same for everybody, so that the page which asks for the token has its looks."""
        return path.startswith("/static/")

    # -- what goes wrong

    def _send(self, content: bytes, kind: str) -> bytes:
        headers = cherrypy.serving.response.headers
        headers["Content-Type"] = kind
        headers["Content-Length"] = str(len(content))
        return content

    def refuse(self, environ: Environ, verdict: Verdict) -> tuple[int, str, bytes]:
        """Return the answer for who is not let in."""
        return self._problem(environ, verdict.status, {"what": verdict.what, "cure": verdict.cure}, verdict.reason)

    def _problem(
        self, environ: Environ, status: int, error: Mapping[str, str], reason: str = ""
    ) -> tuple[int, str, bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith(("/api/", "/static/")) or "text/html" not in environ.get("HTTP_ACCEPT", "text/html"):
            return status, JSON, msgspec.json.encode({"error": dict(error)})
        lang = language(environ)
        about = {
            "status": status,
            "reason": reason,
            "error": error,
            "lang": lang,
            "languages": LANGUAGES,
            "path": path,
            "query": {},
            "version": __version__,
        }
        name = "door" if reason else "problem"
        return status, HTML, self._pages.render(name, about, lang).encode("utf-8", "replace")

    def answer_error(self) -> None:
        """Make the answer of what an operation or a page raised."""
        wrong = sys.exc_info()[1]
        response, environ = cherrypy.serving.response, cherrypy.serving.request.wsgi_environ
        response.headers.pop("Content-Length", None)
        match wrong:
            case _Elsewhere():
                response.status = 303
                response.headers["Location"] = str(wrong)
                response.headers["Content-Length"] = "0"
                response.body = [b""]
                return
            case _NotAllowed():
                response.headers["Allow"] = ", ".join(sorted(wrong.args[0]))
                status, error = 405, {"what": "that cannot be done here", "cure": f"use {response.headers['Allow']}"}
            case Exception():
                status, error = problem(wrong)
                if status == 500:
                    shown = "".join(traceback.format_exception(wrong)) if DEBUG in os.environ else f"{wrong!r}"
                    self._trouble(f"a mistake in the console: {shown} ({DEBUG}=1 shows where)")
            case _:
                status, error = 500, {"what": "that went wrong", "cure": ""}
        status, kind, content = self._problem(environ, status, error)
        response.status = status
        response.body = [self._send(content, kind)]

    def error_page(self, status: str, message: str, traceback: str, version: str) -> bytes:
        """Answer for what CherryPy itself refuses: no such path, a parameter too much."""
        code = int(status[:3])
        words = {404: "there is no such page", 405: "that cannot be done here"}.get(code, "that went wrong")
        environ = cherrypy.serving.request.wsgi_environ
        _, kind, content = self._problem(environ, code, {"what": words, "cure": "begin at /"})
        cherrypy.serving.response.headers["Content-Type"] = kind
        return content


class _Elsewhere(Exception):
    """The visitor shall go to another address."""


class _NotAllowed(Exception):
    """The method is none that this path knows."""


def _only(rest: Iterable[str]) -> str:
    """Return the one segment behind a page's own, "" without. Raises: ServiceError (404) for more."""
    segments = [segment for segment in rest if segment]
    if len(segments) > 1:
        raise ServiceError("there is no such page", code=404)
    return segments[0] if segments else ""


def _none(rest: Sequence[str]) -> None:
    """Raises: ServiceError (404) for anything behind a page's own address."""
    if any(rest):
        raise ServiceError("there is no such page", code=404)


def _first(value: Any) -> str:
    return str(value[0] if isinstance(value, list) else value)


def _json_of(raw: bytes, kind: str) -> Mapping[str, Any]:
    """Raises: ServiceError where it is no JSON object, or does not say that it is one."""
    if kind.partition(";")[0].strip().lower() != JSON:
        raise ServiceError(f"the content must be {JSON}", code=415)
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise ServiceError(f"the content is not JSON: {wrong}", code=400) from None
    if not isinstance(value, dict):
        raise ServiceError("the content is a JSON object", code=400)
    return value


def _allow(request: Any, *methods: str) -> None:
    if request.method not in methods:
        raise _NotAllowed(frozenset(methods))
