"""XML-RPC calls: a method's name and values out, its value in. A fault is a refusal: ServiceError with its code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sockwright.client.exchanges import wait_of
from sockwright.client.http import Request, Response, ask
from sockwright.endpoint import Endpoint
from sockwright.errors import PeerError, ServiceError
from sockwright.wire.xmlrpc import Fault, read_answer
from sockwright.wire.xmlrpc_writer import write_call

PATH = "/RPC2"  # where a server is when nobody says; what the standard library's client takes, too
LIMIT = 4 * 1024 * 1024  # bytes of an answer


@dataclass(frozen=True, slots=True)
class Method:
    """What a server says of one of its methods. `signatures`: the value's type, then those of the parameters."""

    name: str
    signatures: tuple[tuple[str, ...], ...] = ()
    help: str = ""


def call_method(endpoint: Endpoint, method: str, *values: Any, wait: float | None = None) -> Any:
    """Call `method`, and return its value.

    Raises: ServiceError with the fault's code and words, PeerError where the answer is none, OSError, TimeoutError;
    ValueError, TypeError for a value that XML-RPC has no word for.
    """
    value = value_of(send_call(endpoint, method, values, wait=wait))
    if isinstance(value, Fault):
        raise ServiceError(value.message, code=value.code)
    return value


def send_call(endpoint: Endpoint, method: str, values: Sequence[Any], *, wait: float | None = None) -> Response:
    """Send the call, and return the HTTP response that should hold the answer. Raises: see `call_method`."""
    scheme = "https" if endpoint.tls else "http"
    place = replace(endpoint, scheme=scheme, path=endpoint.path or PATH)
    body = write_call(method, values)
    asked = Request("POST", place, (("Content-Type", "text/xml; charset=utf-8"),), body)
    return ask(asked, wait=wait_of(endpoint, wait), limit=LIMIT)


def value_of(response: Response) -> Any:
    """Return the value in `response`, or the Fault.

    Raises: ServiceError where the server answered in HTTP that it will not, PeerError where it makes no sense.
    """
    if response.status != 200:
        cure = f"; XML-RPC is mostly at {PATH} or /" if response.status == 404 else ""
        raise ServiceError(
            f"{response.request.url} answered {response.status} {response.reason}, not XML-RPC{cure}",
            code=response.status,
        )
    if response.type not in ("text/xml", "application/xml", "") and b"<methodResponse" not in response.content:
        raise PeerError(f"the answer is {response.type[:80]!r}, not XML", section="XML-RPC")
    declared = "charset=" in response.fields.get("content-type").lower()
    return read_answer(response.content, response.charset if declared else "")


def methods_of(endpoint: Endpoint, *, wait: float | None = None) -> list[Method]:
    """Return the methods that the server names, with signatures and help as far as it tells them."""
    names = call_method(endpoint, "system.listMethods", wait=wait)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise PeerError("system.listMethods returned no list of names", section="XML-RPC")
    asked = [(question, name) for name in names for question in ("system.methodSignature", "system.methodHelp")]
    told = _all_at_once(endpoint, asked, wait)
    pairs = zip(told[::2], told[1::2], strict=True)
    return [
        Method(name, _signatures(signature), text if isinstance(text, str) else "")
        for name, (signature, text) in zip(names, pairs, strict=True)
    ]


def _all_at_once(endpoint: Endpoint, asked: Sequence[tuple[str, str]], wait: float | None) -> list[Any]:
    """Ask by system.multicall, in parts, or one by one where the server has none; None where it will not say."""
    told: list[Any] = []
    part = 50  # calls at once: servers bound them, ours at 100
    for at in range(0, len(asked), part):
        batch = asked[at : at + part]
        calls = [{"methodName": question, "params": [name]} for question, name in batch]
        try:
            answers = call_method(endpoint, "system.multicall", calls, wait=wait)
        except ServiceError:
            return [_or_none(endpoint, question, name, wait) for question, name in asked]
        if not isinstance(answers, list) or len(answers) != len(batch):
            raise PeerError("system.multicall returned another number of answers", section="XML-RPC")
        told += [answer[0] if isinstance(answer, list) and len(answer) == 1 else None for answer in answers]
    return told


def _or_none(endpoint: Endpoint, question: str, name: str, wait: float | None) -> Any:
    try:
        return call_method(endpoint, question, name, wait=wait)
    except ServiceError:
        return None


def _signatures(told: Any) -> tuple[tuple[str, ...], ...]:
    if not isinstance(told, list):  # "signatures not supported", as the standard library's server says
        return ()
    return tuple(tuple(map(str, one)) for one in told if isinstance(one, list) and one)
