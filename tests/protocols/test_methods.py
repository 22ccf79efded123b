"""What comes of calling a method: values, faults, and calls that wait."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from sockwright import services
from sockwright.binding import Outcome, Refusal, Service, attempt, service, service_of
from sockwright.errors import ServiceError
from sockwright.protocols.methods import Methods, Waiting
from sockwright.session import Session
from sockwright.wire.xmlrpc import APPLICATION, INVALID_PARAMETERS, NO_SUCH_METHOD, NOT_XMLRPC, SYSTEM

CONTEXT = services.Context(now=lambda: 0.0)
calls: list[Any] = []


@service(blocking=False)
def add(a: int, b: int = 1) -> int:
    return a + b


@service(blocking=False)
def several(*numbers: int) -> int:
    """Add them all up."""
    return sum(numbers)


@service(blocking=False)
def by_name(*, n: int) -> int:
    return n


@service(blocking=False)
def untyped(n):  # type: ignore[no-untyped-def]
    return [n, n]


@service(blocking=False)
def broken(n: int) -> int:
    return 1 // (n - n)


@service(blocking=False)
def picky(code: int) -> None:
    raise ServiceError("not for you", code=code)


@service(blocking=False)
def nan() -> float:
    return math.nan


@service(blocking=False)
def size(data: bytes, name: str = "") -> int:
    return len(data)


def slow(n: int) -> int:
    calls.append(n)
    return n * 2


async def later(n: int) -> int:
    return n


async def stays(session: Session) -> None:
    pass


def methods(*functions: Callable[..., Any], group: str = "g") -> Methods:
    return Methods([*services.offered("parity", CONTEXT), *(service_of(function, group) for function in functions)])


def finish(result: Any, run: Callable[[Service, Any], Outcome] = attempt) -> Any:
    """Do what a driver does until nothing waits."""
    while isinstance(result, Waiting):
        result = result.then(run(result.service, result.arguments))
    return result


ALL = methods(add, size, several, by_name, untyped, broken, picky, nan, slow, later)


@pytest.mark.parametrize(
    ("name", "values", "value"),
    [
        ("is_even", [4], True),
        ("parity.is_even", [3], False),
        ("add", [1, 2], 3),
        ("add", [1], 2),
        ("g.add", [1], 2),
        ("several", [], 0),
        ("several", [1, 2, 3], 6),
        ("untyped", ["я"], ["я", "я"]),
        ("size", [b"aGk=", "x"], 4),
        ("size", ["aGk="], 4),
        ("size", ["я"], 2),
    ],
)
def test_a_call_gives_a_value(name: str, values: list[Any], value: Any) -> None:
    assert ALL.call(name, values) == value


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("is_even", [], "'n' is missing; it takes (n: int)"),
        ("is_even", [1, 2], "2 values came; it takes (n: int)"),
        ("is_even", ["4"], "'n' wants int, and '4' does not fit"),
        ("is_even", [4.5], "'n' wants int"),
        ("is_even", [None], "'n' wants int"),
        ("is_even", [[4]], "'n' wants int"),
        ("is_even", [True], "'n' wants int"),
        ("several", [1, "2"], "wants int"),
        ("by_name", [1], "'n' is missing"),
        ("size", ["x", b"y"], "'name' wants str"),
        ("size", ["x", "y", "z"], "3 values came"),
        ("system.listMethods", [1], "1 values came; it takes nothing"),
        ("system.methodHelp", [], "'name' is missing"),
        ("system.multicall", [4], "wants list"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, values: list[Any], words: str) -> None:
    refusal = ALL.call(name, values)
    assert isinstance(refusal, Refusal)
    assert words in refusal.message
    assert not refusal.trace


def test_a_failing_service_keeps_its_traceback_to_itself() -> None:
    refusal = ALL.call("broken", [1])
    assert refusal.message.startswith("the service failed: ZeroDivisionError")
    assert "Traceback" in refusal.trace
    assert ALL.call("picky", [404]) == Refusal("not for you", 404)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("is_evn", "Did you mean 'is_even'?"),
        ("parity.is_evn", "Did you mean 'parity.is_even'?"),
        ("system.listMethod", "Did you mean 'system.listMethods'?"),
        ("zzz", "system.listMethods names them all"),
        ("is_even.__class__", "there is no method"),
        ("__class__", "there is no method"),
        ("parity.__class__.__mro__", "there is no method"),
        ("g", "there is no method"),
        ("_multicall", "there is no method"),
        ("call", "there is no method"),
        ("\x1b[2J", r"'\x1b[2J'"),
        ("a" * 255, "there is no method"),
    ],
)
def test_an_unknown_method_is_a_fault_with_the_nearest_name(name: str, words: str) -> None:
    fault = ALL.call(name, [])
    assert fault.code == NO_SUCH_METHOD
    assert words in fault.message
    assert len(fault.message) < 250


def test_services_that_may_block_are_waited_for() -> None:
    calls.clear()
    for name in ("slow", "later", "g.slow"):
        waiting = ALL.call(name, [4])
        assert isinstance(waiting, Waiting)
        assert list(waiting.arguments.values) == [4]
        assert waiting.then(8) == 8
    assert calls == []


def test_the_first_of_two_services_has_the_name() -> None:
    def is_even(n: int) -> str:
        return "mine"

    mine = Methods([service_of(is_even, "mine"), *services.offered("parity", CONTEXT)])
    assert finish(mine.call("is_even", [4])) == "mine"
    assert finish(mine.call("mine.is_even", [4])) == "mine"
    assert mine.call("parity.is_even", [4]) is True


def test_a_users_service_does_not_take_a_system_method() -> None:
    assert "system.listMethods" in Methods([service_of(add, "system")]).call("system.listMethods", [])


def test_sessions_and_datagram_services_are_no_methods() -> None:
    offered = [*services.offered("symbols", CONTEXT), *services.offered("greet", CONTEXT), service_of(stays)]
    assert [name for name in Methods(offered).call("system.listMethods", []) if "system." not in name] == [
        "greet",
        "greet.greet",
    ]
    assert Methods(offered).call("greet", []) == "Thank you for the connection"


def test_introspection_tells_of_every_method() -> None:
    names = ALL.call("system.listMethods", [])
    assert names == sorted(names)
    assert {"is_even", "parity.is_even", "add", "system.multicall", "system.getCapabilities"} <= set(names)
    for name in names:
        assert isinstance(ALL.call("system.methodHelp", [name]), str)
        assert ALL.call("system.methodSignature", [name])
    assert ALL.call("system.methodSignature", ["is_even"]) == [["boolean", "int"]]
    assert ALL.call("system.methodSignature", ["add"]) == [["int", "int", "int"], ["int", "int"]]
    assert ALL.call("system.methodSignature", ["untyped"]) == "undef"
    assert ALL.call("system.methodSignature", ["system.listMethods"]) == [["array"]]
    assert ALL.call("system.methodHelp", ["is_even"]) == "Tell whether n can be halved without a rest."
    assert ALL.call("system.methodHelp", ["untyped"]) == "untyped takes (n: anything)"
    assert ALL.call("system.getCapabilities", [])["faults_interop"]["specVersion"] == 20010516


@pytest.mark.parametrize("method", ["system.methodHelp", "system.methodSignature"])
def test_introspection_of_what_is_not_there(method: str) -> None:
    refusal = ALL.call(method, ["is_evn"])
    assert "Did you mean 'is_even'?" in refusal.message


def one(name: str, *values: Any) -> dict[str, Any]:
    return {"methodName": name, "params": list(values)}


def test_multicall_answers_each_call_in_order() -> None:
    calls.clear()
    answers = finish(
        ALL.call(
            "system.multicall",
            [
                [
                    one("is_even", 4),
                    one("slow", 1),
                    one("nope"),
                    one("slow", 2),
                    one("is_even"),
                    one("later", 3),
                    one("broken", 1),
                ]
            ],
        ),
        lambda service, arguments: 3 if service.name == "later" else attempt(service, arguments),
    )
    assert [answer[0] if isinstance(answer, list) else answer["faultCode"] for answer in answers] == [
        True,
        2,
        NO_SUCH_METHOD,
        4,
        INVALID_PARAMETERS,
        3,
        APPLICATION,
    ]
    assert "Traceback" not in str(answers)
    assert calls == [1, 2]


def test_a_later_call_of_a_multicall_is_not_begun_before_an_earlier_is_over() -> None:
    calls.clear()
    waiting = ALL.call("system.multicall", [[one("slow", 1), one("slow", 2)]])
    assert isinstance(waiting, Waiting)
    waiting = waiting.then(2)
    assert isinstance(waiting, Waiting)
    assert waiting.then(4) == [[2], [4]]


def test_after_a_call_that_took_too_long_the_rest_is_given_up() -> None:
    waiting = ALL.call("system.multicall", [[one("slow", 1), one("slow", 2), one("is_even", 4)]])
    assert isinstance(waiting, Waiting)
    answers = waiting.then(Refusal("the call took longer than 10s", 504))
    assert [answer["faultCode"] for answer in answers] == [SYSTEM] * 3
    assert "not called" in answers[2]["faultString"]


def test_multicall_is_not_recursive_and_bounded() -> None:
    inner = one("system.multicall", [one("is_even", 4)])
    answers = finish(ALL.call("system.multicall", [[inner, one("is_even", 4)]]))
    assert answers[0]["faultCode"] == NOT_XMLRPC
    assert answers[1] == [True]
    assert len(finish(ALL.call("system.multicall", [[one("is_even", 4)] * 100]))) == 100
    assert "100 are the limit" in ALL.call("system.multicall", [[one("is_even", 4)] * 101]).message
    assert ALL.call("system.multicall", [[]]) == []


@pytest.mark.parametrize(
    "wrong", [4, None, {}, {"methodName": "is_even"}, one("is_even") | {"params": 4}, {"methodName": 4, "params": []}]
)
def test_a_call_in_a_multicall_that_is_none_is_a_fault_of_its_own(wrong: Any) -> None:
    answers = finish(ALL.call("system.multicall", [[wrong, one("is_even", 4)]]))
    assert answers[0]["faultCode"] == NOT_XMLRPC
    assert answers[1] == [True]


def test_a_value_that_cannot_be_told_spoils_its_own_call_alone() -> None:
    answers = finish(ALL.call("system.multicall", [[one("nan"), one("is_even", 4)]]))
    assert "no word for nan" in answers[0]["faultString"]
    assert answers[1] == [True]
