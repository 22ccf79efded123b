"""XML-RPC calls as HTTP requests: what is taken, what is refused by a status, what by a fault, what is recorded."""

from __future__ import annotations

import gzip
import time
import xmlrpc.client
import zlib
from collections.abc import Callable, Sequence
from dataclasses import fields as fields_of
from pathlib import Path
from typing import Any

import pytest

from sockwright import services
from sockwright.binding import Refusal, service, service_of
from sockwright.conversation import Action, Invoke, Note
from sockwright.protocols import Terms, http
from sockwright.protocols import xmlrpc as endpoint
from sockwright.protocols.rpc import CallLimits, handler_of
from sockwright.wire import xmlrpc as wire
from sockwright.wire.exchange import Request, Response
from sockwright.wire.xmlrpc import (
    APPLICATION,
    INTERNAL,
    INVALID_CHARACTER,
    INVALID_PARAMETERS,
    NO_SUCH_METHOD,
    NOT_WELL_FORMED,
    NOT_XMLRPC,
    SYSTEM,
    UNSUPPORTED_ENCODING,
)
from sockwright.wire.xmlrpc_scalars import SCALARS

NOW = 784111777.0
PARITY = services.offered("parity", services.Context(now=lambda: NOW))
EVEN = xmlrpc.client.dumps((4,), "is_even").encode()


@service(blocking=False)
def broken(n: int) -> float:
    return 1 / (n - n)


@service(blocking=False)
def same(value: Any) -> Any:
    return value


@service(blocking=False)
def opaque() -> Any:
    return object()


@service(blocking=False)
def words(count: int) -> list[str]:
    return ["word"] * count


@service(blocking=False)
def page(request: Request) -> str:
    return "not a call"


def slow(n: int) -> int:
    return n * 2


OFFERED = [*PARITY, *(service_of(one, "g") for one in (broken, same, opaque, words, page, slow))]


class Peer:
    """One connection to an endpoint, and what came of it."""

    def __init__(self, opening: Callable[[], Any] | None = None) -> None:
        self.http = (opening or endpoint.open_with(Terms(OFFERED)))()
        self.http.opened(NOW)
        self.actions: list[Action] = []

    def post(self, body: bytes, path: str = "/RPC2", method: str = "POST", **fields: str) -> None:
        given = {"Host": "127.0.0.1:7081", "Content-Type": "text/xml", "Content-Length": str(len(body))}
        given |= {name.replace("_", "-").title(): value for name, value in fields.items()}
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value)
        self.take(self.http.feed(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body, NOW))

    def take(self, actions: Sequence[Action]) -> None:
        self.actions += actions

    @property
    def said(self) -> bytes:
        return b"".join(action for action in self.actions if isinstance(action, bytes))

    @property
    def status(self) -> int:
        return int(self.said.split(b" ", 2)[1])

    @property
    def head(self) -> str:
        return self.said.partition(b"\r\n\r\n")[0].decode()

    @property
    def content(self) -> bytes:
        return self.said.partition(b"\r\n\r\n")[2]

    @property
    def value(self) -> Any:
        assert self.status == 200
        assert "Content-Type: text/xml; charset=utf-8" in self.head
        return xmlrpc.client.loads(self.content, use_builtin_types=True)[0][0]

    @property
    def fault(self) -> xmlrpc.client.Fault:
        with pytest.raises(xmlrpc.client.Fault) as fault:
            self.value  # noqa: B018
        return fault.value

    def notes(self) -> list[Note]:
        return [action for action in self.actions if isinstance(action, Note)]


def asked(body: bytes, **fields: str) -> Peer:
    peer = Peer()
    peer.post(body, **fields)
    return peer


def call(method: str, *values: Any) -> bytes:
    return xmlrpc.client.dumps(values, method, allow_none=True).encode()


@pytest.mark.parametrize("path", ["/", "/RPC2"])
@pytest.mark.parametrize("kind", ["text/xml", "TEXT/XML ; Charset=UTF-8", 'application/xml; charset="utf-8"'])
def test_a_call_is_answered(path: str, kind: str) -> None:
    assert asked(EVEN, path=path, content_type=kind).value is True


@pytest.mark.parametrize("method", ["is_even", "parity.is_even"])
def test_over_http_calls_are_at_rpc2(method: str) -> None:
    peer = Peer(http.open_with(Terms(OFFERED)))
    peer.post(call(method, 3))
    assert peer.value is False
    peer = Peer(http.open_with(Terms([*PARITY, service_of(same)])))
    peer.post(EVEN, path="/")
    assert peer.status == 405


def test_answers_keep_the_order_of_the_calls() -> None:
    peer = Peer()
    for n in range(5):
        peer.post(call("same", f"номер {n}"))
    assert [text.count(f"номер {n}".encode()) for n, text in enumerate(peer.said.split(b"HTTP/1.1 200")[1:])] == [1] * 5


def test_handlers_of_requests_are_no_methods() -> None:
    assert asked(call("page")).fault.faultCode == NO_SUCH_METHOD
    assert not [name for name in asked(call("system.listMethods")).value if "page" in name]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "TRACE"])
def test_other_methods_than_post_are_405(method: str) -> None:
    peer = Peer()
    peer.post(b"", method=method, content_length="")
    assert peer.status == 405
    assert "Allow: POST, OPTIONS" in peer.head


def test_elsewhere_is_nothing() -> None:
    assert asked(EVEN, path="/RPC3").status == 404


def test_a_call_without_a_length_is_411() -> None:
    assert asked(b"", content_length="").status == 411


def test_an_empty_call_is_a_fault() -> None:
    assert asked(b"").fault.faultCode == NOT_WELL_FORMED


def test_a_chunked_call_is_taken() -> None:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(EVEN[at : at + 7]), EVEN[at : at + 7]) for at in range(0, len(EVEN), 7))
    assert asked(chunks + b"0\r\n\r\n", content_length="", transfer_encoding="chunked").value is True


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json",
        "*/*",
        "text/xml, text/plain",
        "text/plain; text/xml",
        "text/xml\u200b",
    ],
)
def test_what_a_browser_sends_without_asking_is_no_call(kind: str) -> None:
    peer = asked(EVEN, content_type=kind)
    assert peer.status == 415
    assert "Accept: text/xml, application/xml" in peer.head
    assert [(note.kind, note.data["status"]) for note in peer.notes()] == [("refused", 415)]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"host": "evil.example:7081"}, 403),
        ({"host": "evil.example:7081", "origin": "http://evil.example:7081"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"origin": "http://127.0.0.1:7081"}, 200),
        ({"host": "localhost:7081"}, 200),
        ({"host": "[::1]:7081"}, 200),
    ],
)
def test_pages_of_others_may_not_call(fields: dict[str, str], status: int) -> None:
    peer = asked(EVEN, **fields)
    assert peer.status == status
    assert [note.kind for note in peer.notes()] == ([] if status == 200 else ["refused"])


def test_names_of_this_machine_may_be_called() -> None:
    peer = Peer(endpoint.open_with(Terms(OFFERED, extra={"names": ["Bench.Example"]})))
    peer.post(EVEN, host="bench.example:7081")
    assert peer.value is True


@pytest.mark.parametrize(
    ("body", "code", "kind"),
    [
        (b"is_even 4", NOT_WELL_FORMED, "malformed"),
        (b"<methodCall/>", NOT_XMLRPC, "malformed"),
        (b"<!DOCTYPE x><x/>", NOT_XMLRPC, "malformed"),
        (b"<?xml version='1.0' encoding='zip'?><x/>", UNSUPPORTED_ENCODING, "malformed"),
        (EVEN.replace(b"is_even", b"\xff"), INVALID_CHARACTER, "malformed"),
        (EVEN.replace(b"<int>", b"<array><data><value>" * 70), NOT_XMLRPC, "limit"),
        (call("is_evn", 4), NO_SUCH_METHOD, "refused"),
        (call("is_even.__class__", 4), NO_SUCH_METHOD, "refused"),
        (call("is_even"), INVALID_PARAMETERS, "refused"),
        (call("is_even", "4"), INVALID_PARAMETERS, "refused"),
        (call("broken", 4), APPLICATION, "failed"),
        (call("opaque"), INTERNAL, "refused"),
    ],
)
def test_what_is_wrong_with_a_call_is_a_fault_and_a_record(body: bytes, code: int, kind: str) -> None:
    peer = asked(body)
    assert peer.fault.faultCode == code
    assert "Traceback" not in peer.fault.faultString
    assert "rpc.py" not in peer.fault.faultString
    [note] = peer.notes()
    assert note.kind == kind
    assert note.data.get("fault", code) == code
    peer.actions = []
    peer.post(EVEN)  # and the connection lives
    assert peer.value is True


def test_a_failing_service_has_its_traceback_in_the_record() -> None:
    [note] = asked(call("broken", 1)).notes()
    assert "ZeroDivisionError" in note.data["trace"]


def test_content_type_outweighs_the_declaration() -> None:
    text = '<?xml version="1.0" encoding="koi8-r"?><methodCall><methodName>same</methodName><params><param><value>да'
    body = (text + "</value></param></params></methodCall>").encode("cp1251")
    assert asked(body, content_type="text/xml; charset=windows-1251").value == "да"
    assert (
        asked(text.encode() + b"</value></param></params></methodCall>", content_type="text/xml; charset=utf-8").value
        == "да"
    )


@pytest.mark.parametrize("label", ["gzip", "x-gzip", "GZIP"])
def test_gzip_is_undone(label: str) -> None:
    assert asked(gzip.compress(EVEN), content_encoding=label).value is True
    assert asked(EVEN, content_encoding="identity").value is True


def bomb(size: int) -> bytes:
    maker = zlib.compressobj(6, wbits=31)
    piece = b" " * (1 << 20)
    return b"".join([*(maker.compress(piece) for _ in range(size >> 20)), maker.flush()])


@pytest.mark.parametrize(
    ("body", "coding", "status", "words"),
    [
        (bomb(1 << 26), "gzip", 413, b"more than 4194304 bytes"),
        (bomb((4 << 20) + (1 << 20)), "gzip", 413, b"more than"),
        (EVEN, "gzip", 400, b"not gzip"),
        (gzip.compress(EVEN)[:-1], "gzip", 400, b"not one whole member"),
        (gzip.compress(EVEN) + b"x", "gzip", 400, b"not one whole member"),
        (gzip.compress(b"") * 50_000, "gzip", 400, b"not one whole member"),
        (gzip.compress(gzip.compress(EVEN)), "gzip, gzip", 415, b"gzip is"),
        (EVEN, "br", 415, b"gzip is"),
        (zlib.compress(EVEN), "deflate", 415, b"gzip is"),
    ],
    ids=["bomb", "too much", "not gzip", "cut", "more", "members", "twice", "brotli", "deflate"],
)
def test_gzip_that_is_none_or_a_bomb_is_refused(body: bytes, coding: str, status: int, words: bytes) -> None:
    begun = time.process_time()
    peer = asked(body, content_encoding=coding)
    assert peer.status == status
    assert words in peer.content
    assert [(note.kind, note.data["status"]) for note in peer.notes()] == [("refused", status)]
    assert time.process_time() - begun < 0.5


def test_more_than_a_megabyte_is_413() -> None:
    assert asked(b"", content_length=str((1 << 20) + 1)).status == 413


def test_long_answers_are_gzip_for_whom_takes_it() -> None:
    for accepted, coded in (("gzip", True), ("br, gzip;q=0.5", True), ("gzip;q=0", False), ("", False), ("br", False)):
        peer = asked(call("words", 2000), accept_encoding=accepted)
        assert ("Content-Encoding: gzip" in peer.head) is coded
        content = gzip.decompress(peer.content) if coded else peer.content
        assert f"Content-Length: {len(peer.content)}" in peer.head
        assert xmlrpc.client.loads(content)[0][0] == ["word"] * 2000
    assert "Content-Encoding" not in asked(call("words", 1), accept_encoding="gzip").head
    assert "Content-Encoding" not in asked(call("words", 50_000), accept_encoding="gzip").head


def invoked(peer: Peer) -> Invoke:
    invoke = peer.actions[-1]
    assert isinstance(invoke, Invoke)
    return invoke


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (8, None),
        (Refusal("no room", 503), SYSTEM),
        (Refusal("the call took longer than 10s", 504), SYSTEM),
        (Refusal("the service failed: KeyError", 500, "Traceback ..."), APPLICATION),
    ],
)
def test_what_may_block_is_waited_for(outcome: Any, code: int | None) -> None:
    peer = asked(call("slow", 4))
    invoke = invoked(peer)
    assert invoke.service.name == "slow"
    peer.take(peer.http.answered(invoke.ticket, [outcome], NOW))
    if code is None:
        assert peer.value == 8
    else:
        assert peer.fault.faultCode == code
        assert "Traceback" not in peer.fault.faultString


def test_a_multicall_mixes_what_blocks_with_what_does_not() -> None:
    calls = [
        {"methodName": name, "params": [n]} for n, name in enumerate(["is_even", "slow", "broken", "slow", "is_even"])
    ]
    peer = asked(call("system.multicall", calls))
    for outcome in (2, 6):
        assert not peer.said
        peer.take(peer.http.answered(invoked(peer).ticket, [outcome], NOW))
    value = peer.value
    assert [value[0], value[1], value[3], value[4]] == [[True], [2], [6], [True]]
    assert value[2]["faultCode"] == APPLICATION
    assert [note.kind for note in peer.notes()] == ["failed"]


def test_a_hundred_calls_in_place_are_one_answer() -> None:
    assert asked(call("system.multicall", [{"methodName": "is_even", "params": [4]}] * 100)).value == [[True]] * 100


def test_limits_can_be_set() -> None:
    peer = Peer(endpoint.open_with(Terms(OFFERED, limits={"values": 2, "idle": "1s", "body": "4KiB"})))
    peer.post(call("same", [1]))
    assert peer.value == [1]
    peer.actions = []
    peer.post(call("same", [1, 2]))
    assert "too many values" in peer.fault.faultString
    peer.actions = []
    peer.post(b"", content_length="4097")
    assert peer.status == 413


def test_the_handler_is_a_function_of_a_request_alone() -> None:
    request = Request.to("/RPC2", "POST", {"Content-Type": "text/xml"}, EVEN)
    answer = handler_of(PARITY, limits=CallLimits())(request)
    assert isinstance(answer, Response)
    assert xmlrpc.client.loads(answer.content)[0] == (True,)


def test_every_limit_and_fault_code_is_in_the_docs() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "xmlrpc.md").read_text("utf-8")
    assert {field.name for field in fields_of(CallLimits) if f"`{field.name}`" not in page} == set()
    codes = [value for name, value in vars(wire).items() if name.isupper() and isinstance(value, int) and value < 0]
    assert len(codes) == 9
    assert {code for code in codes if f"| {code} |" not in page} == set()
    for name in SCALARS:
        assert f"<{name}>" in page or f"<{name}/>" in page
    for name in asked(call("system.listMethods")).value:
        assert not name.startswith("system.") or f"`{name}" in page
