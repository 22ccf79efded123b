"""`call` over http and https, in HTTPie's habit: fields, query, JSON and files as words."""

from __future__ import annotations

import base64
import json
import os
import re
import select
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import click

from sockwright import config
from sockwright.cli import manners
from sockwright.cli.call import stdin_descriptor, stdin_is_piped
from sockwright.cli.screen import Expectation, Screen
from sockwright.client.exchanges import wait_of
from sockwright.client.http import Request, Response, ask
from sockwright.endpoint import Endpoint
from sockwright.errors import ConfigError
from sockwright.wire import anatomy
from sockwright.wire.http1 import ResponseHead
from sockwright.wire.visible import visible, visible_lines

LONGEST_PIPE = 64 * 1024 * 1024  # bytes of standard input that are kept: the length goes out before the content
_SEPARATORS = re.compile(r"\\.|:=|==|=|:|@")


class Item(NamedTuple):
    """One word behind the URL, taken apart."""

    name: str
    separator: str
    value: str


@dataclass
class Said:
    """What the words behind the URL say."""

    fields: list[tuple[str, str]] = field(default_factory=list)
    without: set[str] = field(default_factory=set)
    query: list[tuple[str, str]] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    content: bytes | None = None


def item_of(word: str) -> Item:
    """Return `word` cut at its first separator; a backslash before one makes it a plain character.

    Raises: click.UsageError where there is none.
    """
    name = ""
    at = 0
    for found in _SEPARATORS.finditer(word):
        name += word[at : found.start()]
        at = found.end()
        if not found[0].startswith("\\"):
            return Item(name, found[0], word[at:])
        name += found[0][1:] if found[0][1] in "\\:=@" else found[0]
    raise click.UsageError(
        f"{word!r} is none of Field:value, query==value, key=text, key:=json, @file. (A URL goes first.)"
    )


def said_by(words: Sequence[str]) -> Said:
    """Return what `words` say. Raises: click.UsageError, ConfigError for a file that cannot be read."""
    said = Said()
    for word in words:
        name, separator, value = item_of(word)
        match separator:
            case ":" if value:
                said.fields.append((name, value.strip()))
            case ":":
                said.without.add(name.lower())
            case "==":
                said.query.append((name, value))
            case "=":
                said.data[name] = value
            case ":=":
                try:
                    said.data[name] = json.loads(value)
                except ValueError as wrong:
                    raise click.UsageError(f"{word!r}: {value!r} is not JSON ({wrong}). Text goes after =.") from None
            case "@" if name:
                raise click.UsageError(f"{word!r}: files as parts of a form are not sent; @{value} sends the file.")
            case "@":
                if said.content is not None:
                    raise click.UsageError("There are two @files, and a message has one content.")
                said.content = _read(Path(value))
    if said.data and said.content is not None:
        raise click.UsageError("There are both values and a @file, and a message has one content.")
    return said


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as wrong:
        raise ConfigError(f"cannot read {path}: {wrong.strerror}", cure="the path counts from here") from None


def talk(endpoint: Endpoint, words: Sequence[str], *, method: str | None, **options: Any) -> int:
    """Send the request that `words` describe, show the response, and return the exit code."""
    wait = wait_of(endpoint, options["wait"])
    asked = request_of(endpoint, list(words), method, form=options["form"], wait=wait)
    screen = Screen()
    view = _View(screen, verbose=options["verbose"], as_json=options["as_json"])
    expect: Expectation | None = options["expect"]
    sink = screen.write if not (view.needs_whole or expect is not None) else None
    try:
        response = ask(
            asked, wait=wait, timeout=options["timeout"], follow=options["follow"], sink=sink, unwhole=view.unwhole
        )
    except ValueError as wrong:  # a field or method that would break the message
        raise click.UsageError(str(wrong)) from None
    view.show(response, streamed=sink is not None)
    screen.finish()
    code = manners.OK
    shown = visible(response.request.url, 200)
    if options["fail"] and not response.ok:
        manners.complain(f"{shown} answered {response.status} {visible(response.reason, 80)}")
        code = manners.WRONG
    if expect is not None and not expect.holds(response.text):
        manners.complain(expect.complaint(response.text))
        code = manners.WRONG
    return code


def request_of(endpoint: Endpoint, words: list[str], method: str | None, *, form: bool, wait: float) -> Request:
    """Return the request that the words behind the URL describe. Raises: click.UsageError, ConfigError."""
    dash = "-" in words
    said = said_by([word for word in words if word != "-"])
    if said.query:
        query = urlencode(said.query, quote_via=quote)
        path = endpoint.path or "/"
        endpoint = replace(endpoint, path=f"{path}{'&' if '?' in path else '?'}{query}")
    given = {name.lower() for name, _ in said.fields} | said.without
    content, kind = b"", ""
    if said.content is not None:
        content, kind = said.content, "application/octet-stream"
    elif said.data and form:
        pairs = {name: value if isinstance(value, str) else json.dumps(value) for name, value in said.data.items()}
        content, kind = urlencode(pairs).encode(), "application/x-www-form-urlencoded"
    elif said.data:
        content, kind = json.dumps(said.data, ensure_ascii=False).encode(), "application/json"
    if dash or (not content and said.content is None and stdin_is_piped() and _wants_content(method)):
        if said.data or said.content is not None:
            raise click.UsageError("There are both values and standard input, and a message has one content.")
        content = _read_stdin(wait, insist=dash or method is not None)
        kind = "application/json" if content.lstrip()[:1] in (b"{", b"[") else "application/octet-stream"
    if content and kind and "content-type" not in given:
        said.fields.append(("Content-Type", kind))
    verb = method or ("POST" if content or said.data or said.content is not None else "GET")
    return Request(verb, endpoint, tuple(said.fields), content, frozenset(said.without))


def _wants_content(method: str | None) -> bool:
    return method is None or method not in ("GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "CONNECT")


def _read_stdin(wait: float, insist: bool) -> bytes:
    """Return all of standard input; nothing where it is a pipe in which nothing comes, and nobody asked for it.

    Raises: manners.Stop where it was asked for and nothing comes for `wait` seconds.
    """
    descriptor = stdin_descriptor()
    if descriptor is None:
        raise click.UsageError("Standard input is closed.")
    pieces: list[bytes] = []
    size = 0
    while True:
        if os.name == "posix" and not select.select([descriptor], [], [], wait)[0]:
            after = config.duration_text(wait)
            if insist or pieces:
                raise manners.Stop(manners.DEADLINE, f"nothing came from standard input for {after}")
            manners.remark(f"standard input is a pipe in which nothing came for {after}: going on without it")
            return b""
        data = os.read(descriptor, 1 << 16)
        if not data:
            return b"".join(pieces)
        pieces.append(data)
        size += len(data)
        if size > LONGEST_PIPE:
            raise ConfigError(f"standard input is longer than {config.size_text(LONGEST_PIPE)}", cure="send a @file")


class _View:
    """What is shown of a response: the content alone in a pipe, the head too on a terminal, all of both with -v.

    With -v a terminal shows the messages taken apart; in a pipe they are as they came, and the anatomy a remark.
    """

    def __init__(self, screen: Screen, *, verbose: bool, as_json: bool) -> None:
        self._screen = screen
        self._verbose = verbose
        self._as_json = as_json
        self.needs_whole = verbose or as_json or screen.is_terminal

    def show(self, response: Response, streamed: bool) -> None:
        if self._as_json:
            anatomies = {"anatomy": [anatomy.as_dict(message) for message in _messages(response)]}
            manners.emit(as_json(response) | (anatomies if self._verbose else {}))
            return
        if self._verbose:
            for hop in (*response.hops, response):
                if self._screen.is_terminal:
                    for message in _messages(hop):
                        click.echo("\n".join(anatomy.told(message, whole=True)))
                    continue
                for message in _messages(hop):
                    for line in anatomy.told(message):
                        manners.remark(line)
                self._request(hop.request)
                for head in hop.heads:
                    self._head(head)
                self._content(hop)
            manners.remark(_timings(response))
        elif not streamed:
            if self._screen.is_terminal:
                self._head(response.head)
            self._content(response)
        for defect in response.head.defects:
            manners.remark(f"note: {defect}")

    def unwhole(self, asked: Request, came: bytes, ended: bool) -> None:
        """Show what came of a response that did not come whole; the error itself is told by somebody else."""
        if not self._verbose:
            return
        found = anatomy.requests_in(asked.head() + asked.content)
        found += anatomy.responses_in(came, [asked.method], ended=ended)
        if self._as_json:
            manners.emit({"anatomy": [anatomy.as_dict(message) for message in found]})
            return
        for message in found:
            for line in anatomy.told(message):
                manners.remark(line)

    def _request(self, asked: Request) -> None:
        self._screen.write(self._safe(asked.head()))
        if asked.content:
            self._screen.write(self._shown(asked.content, "", "utf-8") + b"\n\n")

    def _head(self, head: ResponseHead) -> None:
        raw = self._safe(head.raw)
        if self._screen.is_terminal and manners.colours(sys.stdout):
            # What came is made safe first; only then our own colour goes around its first line.
            line, _, rest = visible_lines(raw).partition("\n")
            colour = "green" if head.status < 300 else "cyan" if head.status < 400 else "red"
            sys.stdout.write(click.style(line, fg=colour, bold=True) + "\n")
            sys.stdout.flush()
            raw = rest.encode()
        self._screen.write(raw)

    def _safe(self, raw: bytes) -> bytes:
        return raw.replace(b"\r\n", b"\n") if self._screen.is_terminal else raw

    def _content(self, response: Response) -> None:
        if response.content:
            self._screen.write(self._shown(response.content, response.type, response.charset))
            if self._verbose:
                self._screen.write(b"" if response.content.endswith(b"\n") else b"\n")

    def _shown(self, content: bytes, kind: str, charset: str) -> bytes:
        if not self._screen.is_terminal:
            return content
        try:
            text = content.decode(charset)
        except (UnicodeDecodeError, LookupError):
            text = "\0"
        if "\0" in text:
            return f"({len(content)} bytes, not text: > FILE keeps them)".encode()
        if kind.endswith("json") or kind == "":
            try:
                text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
            except (ValueError, RecursionError):
                pass
        return text.encode()


def _messages(response: Response) -> list[anatomy.Message]:
    """Return both messages taken apart."""
    asked = anatomy.requests_in(response.request.head() + response.request.content)
    return [*asked, *anatomy.response_of(response.heads, response.content, response.known_by, response.trailers)]


def _timings(response: Response) -> str:
    times = response.timings
    tls = f", {response.tls}" if response.tls else ""
    return (
        f"* {response.peer}{tls}: connected after {config.duration_text(times.connect)}, first byte after "
        f"{config.duration_text(times.first_byte)}, all after {config.duration_text(times.total)}"
    )


def as_json(response: Response) -> dict[str, Any]:
    """Return the response as JSON can say it."""
    headers: dict[str, str | list[str]] = {}
    for name in dict.fromkeys(name.lower() for name, _ in response.fields):
        values = response.fields.values(name)
        headers[name] = values if name == "set-cookie" else ", ".join(values)
    times = response.timings
    about: dict[str, Any] = {
        "url": response.request.url,
        "method": response.request.method,
        "status": response.status,
        "reason": response.reason,
        "version": response.head.version,
        "headers": headers,
    }
    try:
        about["content"] = response.content.decode(response.charset)
    except (UnicodeDecodeError, LookupError):
        about |= {"content": None, "base64": base64.b64encode(response.content).decode()}
    about["bytes"] = len(response.content)
    about["timings"] = {
        "connect": round(times.connect, 6),
        "first_byte": round(times.first_byte, 6),
        "total": round(times.total, 6),
    }
    if response.tls:
        about["tls"] = response.tls
    if response.head.defects:
        about["defects"] = list(response.head.defects)
    if response.hops:
        about["redirects"] = [{"url": hop.request.url, "status": hop.status} for hop in response.hops]
    return about
