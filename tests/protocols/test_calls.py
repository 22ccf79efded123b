"""Services as JSON: values in by object, array and query; one value or one error out; what describes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import validate

from sockwright.binding import Refusal, service, service_of
from sockwright.conversation import Action, Begin, Close, Invoke, Note, Tell
from sockwright.errors import ServiceError
from sockwright.protocols import Terms
from sockwright.protocols.http import Http, open_with
from sockwright.session import BlockingSession, Session
from sockwright.wire.exchange import Request, Response
from sockwright.wire.http1 import End, ResponseHead, ResponseReader

NOW = 1e9
Value = Any  # what JSON says


class User(msgspec.Struct):
    name: str
    age: int = 0


@service(blocking=False)
def is_even(n: int) -> bool:
    """Tell whether n is even.

    Zero is."""
    return n % 2 == 0


@service(blocking=False)
def join(words: list[str], by: str = " ") -> str:
    return by.join(words)


@service(blocking=False)
def total(*numbers: int) -> int:
    return sum(numbers)


@service(blocking=False)
def older(user: User, years: int = 1) -> User:
    return User(user.name, user.age + years)


@service(blocking=False, route="DELETE /people/{number}")
def remove(number: int, reason: str = "none") -> str:
    return f"{number} for {reason}"


@service(blocking=False, route="PUT /people/{number}")
def rename(number: int, name: str) -> str:
    return f"{number} is {name}"


@service(blocking=False)
def born(on: date) -> int:
    return on.year


@service(blocking=False)
def refuse(code: int) -> None:
    raise ServiceError("нет", code=code)


@service(blocking=False)
def broken() -> None:
    raise RuntimeError("the disk is on fire")


@service(blocking=False)
def unsayable() -> object:
    return object()


@service(blocking=False)
def options(**given: int) -> dict[str, int]:
    return given


def slow(n: int) -> int:
    return n


async def chat(session: Session) -> None:
    """Talks."""


def block(session: BlockingSession) -> None:
    """Talks too."""


ALL = (is_even, join, total, older, remove, rename, born, refuse, broken, unsayable, options, slow, chat)


class Site:
    """A fresh connection to all of these services for each request."""

    def __init__(self, *functions: Callable[..., Any], **extra: Any) -> None:
        services = [service_of(function, "test") for function in functions or ALL]
        self.opening = open_with(Terms(services, extra=extra))
        self.actions: list[Action] = []
        self.http: Http | None = None

    def ask(
        self, method: str, target: str, content: bytes | None = None, fields: Mapping[str, str] | None = None
    ) -> tuple[int, Value]:
        status, value, _ = self.whole(method, target, content, fields)
        return status, value

    def whole(
        self, method: str, target: str, content: bytes | None = None, fields: Mapping[str, str] | None = None
    ) -> tuple[int, Value, dict[str, str]]:
        lines = {"Host": "localhost:7080"}
        if content is not None:
            lines |= {"Content-Type": "application/json", "Content-Length": str(len(content))}
        lines |= fields or {}
        head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        conversation = self.opening()
        assert isinstance(conversation, Http)
        self.http = conversation
        conversation.opened(NOW)
        self.actions = list(conversation.feed(head.encode() + b"\r\n" + (content or b""), NOW))
        return self.answer(method)

    def answer(self, method: str = "GET") -> tuple[int, Value, dict[str, str]]:
        reader = ResponseReader(method)
        said = b"".join(action for action in self.actions if isinstance(action, bytes))
        parts = reader.feed(said)
        if not parts:
            return 0, None, {}
        content = b"".join(part for part in parts if isinstance(part, bytes))
        head = parts[0]
        assert isinstance(head, ResponseHead)
        assert isinstance(parts[-1], End)
        fields = {name.lower(): value for name, value in head.fields}
        is_json = fields.get("content-type") == "application/json"
        return head.status, json.loads(content) if is_json and content else content, fields


@pytest.mark.parametrize(
    ("function", "content", "value"),
    [
        ("is_even", b'{"n": 4}', True),
        ("is_even", b"[3]", False),
        ("join", b'{"words": ["a", "b"], "by": "-"}', "a-b"),
        ("join", '[["день", "ночь"]]'.encode(), "день ночь"),
        ("total", b"[1, 2, 3]", 6),
        ("total", b"[]", 0),
        ("total", b"", 0),
        ("older", b'{"user": {"name": "Ann", "age": 30}}', {"name": "Ann", "age": 31}),
        ("older", b'[{"name": "Ann"}, 5]', {"name": "Ann", "age": 5}),
        ("born", b'{"on": "2026-11-22"}', 2026),
        ("options", b'{"a": 1, "b": 2}', {"a": 1, "b": 2}),
    ],
)
def test_values_come_by_name_or_place(function: str, content: bytes, value: Value) -> None:
    status, answer, fields = Site().whole("POST", f"/call/test.{function}", content)
    assert (status, answer) == (200, value)
    assert fields["cache-control"] == "no-store"
    assert fields["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("target", "value"),
    [
        ("is_even?n=4", True),
        ("is%5Feven?n=%34", True),
        ("join?words=a&words=b&by=%2B", "a+b"),
        ("join?words=%D0%B4%D0%B0", "да"),
        ("join?words=a+b&by=", "a b"),
        ("total?numbers=1&numbers=2", 3),
        ("total?numbers=7", 7),
        ("total", 0),
        ("born?on=2026-11-22", 2026),
        ("options?a=1", {"a": 1}),
    ],
)
def test_values_come_in_the_query(target: str, value: Value) -> None:
    assert Site().ask("GET", f"/call/test.{target}") == (200, value)


@pytest.mark.parametrize(
    ("method", "target", "content", "status", "words"),
    [
        ("POST", "is_even", b"{", 400, "not JSON"),
        ("POST", "is_even", b'{"n": 4} x', 400, "not JSON"),
        ("POST", "is_even", b'"4"', 400, "object"),
        ("POST", "is_even", b"\xff\xfe", 400, "not JSON"),
        ("POST", "is_even", b"[" * 10_000, 400, "nested too deep"),
        ("POST", "is_even", b'{"n": "4"}', 422, "wants int"),
        ("POST", "is_even", b'{"m": 4}', 422, "'n' is missing"),
        ("POST", "is_even", b"{}", 422, "it takes (n: int)"),
        ("POST", "is_even", b"", 422, "'n' is missing"),
        ("POST", "is_even", b"[1, 2]", 422, "2 values came"),
        ("POST", "is_even", b'{"n": 1, "x": 2}', 422, "there is no 'x'"),
        ("POST", "older", b'{"user": {"age": 3}}', 422, "name"),
        ("GET", "is_even?n=four", None, 422, "wants int"),
        ("GET", "is_even", None, 422, "'n' is missing"),
        ("GET", "is_even?n=1&n=2", None, 422, "wants int"),
        ("GET", "is_evn?n=1", None, 404, "Did you mean 'is_even'"),
        ("POST", "a/b", b"[]", 404, "there is no call"),
        ("GET", "refuse?code=404", None, 404, "нет"),
        ("GET", "refuse?code=503", None, 503, "нет"),
        ("GET", "refuse?code=7", None, 500, "нет"),
        ("GET", "broken", None, 500, "RuntimeError: the disk is on fire"),
        ("GET", "unsayable", None, 500, "JSON cannot say"),
    ],
)
def test_refusals_are_told_in_json(method: str, target: str, content: bytes | None, status: int, words: str) -> None:
    site = Site()
    came, answer, fields = site.whole(method, f"/call/test.{target}", content)
    assert came == status
    assert list(answer) == ["error"]
    assert words in answer["error"]
    assert "Traceback" not in answer["error"]
    assert ("retry-after" in fields) == (status == 503)
    assert not any(isinstance(action, Close) for action in site.actions), "the connection lives on"


def test_what_broke_is_kept_with_its_trace() -> None:
    site = Site()
    site.ask("GET", "/call/test.broken")
    (note,) = [action for action in site.actions if isinstance(action, Note)]
    assert note.kind == "failed"
    assert "RuntimeError" in note.data["trace"]


def test_a_blocking_service_is_invoked_and_its_outcome_told() -> None:
    site = Site()
    assert site.ask("POST", "/call/test.slow", b'{"n": 4}') == (0, None)
    (invoke,) = site.actions
    assert isinstance(invoke, Invoke)
    assert site.http is not None
    assert invoke.batch[0].named == {"n": 4}
    site.actions = list(site.http.answered(invoke.ticket, (Refusal("the call took longer than 10s", 504),), NOW))
    assert site.answer()[:2] == (504, {"error": "the call took longer than 10s"})


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_what_any_page_could_send_is_no_call(kind: str) -> None:
    status, answer = Site().ask("POST", "/call/test.is_even", b'{"n": 4}', {"Content-Type": kind})
    assert status == 415
    assert "application/json" in answer["error"]


def test_json_may_say_more_of_its_type() -> None:
    for kind in ("Application/JSON; charset=utf-8", "application/vnd.api+json"):
        assert Site().ask("POST", "/call/test.is_even", b"[4]", {"Content-Type": kind}) == (200, True)
    coded = {"Content-Encoding": "gzip"}
    assert Site().ask("POST", "/call/test.is_even", b"[4]", coded)[0] == 415


@pytest.mark.parametrize(
    ("method", "target", "content"),
    [
        ("GET", "/call/test.is_even?n=4", None),
        ("POST", "/call/test.is_even", b"[4]"),
        ("GET", "/call/", None),
        ("GET", "/call/none", None),
        ("DELETE", "/people/4", None),
    ],
)
@pytest.mark.parametrize(
    "fields", [{"Origin": "http://evil.example"}, {"Host": "evil.example"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_foreign_pages_are_refused(method: str, target: str, content: bytes | None, fields: dict[str, str]) -> None:
    site = Site()
    status, answer = site.ask(method, target, content, fields)
    assert status == 403
    assert list(answer) == ["error"]
    assert [action.kind for action in site.actions if isinstance(action, Note)] == ["refused"]


def test_no_leave_is_given_to_other_origins() -> None:
    asks = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    status, _, fields = Site().whole("OPTIONS", "/call/test.is_even", None, asks)
    assert status == 204
    assert not any(name.startswith("access-control") for name in fields)


def test_the_bench_may_have_names() -> None:
    host = {"Host": "myhost.local:7080"}
    assert Site().ask("GET", "/call/test.is_even?n=4", None, host)[0] == 403
    assert Site(is_even, names=["MyHost.local"]).ask("GET", "/call/test.is_even?n=4", None, host) == (200, True)


def test_a_service_may_say_where_it_is_called() -> None:
    assert Site().ask("DELETE", "/people/7?reason=age") == (200, "7 for age")
    assert Site().ask("DELETE", "/people/seven")[0] == 422
    assert Site().ask("PUT", "/people/7", b'{"name": "Ann"}') == (200, "7 is Ann")
    assert Site().ask("PUT", "/people/7", b'["Ann"]')[0] == 400
    for method, target, allowed in [
        ("GET", "/people/7", "PUT, DELETE, OPTIONS"),
        ("DELETE", "/call/test.is_even", "GET, HEAD, POST, OPTIONS"),
    ]:
        status, _, fields = Site().whole(method, target)
        assert (status, fields["allow"]) == (405, allowed)


def test_calls_are_listed() -> None:
    status, listed = Site().ask("GET", "/call/")
    assert status == 200
    assert listed[0] == {
        "call": "/call/test.is_even",
        "takes": "(n: int)",
        "gives": "bool",
        "about": "Tell whether n is even.",
    }
    assert len(listed) == len(ALL)


def test_a_call_that_is_alone_is_at_the_root_too() -> None:
    alone = Site(is_even)
    assert alone.ask("GET", "/?n=4") == (200, True)
    assert alone.ask("POST", "/", b"[3]") == (200, False)
    assert alone.ask("GET", "/call/test.is_even?n=4") == (200, True)
    assert alone.ask("GET", "/")[0] == 422
    status, _, fields = Site().whole("GET", "/")
    assert (status, fields["location"]) == (302, "/call/")


# -- handlers


def test_a_function_of_a_request_is_a_handler() -> None:
    @service(blocking=False)
    def handler(request: Request) -> Any:
        match request.path:
            case "/text":
                return "день"
            case "/bytes":
                return b"\x00\x01"
            case "/dict":
                return {"method": request.method}
            case "/none":
                return None
            case "/response":
                return Response("made", 201)
            case "/refused":
                raise ServiceError("not here", code=404)
        return 1 / 0

    def get(path: str, method: str = "GET") -> tuple[int, Value]:
        return Site(handler).ask(method, path)

    assert get("/text") == (200, "день".encode())
    assert get("/bytes") == (200, b"\x00\x01")
    assert get("/dict", "PATCH") == (200, {"method": "PATCH"})
    assert get("/none") == (204, b"")
    assert get("/response") == (201, b"made")
    assert get("/refused") == (404, b"not here\n")
    assert get("/else") == (500, b"the service failed: ZeroDivisionError: division by zero\n")
    assert get("/call/") == (500, b"the service failed: ZeroDivisionError: division by zero\n"), "it has all paths"


def test_a_handler_that_may_block_is_invoked() -> None:
    def handler(request: Request) -> str:
        return request.path

    site = Site(handler)
    site.ask("GET", "/x")
    (invoke,) = site.actions
    assert isinstance(invoke, Invoke)
    assert invoke.service.fit(invoke.batch[0])[0][0].path == "/x"
    assert site.http is not None
    site.actions = list(site.http.answered(invoke.ticket, ("/x",), NOW))
    assert site.answer()[:2] == (200, b"/x")
    for outcome, status in [(Refusal("no", 404), 404), (object(), 500)]:
        site.ask("GET", "/x")
        assert site.http is not None
        site.actions = list(site.http.answered(1, (outcome,), NOW))
        assert site.answer()[0] == status


def test_a_handler_may_have_its_own_route_beside_calls() -> None:
    @service(blocking=False, route="GET /hi/{name}")
    def greet(request: Request) -> str:
        return "hi " + request.captured["name"]

    site = Site(greet, is_even)
    assert site.ask("GET", "/hi/%D0%90%D0%BD%D1%8F") == (200, "hi Аня".encode())
    assert site.ask("GET", "/?n=2") == (200, True)


# -- sessions


@pytest.mark.parametrize("function", [chat, block])
def test_a_session_is_spoken_with_through_the_contents_of_both_messages(function: Callable[..., Any]) -> None:
    site = Site(function)
    site.ask("POST", f"/call/test.{function.__name__}", b"", {"Transfer-Encoding": "chunked", "Content-Length": "0"})
    assert site.answer()[0] == 400, "both lengths"
    http = site.opening()
    http.opened(NOW)
    name = function.__name__.encode()
    came = http.feed(b"POST /call/test.%b HTTP/1.1\r\nHost: [::1]\r\nTransfer-Encoding: chunked\r\n\r\n" % name, NOW)
    assert [type(action) for action in came] == [bytes, Begin]
    assert http.feed(b"2\r\nhi\r\n", NOW) == [Tell(b"hi")]
    assert http.said(b"hello", NOW) == (b"5\r\nhello\r\n",)
    assert http.feed(b"0\r\n\r\n", NOW) == [Tell(b"")]
    assert list(http.session_ended(None, NOW)) == [b"0\r\n\r\n"]


# -- OpenAPI


def test_the_description_holds_before_a_validator() -> None:
    status, description = Site().ask("GET", "/openapi.json")
    assert status == 200
    validate(description)
    paths = description["paths"]
    assert set(paths) >= {"/call/test.is_even", "/people/{number}"}
    assert paths["/call/test.is_even"]["get"]["parameters"][0]["schema"] == {"type": "integer"}
    assert paths["/call/test.is_even"]["post"]["description"] == "Tell whether n is even.\n\nZero is."
    by_name, by_place = paths["/call/test.older"]["post"]["requestBody"]["content"]["application/json"]["schema"][
        "oneOf"
    ]
    assert by_name["required"] == ["user"]
    assert by_name["properties"]["user"] == {"$ref": "#/components/schemas/User"}
    assert by_place["minItems"] == 1
    assert description["components"]["schemas"]["User"]["properties"]["age"]["type"] == "integer"
    (number,) = [each for each in paths["/people/{number}"]["put"]["parameters"] if each["in"] == "path"]
    assert number == {"name": "number", "in": "path", "required": True, "schema": {"type": "integer"}}


@pytest.mark.parametrize("function", [function for function in ALL if function is not unsayable])
def test_each_alone_is_described_rightly(function: Callable[..., Any]) -> None:
    validate(Site(function).ask("GET", "/openapi.json")[1])


def test_what_has_no_schema_is_anything() -> None:
    def odd(what: complex, other: Callable[[], int]) -> Any:
        return what

    description = Site(odd).ask("GET", "/openapi.json")[1]
    validate(description)
    parameters = description["paths"]["/call/test.odd"]["get"]["parameters"]
    assert [each["schema"] for each in parameters] == [{}, {}]


def test_who_does_not_say_for_which_page_may_read_the_list_and_call_nothing() -> None:
    checker = {"User-Agent": "Mozilla/5.0 (compatible; a link checker)"}
    assert Site().ask("GET", "/call/", None, checker)[0] == 200
    assert Site().ask("GET", "/call/test.is_even?n=4", None, checker)[0] == 403
