"""What a thing is that somebody wants to serve: a WSGI application, an ASGI one, or a function of our own kinds.

    instance with  async __call__(scope, receive, send)         ASGI   FastAPI, Starlette, Django's ASGI
                   __call__(environ, start_response)            WSGI   Flask, Django's WSGI, CherryPy
    function       async, three parameters, the first `scope`   ASGI
                   two parameters named like these              WSGI
                   anything else, or marked with @service       a function of ours (see `binding`)
    class          __init__(self, environ, start_response)      WSGI   PEP 3333's AppClass

Functions are told by the names of their parameters, since `add(a, b)` has two as well; `wsgi:` or `asgi:` before the
module says it outright.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sockwright.binding import MARK, find
from sockwright.errors import ConfigError

WSGI, ASGI, FUNCTION = "wsgi", "asgi", ""

_ENVIRON = frozenset({"environ", "env", "_environ", "environment"})
_START = frozenset({"start_response", "start", "sr", "_start_response", "start_resp"})


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What was found: the application and its kind (`FUNCTION` where it is none)."""

    application: Any
    kind: str


def find_application(target: str) -> Found:
    """Return what `[wsgi:|asgi:]module:name` or `path.py:name` names; `name()` is called first, a factory.

    Raises: ConfigError naming what is wrong and how to write it.
    """
    kind, _, rest = target.partition(":")
    if kind in (WSGI, ASGI) and ":" in rest:
        target = rest
    else:
        kind = ""
    place, colon, name = target.rpartition(":")
    call = ""
    if "(" in target:  # create_app("a:b") may hold a colon
        target, _, call = target.partition("(")
        place, colon, name = target.rpartition(":")
        call = "(" + call
    found = find(f"{place}{colon}{name}")
    if call:
        found = _called(found, name, call)
    if not callable(found):
        raise ConfigError(
            f"{target} is {type(found).__name__}, which nobody can call",
            cure="name an application, a function, or a factory as module:create_app()",
        )
    told = kind_of(found)
    if not kind and told != FUNCTION:
        kind = told
    if kind == ASGI and _takes_scope_alone(found):
        raise ConfigError(
            f"{target} is an application for ASGI 2, which is called twice",
            cure="ASGI 3 is spoken here: wrap it with asgiref.compatibility.guarantee_single_callable",
        )
    if not kind and not call and _looks_like_a_factory(found, name):
        raise ConfigError(f"{target} looks like a factory of applications", cure=f"let it be called: '{target}()'")
    if call and not kind:
        raise ConfigError(
            f"{target}{call} made a {type(found).__name__}, which looks like no application",
            cure=f"say what it is: wsgi:{target}{call} or asgi:{target}{call}",
        )
    return Found(found, kind)


def kind_of(found: Any) -> str:
    """Return WSGI, ASGI or FUNCTION for something that can be called."""
    if hasattr(found, MARK):
        return FUNCTION
    if inspect.isclass(found):
        return WSGI if _named_like_wsgi(_parameters(found)) else ASGI if _takes_scope_alone(found) else FUNCTION
    routine = inspect.isroutine(found)
    target = found if routine else type(found).__call__
    parameters = _parameters(found)
    if len(parameters) == 3 and (not routine or parameters[0] == "scope") and inspect.iscoroutinefunction(target):
        return ASGI
    if parameters[:3] == ["scope", "receive", "send"]:
        return ASGI
    if _takes_scope_alone(found):
        return ASGI
    if len(parameters) == 2 and (_named_like_wsgi(parameters) or (not routine and not _annotated(target))):
        return WSGI
    return FUNCTION


def _named_like_wsgi(parameters: list[str]) -> bool:
    return len(parameters) == 2 and parameters[0] in _ENVIRON and parameters[1] in _START


def _takes_scope_alone(found: Any) -> bool:
    return _parameters(found) == ["scope"]


def _annotated(function: Callable[..., Any]) -> bool:
    return bool(getattr(function, "__annotations__", None))


def _parameters(found: Any) -> list[str]:
    """Return the names of the parameters that must be given."""
    try:
        signature = inspect.signature(found)
    except (ValueError, TypeError):
        return []
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [one.name for one in signature.parameters.values() if one.kind in positional and one.default is one.empty]


def _looks_like_a_factory(found: Any, name: str) -> bool:
    return inspect.isroutine(found) and not _parameters(found) and name.rpartition(".")[2] in _FACTORIES


_FACTORIES = frozenset({"create_app", "make_app", "get_app", "app_factory", "create_application", "make_application"})


def _called(found: Any, name: str, call: str) -> Any:
    """Call a factory with the literals in `call`: `()`, `("testing", debug=True)`."""
    try:
        expression = ast.parse(f"f{call}", mode="eval").body
        if not isinstance(expression, ast.Call):
            raise SyntaxError("this is no call")
        values = [ast.literal_eval(argument) for argument in expression.args]
        named = {word.arg: ast.literal_eval(word.value) for word in expression.keywords if word.arg}
    except (SyntaxError, ValueError):
        raise ConfigError(
            f"{name}{call} cannot be called", cure="a factory takes plain values: create_app('testing', debug=True)"
        ) from None
    if not callable(found):
        raise ConfigError(f"{name} is {type(found).__name__}, which nobody can call", cure=f"leave {call} out")
    try:
        return found(*values, **named)
    except Exception as failed:  # noqa: BLE001 - somebody else's code
        raise ConfigError(f"{name}{call} failed: {type(failed).__name__}: {failed}") from None
