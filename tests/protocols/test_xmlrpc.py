"""XML-RPC over real sockets, with the standard library's client and other strangers."""

from __future__ import annotations

import http.client
import socket
import subprocess
import threading
import xmlrpc.client
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.examples import lecture
from tests.sockets import WAIT, ask, dial, records, reset, until

from sockwright.client import call
from sockwright.client.xmlrpc import methods_of
from sockwright.endpoint import Peer, parse
from sockwright.journal.records import ENDED, NOTE
from sockwright.workbench import BenchThread

EVEN = xmlrpc.client.dumps((4,), "is_even").encode()
HEAD = b"POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n"

FUNCTIONS = '''
import asyncio, threading, time
from typing import Any
from sockwright import service

def double(n: int) -> int:
    """Return twice n, in a worker."""
    assert threading.current_thread().name.startswith("sockwright-worker")
    return n * 2

async def later(n: int) -> int:
    await asyncio.sleep(0)
    return n + 1

@service(blocking=False)
def same(value: Any) -> Any:
    return value

def fails(n: int) -> int:
    raise KeyError("кот на клавиатуре")

def чётное(n: int) -> bool:
    return n % 2 == 0
'''


@pytest.fixture
def peer(bench: BenchThread, tmp_path: Path) -> Peer:
    """An endpoint with built-in services and a user's own."""
    file = tmp_path / "functions.py"
    file.write_text(FUNCTIONS, "utf-8")
    names = ["double", "later", "same", "fails", "чётное"]
    return bench.serve("xmlrpc://:0", "parity", "validator1", *(f"{file}:{name}" for name in names))


@pytest.fixture
def proxy(peer: Peer) -> Iterator[Any]:
    with xmlrpc.client.ServerProxy(f"http://{peer}/", allow_none=True, use_builtin_types=True) as proxy:
        yield proxy


def test_calls(proxy: Any) -> None:
    assert proxy.is_even(4) is True
    assert proxy.parity.is_even(3) is False
    assert proxy.double(21) == 42
    assert proxy.later(1) == 2
    assert proxy.чётное(7) is False


@pytest.mark.parametrize(
    "value",
    [
        None,
        "привет <&>\n\t\U0001f600",
        -(2**31),
        1e300,
        5e-324,
        b"\x00\xff" * 1000,
        datetime(2026, 11, 22, 9, 8, 7),
        [],
        {"ключ": [1, {"a": [None, True]}]},
        ["word"] * 5000,  # long enough to come back as gzip
        "x" * 900_000,
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_come_back_as_they_went(proxy: Any, value: Any) -> None:
    assert proxy.same(value) == value


def test_our_client_carries_what_the_standard_librarys_does_not(peer: Peer) -> None:
    assert call(f"xmlrpc://{peer}", "same", "a\r\nb\rc") == "a\r\nb\rc"
    assert call(f"xmlrpc://{peer}", "same", 2**40) == 2**40
    assert call(f"xmlrpc://{peer}", "double", 2**40) == 2**41


def test_faults(proxy: Any) -> None:
    for method, values, code, words in (
        ("is_evn", [4], -32601, "Did you mean 'is_even'?"),
        ("is_even", [], -32602, "'n' is missing; it takes (n: int)"),
        ("is_even", ["4"], -32602, "'4' does not fit"),
        ("fails", [1], -32500, "KeyError: 'кот на клавиатуре'"),
        ("double.__globals__", [], -32601, "there is no method"),
    ):
        with pytest.raises(xmlrpc.client.Fault) as fault:
            getattr(proxy, method)(*values)
        assert fault.value.faultCode == code
        assert words in fault.value.faultString
        assert "Traceback" not in fault.value.faultString
    assert proxy.is_even(4) is True


def test_a_failing_service_leaves_its_traceback_in_the_journal(bench: BenchThread, proxy: Any) -> None:
    with pytest.raises(xmlrpc.client.Fault):
        proxy.fails(1)
    kinds = {record[3][0]: record[3][1] for record in records(bench.journal, NOTE)}
    assert "functions.py" in kinds["failed"]["trace"]


def test_introspection(proxy: Any, peer: Peer) -> None:
    names = proxy.system.listMethods()
    assert {"is_even", "parity.is_even", "double", "чётное", "validator1.whichToolkit", "system.multicall"} <= set(
        names
    )
    assert proxy.system.methodSignature("is_even") == [["boolean", "int"]]
    assert proxy.system.methodSignature("same") == "undef"
    assert proxy.system.methodHelp("double") == "Return twice n, in a worker."
    assert proxy.system.getCapabilities()["nil"]["specVersion"] == 20010518
    told = {method.name: method.signatures for method in methods_of(parse(f"xmlrpc://{peer}"))}
    assert told["validator1.easyStructTest"] == (("int", "struct"),)


def test_multicall(proxy: Any) -> None:
    many = xmlrpc.client.MultiCall(proxy)
    many.is_even(4)
    many.double(4)
    many.later(4)
    many.nope()
    answers = many()
    assert [answers[n] for n in range(3)] == [True, 8, 5]
    with pytest.raises(xmlrpc.client.Fault, match="there is no method"):
        answers[3]
    with pytest.raises(xmlrpc.client.Fault, match="100 are the limit"):
        proxy.system.multicall([{"methodName": "is_even", "params": [4]}] * 101)


def test_the_validation_suite(proxy: Any) -> None:
    day = {"moe": 1, "larry": 2, "curly": 3}
    suite = proxy.validator1
    assert suite.arrayOfStructsTest([day] * 10) == 30
    assert suite.countTheEntities('<<>&\'""') == {
        "ctLeftAngleBrackets": 2,
        "ctRightAngleBrackets": 1,
        "ctAmpersands": 1,
        "ctApostrophes": 1,
        "ctQuotes": 2,
    }
    assert suite.easyStructTest(day) == 6
    assert suite.echoStructTest({f"substruct{n}": day for n in range(10)}) == {f"substruct{n}": day for n in range(10)}
    types = [7, True, "a<b", -1.5, datetime(1998, 7, 17, 14, 8, 55), b"\x00binary\xff"]
    assert suite.manyTypesTest(*types) == types
    assert suite.moderateSizeArrayCheck([f"Wor{n}d" for n in range(200)]) == "Wor0dWor199d"
    calendar = {
        str(year): {f"{m:02}": {f"{d:02}": day for d in range(1, 4)} for m in range(1, 6)} for year in (1999, 2000)
    }
    assert suite.nestedStructTest(calendar) == 6
    assert suite.simpleStructReturnTest(2) == {"times10": 20, "times100": 200, "times1000": 2000}
    assert suite.whichToolkit()["toolkitName"] == "Sockwright"


def test_http_endpoints_take_calls_at_rpc2(bench: BenchThread) -> None:
    peer = bench.serve("http://:0", "parity")
    with xmlrpc.client.ServerProxy(f"http://{peer}") as proxy:  # /RPC2 is where it looks by itself
        assert proxy.is_even(4) is True


def test_the_lectures_client(peer: Peer, tmp_path: Path) -> None:
    code = lecture.program("xmlrpc client").replace("8000", str(peer.port))
    assert lecture.run_code(code, tmp_path) == "3 is even: False\n100 is even: True\n"


@pytest.mark.stranger("curl")
def test_curl(peer: Peer, stranger: Callable[[str], str]) -> None:
    asked = [stranger("curl"), "-sS", "-i", f"http://{peer}/RPC2", "--data-binary", EVEN.decode(), "--max-time", "10"]
    done = subprocess.run([*asked, "-H", "Content-Type: text/xml"], capture_output=True, text=True, check=True)
    assert "<boolean>1</boolean>" in done.stdout
    refused = subprocess.run(asked, capture_output=True, text=True, check=True)  # as a form, which curl and browsers do
    assert "415 Unsupported Media Type" in refused.stdout
    assert "a call is text/xml, and application/x-www-form-urlencoded came" in refused.stdout


def test_a_connection_carries_many_calls(peer: Peer) -> None:
    connection = http.client.HTTPConnection(peer.host, peer.port, timeout=WAIT)
    for _ in range(20):
        connection.request("POST", "/", EVEN, {"Content-Type": "text/xml"})
        answer = connection.getresponse()
        assert xmlrpc.client.loads(answer.read())[0] == (True,)
    connection.close()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"GET /RPC2 HTTP/1.1\r\nHost: x\r\n\r\n", b"405 Method Not Allowed"),
        (HEAD + b"\r\n", b"411 Length Required"),
        (HEAD + b"Content-Length: 2000000\r\n\r\n", b"413 Content Too Large"),
        (HEAD + b"Content-Length: 0\r\n\r\n", b"<int>-32700</int>"),
        (HEAD + b"Content-Length: 5\r\n\r\nhello", b"<int>-32700</int>"),
        (HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(EVEN), EVEN), b"<boolean>1</boolean>"),
        (EVEN, b"400 Bad Request"),
    ],
    ids=["get", "no length", "too long", "empty", "no XML", "half-closed", "no HTTP"],
)
def test_every_peer_is_answered(peer: Peer, data: bytes, said: bytes) -> None:
    answer = ask(peer, data)
    assert said in answer
    assert b"Traceback" not in answer


def test_a_call_in_pieces(peer: Peer) -> None:
    with dial(peer) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(EVEN), EVEN):
            sock.sendall(bytes([byte]))
        sock.shutdown(socket.SHUT_WR)
        assert b"<boolean>1</boolean>" in until(lambda: sock.recv(65536))


def test_peers_that_vanish_in_a_call_harm_nobody(bench: BenchThread, peer: Peer, proxy: Any) -> None:
    for data in (HEAD[:20], HEAD, HEAD + b"Content-Length: 500\r\n\r\n<methodCall>"):
        sock = dial(peer)
        sock.sendall(data)
        reset(sock)
    until(lambda: len(records(bench.journal, ENDED)) >= 3)
    assert proxy.is_even(4) is True


def test_many_clients_at_once(peer: Peer) -> None:
    wrong: list[Any] = []

    def client(number: int) -> None:
        with xmlrpc.client.ServerProxy(f"http://{peer}") as proxy:
            for n in range(10):
                got = proxy.double(number * 100 + n)
                if got != 2 * (number * 100 + n):
                    wrong.append(got)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    assert not wrong
    assert not any(thread.is_alive() for thread in threads)
