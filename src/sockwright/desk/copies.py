"""What a client said, said again: as a call of the console's, and as commands of ours, nc, curl and Python.

Only what the journal kept whole can be said again. Every piece of foreign text is quoted for the shell or for Python;
none of it can end the quotation.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from sockwright.endpoint import LOOPBACK, Endpoint, parse
from sockwright.errors import ConfigError, PeerError
from sockwright.journal.exchanges import Message, exchanges_of
from sockwright.journal.transcript import Transcript
from sockwright.wire.xmlrpc import read_call

# Bytes of what a client said that go into one command.
LONGEST = 64 * 1024
# Fields that whoever sends it makes anew.
_MADE_ANEW = frozenset({"host", "content-length", "connection", "transfer-encoding", "expect", "keep-alive"})
# Bytes that printf of every shell leaves as they are inside single quotes.
_PLAIN = frozenset(range(0x20, 0x7F)) - {ord("'"), ord("\\"), ord("%")}


def composed(transcript: Transcript) -> dict[str, Any] | None:
    """Return what the client said as what `POST call` takes; None where that makes no sense."""
    at = _endpoint(transcript)
    if at is None or at.protocol == "smtp":
        return None
    if at.protocol in ("http", "xmlrpc"):
        request = _request(transcript)
        if request is None:
            return None
        call = _remote(request) if at.protocol == "xmlrpc" else None
        if call is not None:
            return {**_call(str(at)), "method": call[0], "arguments": call[1]}
        url = _url(at, request)
        return {**_call(url), "method": request.start[0], "fields": _fields(request), **_content(request.body)}
    data = _said(transcript)
    return None if data is None else {**_call(str(at)), **_content(data)}


def _call(url: str) -> dict[str, Any]:
    return {"url": url, "method": "", "fields": [], "content": "", "hex": "", "arguments": []}


def _content(data: bytes) -> dict[str, str]:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return {"content": "", "hex": data.hex(" ")}
    plain = all(sign.isprintable() or sign in "\r\n\t" for sign in text)
    return {"content": text, "hex": ""} if plain else {"content": "", "hex": data.hex(" ")}


def copy(transcript: Transcript, form: str) -> str | None:
    """Return the same as text to paste into a terminal; None where the tool cannot say it."""
    at = _endpoint(transcript)
    if at is None:
        return None
    match at.protocol:
        case "http" | "xmlrpc":
            request = _request(transcript)
            return None if request is None else _copy_http(at, request, form)
        case "tcp" | "udp" | "smtp":
            data = _said(transcript)
            return None if data is None else _copy_bytes(at, data, form)
    return None


def _endpoint(transcript: Transcript) -> Endpoint | None:
    """Return where to say it again, None where nobody can know."""
    opened = transcript.connection.opened
    try:
        at = parse(opened.endpoint)
    except ConfigError:
        return None
    host = LOOPBACK if at.host in ("0.0.0.0", "::", "localhost") else at.host
    return at.at(host, at.port)


def _said(transcript: Transcript) -> bytes | None:
    """Return all that the client said, None where some of it is missing, or it is too much."""
    lost = transcript.missing("received")
    data = transcript.stream("received")
    if lost.size or len(data) != transcript.kept("received").size or not data or len(data) > LONGEST:
        return None
    return data


def _request(transcript: Transcript) -> Message | None:
    exchanges = exchanges_of(transcript)
    if not exchanges or exchanges[0].request.is_cut or len(exchanges[0].request.body) > LONGEST:
        return None
    return exchanges[0].request


def _remote(request: Message) -> tuple[str, list[Any]] | None:
    """Return method and values of a call whose values JSON can say."""
    try:
        call = read_call(request.body)
    except PeerError:
        return None
    return (call.method, list(call.values)) if all(map(_is_simple, call.values)) else None


def _is_simple(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_simple, value))
    if isinstance(value, dict):
        return all(map(_is_simple, value.values()))
    return isinstance(value, str | int | float | bool)


def _fields(request: Message) -> list[list[str]]:
    return [[name, value] for name, value in request.fields if name.lower() not in _MADE_ANEW]


def _url(at: Endpoint, request: Message) -> str:
    scheme = "https" if at.tls else "http"
    target = request.start[1] if request.start[1].startswith("/") else "/"
    return f"{scheme}://{at.authority}{target}"


# -- the forms


def _copy_http(at: Endpoint, request: Message, form: str) -> str | None:
    url, method, fields, body = _url(at, request), request.start[0], _fields(request), request.body
    match form:
        case "sockwright":
            call = _remote(request) if at.protocol == "xmlrpc" else None
            if call is not None and all(isinstance(value, str | int | float) for value in call[1]):
                words = [call[0], *(_word(value) for value in call[1])]
                return f"sockwright call xmlrpc://{at.authority}/ " + " ".join(map(shlex.quote, words))
            words = ["sockwright", "call", method, url, *(f"{name}:{value}" for name, value in fields)]
            if at.tls:
                words.insert(2, "--insecure")
            command = " ".join(map(shlex.quote, words))
            return f"{_printf(body)} | {command}" if body else command
        case "curl":
            parts = [
                "curl",
                "-i",
                *(["-k"] if at.tls else []),
                *([] if method == "GET" and not body else ["-X", method]),
            ]
            for name, value in fields:
                parts += ["-H", f"{name}: {value}"]
            command = " ".join(map(shlex.quote, [*parts, *(["--data-binary", "@-"] if body else []), url]))
            return f"{_printf(body)} | {command}" if body else command
        case "nc":
            if at.tls:
                return None
            lines = [f"{method} {request.start[1]} HTTP/1.1", f"Host: {at.authority}", "Connection: close"]
            lines += [f"{name}: {value}" for name, value in fields]
            lines += [f"Content-Length: {len(body)}"] if body else []
            head = "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")
            return f"{_printf(head + body)} | nc {shlex.quote(at.host)} {at.port}"
        case "python":
            return _python_http(url, method, dict(fields), body, trusting=at.tls)
    return None


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _python_http(url: str, method: str, fields: Mapping[str, str], body: bytes, *, trusting: bool) -> str:
    lines = ["import urllib.error", "import urllib.request", ""]
    context = ""
    if trusting:
        lines[:0] = ["import ssl"]
        context = ", context=ssl._create_unverified_context()"
    data = f", data={body!r}" if body else ""
    lines += [
        f"request = urllib.request.Request({url!r}, method={method!r}, headers={dict(fields)!r}{data})",
        "try:",
        f"    response = urllib.request.urlopen(request{context})",
        "except urllib.error.HTTPError as refused:",
        "    response = refused",
        "print(response.status, response.reason)",
        "print(response.read().decode(errors='replace'))",
    ]
    return "\n".join(lines) + "\n"


def _copy_bytes(at: Endpoint, data: bytes, form: str) -> str | None:
    host = shlex.quote(at.host)
    udp = at.protocol == "udp"
    match form:
        case "sockwright":
            url = f"{'tcp' if at.protocol == 'smtp' else at.scheme}{'+tls' if at.tls else ''}://{at.authority}"
            if at.protocol == "smtp" and at.tls:
                url = f"tcp+tls://{at.authority}"
            trust = "--insecure " if at.tls else ""
            return (
                f"{_printf(data)} | sockwright call {trust}{shlex.quote(url)} -"
                if not udp
                else (f"sockwright call {shlex.quote(url)} --hex {data.hex()}")
            )
        case "nc":
            if at.tls:
                return None
            return f"{_printf(data)} | nc {'-u -w1' if udp else '-N'} {host} {at.port}"
        case "python":
            return None if at.tls else _python_socket(at, data, udp=udp)
    return None


def _python_socket(at: Endpoint, data: bytes, *, udp: bool) -> str:
    family = "AF_INET6" if ":" in at.host else "AF_INET"
    if udp:
        lines = [
            "import socket",
            "",
            f"with socket.socket(socket.{family}, socket.SOCK_DGRAM) as peer:",
            "    peer.settimeout(2)",
            f"    peer.sendto({data!r}, ({at.host!r}, {at.port}))",
            "    print(peer.recv(65535))",
        ]
    else:
        lines = [
            "import socket",
            "",
            f"with socket.create_connection(({at.host!r}, {at.port}), timeout=5) as peer:",
            f"    peer.sendall({data!r})",
            "    peer.shutdown(socket.SHUT_WR)",
            "    while data := peer.recv(65536):",
            "        print(data)",
        ]
    return "\n".join(lines) + "\n"


def _printf(data: bytes) -> str:
    """Return the command that writes `data`: octal escapes, which every printf knows, for all but plain ASCII."""
    text = "".join(map(_escaped, data))
    if text.startswith("-"):  # it would be taken for an option
        text = f"\\{ord('-'):03o}{text[1:]}"
    return f"printf '{text}'"


def _escaped(byte: int) -> str:
    if byte in _PLAIN:
        return chr(byte)
    return {10: "\\n", 13: "\\r", 9: "\\t", 0x25: "%%", 0x5C: "\\\\"}.get(byte, f"\\{byte:03o}")
