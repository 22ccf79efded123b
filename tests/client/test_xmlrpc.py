from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Any, cast
from xmlrpc.server import SimpleXMLRPCRequestHandler, SimpleXMLRPCServer

import pytest
from tests.client.test_http import saying
from tests.peers import server

from sockwright.client import call
from sockwright.client.xmlrpc import Method, methods_of
from sockwright.endpoint import parse
from sockwright.errors import PeerError, ServiceError


class Handler(SimpleXMLRPCRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


def is_even(n: int) -> bool:
    """Tell whether n is even."""
    return n % 2 == 0


@pytest.fixture(scope="module", params=[True, False], ids=["multicall", "one by one"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The lecture's server, a stranger."""
    with SimpleXMLRPCServer(("127.0.0.1", 0), Handler, allow_none=True) as rpc:
        rpc.register_function(cast(Any, is_even), "is_even")
        rpc.register_function(lambda value: value, "same")
        rpc.register_introspection_functions()
        if request.param:
            rpc.register_multicall_functions()
        thread = threading.Thread(target=rpc.serve_forever, args=(0.01,))
        thread.start()
        yield f"xmlrpc://127.0.0.1:{rpc.server_address[1]}"
        rpc.shutdown()
        thread.join()


def test_values_go_and_come(url: str) -> None:
    assert call(url, "is_even", 4) is True
    assert call(url + "/", "is_even", 3) is False
    for value in ("слово <&>", 1.5, [1, "a", None], {"ключ": [True]}, b"\x00\xff", datetime(2026, 11, 22, 9, 8, 7)):
        came = call(url, "same", value)
        assert getattr(came, "data", came) == value


def test_a_fault_is_a_refusal_with_its_code(url: str) -> None:
    with pytest.raises(ServiceError, match="not supported") as fault:
        call(url, "no_such_method")
    assert fault.value.code == 1


def test_methods_are_listed_with_what_the_server_tells_of_them(url: str) -> None:
    methods = methods_of(parse(url))
    assert Method("is_even", (), "Tell whether n is even.") in methods
    assert {"same", "system.listMethods"} <= {method.name for method in methods}


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        (b"404 Not Found\r\nContent-Length: 0\r\n\r\n", ServiceError, "404 Not Found, not XML-RPC; .*mostly at /RPC2"),
        (b"200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\n<br>", PeerError, "not XML"),
        (b"200 OK\r\nContent-Type: text/xml\r\nContent-Length: 12\r\n\r\n<!DOCTYPE x>", PeerError, "DOCTYPE"),
    ],
)
def test_what_is_no_answer_is_told(said: bytes, error: type[Exception], words: str) -> None:
    with server(saying(b"HTTP/1.1 " + said)) as port, pytest.raises(error, match=words):
        call(f"xmlrpc://:{port}/x", "f")
