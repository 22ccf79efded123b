"""Which methods there are over XML-RPC, and what comes of calling one.

A method is found by its whole name in one table: services by their own name and by `group.name`, and the `system.`
methods. A dot is a letter here: nothing is ever looked up inside anything. Knows values alone; how they are spelled is
in `wire/xmlrpc`, how they travel in `protocols/xmlrpc`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sockwright.binding import Arguments, Outcome, Refusal, Service, attempt, failure, service, service_of
from sockwright.config import suggest
from sockwright.errors import ServiceError
from sockwright.protocols.calls import takes_request
from sockwright.protocols.signatures import BY_POSITION, signatures
from sockwright.wire.xmlrpc import (
    APPLICATION,
    INTERNAL,
    INVALID_PARAMETERS,
    NO_SUCH_METHOD,
    NOT_XMLRPC,
    SYSTEM,
    Fault,
)
from sockwright.wire.xmlrpc_scalars import excerpt
from sockwright.wire.xmlrpc_writer import write_answer

MULTICALL = 100  # calls in one system.multicall: a page of work, not a way round every other limit
_SUGGESTED = 64  # characters of a wrong name for which the nearest right one is looked for
_LATE = 504  # a Refusal's code for a call that took too long

# How a Refusal's code (in HTTP's terms) is told as a fault; any other is the application's own business.
_FAULT_CODES: Mapping[int, int] = {400: INVALID_PARAMETERS, 422: INVALID_PARAMETERS, 503: SYSTEM, _LATE: SYSTEM}

# What is spoken beyond the first specification: name -> (where it is told, its version).
_CAPABILITIES: Mapping[str, tuple[str, int]] = {
    "xmlrpc": ("http://www.xmlrpc.com/spec", 1),
    "introspection": ("http://xmlrpc-c.sourceforge.net/introspection.html", 1),
    "system.multicall": ("http://www.xmlrpc.com/discuss/msgReader$1208", 1),
    "faults_interop": ("http://xmlrpc-epi.sourceforge.net/specs/rfc.fault_codes.php", 20010516),
    "nil": ("http://www.ontosys.com/xml-rpc/extensions.php", 20010518),
}


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """A call that is not answered here and now: run `service`, and ask `then` what comes of its outcome."""

    service: Service
    arguments: Arguments
    then: Callable[[Outcome], Result]


# What comes of a call: a value, a Fault, the Refusal of a service that failed, or Waiting.
Result = Any
_Method = Callable[[list[Any]], Result]


def fault_of(refusal: Refusal) -> Fault:
    """Return the fault that tells the peer of `refusal`; the traceback stays here."""
    return Fault(_FAULT_CODES.get(refusal.code, APPLICATION), refusal.message)


class Methods:
    """The methods of one endpoint. Where two services have one name, the first has it; the other is `group.name`."""

    def __init__(self, services: Sequence[Service], multicall: int = MULTICALL) -> None:
        self._most = multicall
        # Nobody stays over XML-RPC, nobody sees the request, and what is said goes over a stream.
        called = [
            one for one in services if not (one.is_session or takes_request(one) or one.only in ("datagram", "line"))
        ]
        own = (self._list_methods, self._method_signature, self._method_help, self._get_capabilities, self._multicall)
        self._services = {f"system.{one.name}": one for one in (service_of(function, "system") for function in own)}
        for one in called:
            self._services.setdefault(one.name, one)
        for one in called:
            self._services.setdefault(f"{one.group}.{one.name}", one)
        self._methods = {name: _method_of(one) for name, one in self._services.items()}
        self._methods["system.multicall"] = self._call_many

    def call(self, name: str, values: list[Any]) -> Result:
        """Return what comes of calling `name` with `values`."""
        method = self._methods.get(name)
        return method(values) if method is not None else Fault(NO_SUCH_METHOD, self._unknown(name))

    def _unknown(self, name: str) -> str:
        nearest = suggest(name, self._services) if len(name) <= _SUGGESTED else ""
        return f"there is no method {excerpt(name)}.{nearest} system.listMethods names them all"

    def _find(self, name: str) -> Service:
        if name not in self._services:
            raise ServiceError(self._unknown(name))
        return self._services[name]

    @service(name="listMethods", blocking=False)
    def _list_methods(self) -> list[str]:
        """Return the names of all methods."""
        return sorted(self._services)

    @service(name="methodSignature", blocking=False)
    def _method_signature(self, name: str) -> Any:
        """Return each way to call the method `name`: its result's type, then its parameters'; or the string undef."""
        return signatures(self._find(name))

    @service(name="methodHelp", blocking=False)
    def _method_help(self, name: str) -> str:
        """Return what the method `name` does."""
        found = self._find(name)
        return found.doc or f"{found.name} takes {found.usage}"

    @service(name="getCapabilities", blocking=False)
    def _get_capabilities(self) -> dict[str, dict[str, Any]]:
        """Return the specifications that are kept here, each with its version."""
        return {name: {"specUrl": url, "specVersion": version} for name, (url, version) in _CAPABILITIES.items()}

    @service(name="multicall", blocking=False)
    def _multicall(self, calls: list[Any]) -> list[Any]:
        """Make several calls, in order: each a struct of methodName and params.

        The answer has, for each of them, an array that holds its value, or a fault's struct.
        """
        if len(calls) > self._most:
            raise ServiceError(f"{len(calls)} calls at once; {self._most} are the limit")
        return calls

    def _call_many(self, values: list[Any]) -> Result:
        calls = attempt(self._services["system.multicall"], Arguments(values=values))
        return calls if isinstance(calls, Refusal) else self._call_rest(calls, [])

    def _call_rest(self, calls: list[Any], answers: list[Any]) -> Result:
        """Make the calls that have no answer yet, one by one, since a later one may build on an earlier.

        All of them are waited for, those that cannot block too, so that whoever waits sees each that fails.
        """
        while len(answers) < len(calls):
            match calls[len(answers)]:
                case {"methodName": "system.multicall"}:
                    answers.append(_boxed(Fault(NOT_XMLRPC, "a system.multicall cannot hold another")))
                case {"methodName": str(name), "params": list(values)}:
                    found = self._services.get(name)
                    if found is not None:
                        return Waiting(
                            found, _arguments(found, values), lambda outcome: self._called(outcome, calls, answers)
                        )
                    answers.append(_boxed(Fault(NO_SUCH_METHOD, self._unknown(name))))
                case _:
                    words = "each call is a struct of a string methodName and an array params"
                    answers.append(_boxed(Fault(NOT_XMLRPC, words)))
        return answers

    def _called(self, outcome: Outcome, calls: list[Any], answers: list[Any]) -> Result:
        answers.append(_boxed(outcome))
        if isinstance(outcome, Refusal) and outcome.code == _LATE:  # a hundred of those would be a quarter of an hour
            given_up = _boxed(Fault(SYSTEM, "not called, since an earlier call took too long"))
            answers += [given_up] * (len(calls) - len(answers))
        return self._call_rest(calls, answers)


def untold(wrong: Exception) -> Fault:
    """Return the fault for a value that could not be written because of `wrong`."""
    return Fault(INTERNAL, f"the answer cannot be told in XML-RPC: {wrong}")


def _boxed(result: Result) -> list[Any] | dict[str, Any]:
    """Return one result as `system.multicall` tells it."""
    if isinstance(result, Refusal):
        result = fault_of(result)
    elif not isinstance(result, Fault):
        try:
            write_answer(result)  # in vain where it goes well: but one wrong value must not take all others with it
        except Exception as wrong:  # noqa: BLE001 - somebody else's value, which may be of any class
            result = untold(wrong)
    if isinstance(result, Fault):
        return {"faultCode": result.code, "faultString": result.message}
    return [result]


def _method_of(found: Service) -> _Method:
    """Return what calls `found`: in place where it cannot block, else by waiting for it."""
    if found.blocking or found.is_async:
        return lambda values: Waiting(found, _arguments(found, values), _as_it_came)
    if any(parameter.kind not in BY_POSITION for parameter in found.parameters):
        return lambda values: attempt(found, _arguments(found, values))
    function = found.function
    wanted = [parameter.type for parameter in found.parameters]

    def call(values: list[Any]) -> Result:
        # Values whose types are just the annotated ones need no fitting: `Service.fit` would return them as they are.
        if [type(value) for value in values] != wanted:
            return attempt(found, _arguments(found, values))
        try:
            return function(*values)
        except Exception as failed:  # noqa: BLE001 - somebody else's code
            return failure(failed)

    return call


def _arguments(found: Service, values: list[Any]) -> Arguments:
    """Return `values` for `found`. Text where bytes are wanted is its UTF-8; in JSON it would be base64."""
    for place, parameter in enumerate(found.parameters[: len(values)]):
        if parameter.type is bytes and type(values[place]) is str:
            values = [*values[:place], values[place].encode(), *values[place + 1 :]]
    return Arguments(values=values)


def _as_it_came(outcome: Outcome) -> Result:
    return outcome
