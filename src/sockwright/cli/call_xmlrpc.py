"""`call` over xmlrpc: a method's name and typed values."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click

from sockwright.cli import manners
from sockwright.cli.screen import Expectation, Screen
from sockwright.client.http import Response
from sockwright.client.xmlrpc import Method, methods_of, send_call, value_of
from sockwright.endpoint import Endpoint
from sockwright.wire.visible import visible, visible_lines
from sockwright.wire.xmlrpc import Fault


def typed(word: str) -> Any:
    """Return the value that `word` looks like in JSON: a number, true, null, a string in quotes, ...; else text."""
    try:
        return json.loads(word, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return word


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is Python's word, not JSON's")


def talk(endpoint: Endpoint, words: Sequence[str], **options: Any) -> int:
    """Call the method that the first word names, show its value, and return the exit code."""
    if options["list_methods"]:
        return _list(methods_of(endpoint, wait=options["wait"]), options["as_json"])
    if not words:
        raise click.UsageError("The name of a method is missing. --list names those that there are.")
    method, *rest = words
    values = rest if options["string"] else [typed(word) for word in rest]
    response = send_call(endpoint, method, values, wait=options["wait"])
    if options["verbose"]:
        _show_messages(response)
    value = value_of(response)
    if isinstance(value, Fault):
        if options["as_json"]:
            manners.emit({"method": method, "fault": {"code": value.code, "message": value.message}, "exit": 1})
        manners.complain(f"fault {value.code}: {visible(value.message, 1000)}")
        return manners.WRONG
    screen = Screen()
    text = value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False)
    if options["as_json"]:
        manners.emit({"method": method, "value": plain(value), "exit": 0})
    else:
        screen.write_line(text.encode("utf-8", "replace"))
    expect: Expectation | None = options["expect"]
    if expect is not None and not expect.holds(text):
        manners.complain(expect.complaint(text))
        return manners.WRONG
    return manners.OK


def plain(value: Any) -> Any:
    """Return a value as JSON can say it: dates in ISO's form, bytes as base64."""
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case datetime():
            return value.isoformat()
        case dict():
            return {name: plain(item) for name, item in value.items()}
        case list():
            return [plain(item) for item in value]
    return value


def _show_messages(response: Response) -> None:
    asked = response.request
    both = (asked.head() + asked.content, b"".join(head.raw for head in response.heads) + response.content)
    for message in both:
        manners.remark(visible_lines(message).rstrip("\n") + "\n")


def _list(methods: Sequence[Method], as_json: bool) -> int:
    for method in methods:
        if as_json:
            manners.emit({"method": method.name, "signatures": method.signatures, "help": method.help})
            continue
        name = visible(method.name, 200)
        forms = [f"{name}({', '.join(types)}) -> {value}" for value, *types in method.signatures] or [f"{name}(...)"]
        about = visible(method.help.strip().partition("\n")[0], 200)
        for form in forms:
            click.echo(f"{visible(form)}{f'  {about}' if about else ''}")
    return manners.OK
