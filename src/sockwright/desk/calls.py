"""Calling somebody on the console's behalf: one exchange over any protocol, its answer as JSON can say it."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping, Sequence
from threading import BoundedSemaphore
from typing import Any

from sockwright import config
from sockwright.client.exchanges import framing_of, talk_over
from sockwright.client.http import Request, Response, ask
from sockwright.client.post import Post
from sockwright.client.talk import Prepared
from sockwright.client.xmlrpc import send_call, value_of
from sockwright.desk import consoles
from sockwright.endpoint import Endpoint, parse
from sockwright.errors import ConfigError, PeerError, ServiceError
from sockwright.journal.connections import Connection
from sockwright.journal.journal import Journal
from sockwright.transport.connection import Arrival
from sockwright.transport.dial import CONNECT_WAIT, dial
from sockwright.wire import anatomy
from sockwright.wire.framing import framing
from sockwright.wire.visible import visible_lines
from sockwright.wire.xmlrpc import Fault

Plain = dict[str, Any]

# Calls at once: each holds a thread of the console's.
AT_ONCE = 4
# Silence after which a call is given up (seconds), by default and at most, and how long all of it may take.
WAIT = 5.0
LONGEST_WAIT = 30.0
TIMEOUT = 40.0
# Bytes of an answer that are taken and shown.
LIMIT = 1 << 20


class Calls:
    """Makes the calls of one console."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._room = BoundedSemaphore(AT_ONCE)

    def call(self, asked: Mapping[str, Any]) -> Plain:
        """Do what is asked; trouble with the peer is a finding, and part of the answer.

        Raises: ConfigError, ServiceError for what cannot be asked.
        """
        endpoint = parse(_text(asked, "url"), "http")
        consoles.refuse(endpoint, "a call")
        over: Callable[[Endpoint, Mapping[str, Any], float], Plain] = {
            "tcp": _over_tcp,
            "udp": _over_udp,
            "http": _over_http,
            "xmlrpc": _over_xmlrpc,
        }.get(endpoint.protocol, _no_call)
        wait = _wait(asked)
        if not self._room.acquire(blocking=False):
            raise ServiceError(f"{AT_ONCE} calls are under way already; wait for one of them", code=503)
        began, clock = time.time(), time.monotonic()
        try:
            told = over(endpoint, asked, wait)
        except (OSError, PeerError) as wrong:
            told = {"ok": False, **_shown(b""), "error": _trouble(wrong)}
        except ValueError as wrong:  # what cannot be said at all: a field with a line end
            raise ServiceError(str(wrong), code=400) from None
        finally:
            self._room.release()
        local = told.pop("local", "")
        told["seconds"] = round(time.monotonic() - clock, 6)
        told["connection"] = self._number(endpoint, local, began)
        return told

    def _number(self, endpoint: Endpoint, local: str, began: float) -> int | None:
        """Return the connection's number in our own journal, where it was to ourselves."""
        self._journal.flush()
        found: Connection | None = None
        for one in self._journal.connections():
            if one.since < began - 0.001:
                break
            if local and one.opened.peer == local:
                return one.number
            if not local and one.opened.local.rpartition(":")[2] == str(endpoint.port):
                found = one  # the first since we began
        return found.number if found is not None else None


def _text(asked: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = asked.get(name, default)
    if not isinstance(value, str):
        raise ServiceError(f"{name} is text", code=400)
    return value


def _wait(asked: Mapping[str, Any]) -> float:
    given = asked.get("wait")
    if given is None or given == "":
        return WAIT
    try:
        seconds = float(given) if isinstance(given, int | float) else config.duration(str(given))
    except (ValueError, ConfigError):
        raise ServiceError("wait is a time, such as 5 or 500ms", code=400) from None
    return min(max(seconds, 0.0), LONGEST_WAIT)


def content_of(asked: Mapping[str, Any]) -> bytes:
    """Return what shall be said: `hex` where it is given, else the text of `content`. Raises: ServiceError."""
    digits = _text(asked, "hex", "")
    if digits.strip():
        try:
            return bytes.fromhex(digits)
        except ValueError:
            raise ServiceError("hex is hexadecimal digits, two for each byte", code=400) from None
    return _text(asked, "content", "").encode("utf-8", "surrogatepass")


def _shown(data: bytes) -> Plain:
    return {"answer": visible_lines(data), "base64": base64.b64encode(data).decode(), "anatomy": None}


def _no_call(endpoint: Endpoint, asked: Mapping[str, Any], wait: float) -> Plain:
    raise ServiceError(f"{endpoint.scheme} is not called here: mails/send sends a mail", code=400)


def _over_tcp(endpoint: Endpoint, asked: Mapping[str, Any], wait: float) -> Plain:
    cutter, name = framing_of(endpoint, _text(asked, "frame", "") or None)
    data = content_of(asked)
    encoder = framing(name) if name else None
    outgoing = Prepared([encoder.encode(data) if encoder is not None else data] if data else [])
    with dial(endpoint, CONNECT_WAIT) as connection:
        talk = talk_over(connection, outgoing, cutter, name, wait=wait, timeout=TIMEOUT)
        came: list[bytes] = []
        size = 0
        error: Plain | None = None
        try:
            for event in talk.events():
                if isinstance(event, Arrival) and event.data:
                    came.append(event.data)
                    size += len(event.data)
                    if size > LIMIT:
                        break
        except (OSError, PeerError) as wrong:
            error = _trouble(wrong)
        told = {
            "ok": error is None,
            **_shown(b"".join(came)[:LIMIT]),
            "ended": talk.ended,
            "local": str(connection.local),
        }
    if size > LIMIT:
        told["ended"] = "cut"
    if error is not None:
        told["error"] = error
    elif talk.ended in ("idle", "time-out") and not size:
        told |= {
            "ok": False,
            "error": {"what": f"nothing came for {config.duration_text(wait)}", "cure": "wait longer"},
        }
    return told


def _over_udp(endpoint: Endpoint, asked: Mapping[str, Any], wait: float) -> Plain:
    post = Post(endpoint, Prepared([content_of(asked)]), wait=min(wait, 2.0), timeout=TIMEOUT)
    came = [event.data for event in post.events() if isinstance(event, Arrival)]
    told = {"ok": bool(came), **_shown(b"".join(came)[:LIMIT]), "ended": post.ended, "local": str(post.local)}
    if not came:
        told["error"] = {"what": "no datagram came back", "cure": "UDP promises nothing; is somebody there?"}
    return told


def _over_http(endpoint: Endpoint, asked: Mapping[str, Any], wait: float) -> Plain:
    method = (_text(asked, "method", "") or "GET").upper()
    request = Request(method, endpoint, _fields(asked), content_of(asked))
    return _told(ask(request, wait=wait, timeout=TIMEOUT, limit=LIMIT))


def _fields(asked: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    given = asked.get("fields", [])
    if not isinstance(given, list) or not all(
        isinstance(one, list) and len(one) == 2 and all(isinstance(part, str) for part in one) for one in given
    ):
        raise ServiceError("fields is a list of [name, value]", code=400)
    return tuple((name, value) for name, value in given if name.strip())


def _told(response: Response) -> Plain:
    request = response.request
    asked = anatomy.requests_in(request.head() + request.content)
    answered = anatomy.response_of(response.heads, response.content, response.known_by, response.trailers)
    messages = [anatomy.as_dict(one) | {"side": "client"} for one in asked]
    messages += [anatomy.as_dict(one) | {"side": "server"} for one in answered]
    return {
        "ok": response.ok,
        **_shown(response.content),
        "anatomy": {"protocol": "http", "messages": messages},
        "status": response.status,
        "reason": response.reason,
        "type": response.type,
        "tls": response.tls,
    }


def _over_xmlrpc(endpoint: Endpoint, asked: Mapping[str, Any], wait: float) -> Plain:
    values = asked.get("arguments", [])
    if not isinstance(values, list):
        raise ServiceError("arguments is a list of values", code=400)
    try:
        response = send_call(endpoint, _text(asked, "method"), _said(values), wait=wait)
    except (ValueError, TypeError) as wrong:
        raise ServiceError(str(wrong), code=400) from None
    told = _told(response)
    try:
        value = value_of(response)
    except ServiceError as wrong:
        return told | {"ok": False, "error": {"what": str(wrong), "cure": ""}}
    if isinstance(value, Fault):
        return told | {"ok": False, "error": {"what": f"fault {value.code}: {value.message}", "cure": ""}}
    return told | {"ok": True, "answer": json.dumps(value, ensure_ascii=False, indent=2, default=str)}


def _said(values: Sequence[Any]) -> Sequence[Any]:
    """Return values as XML-RPC can say them: JSON's null has no word there, and says nothing here either."""
    return [value for value in values if value is not None]


def _trouble(wrong: Exception) -> Plain:
    words = getattr(wrong, "strerror", None) or str(wrong) or type(wrong).__name__
    cure = ""
    if isinstance(wrong, ConnectionRefusedError):
        cure = "is it running, and at this port?"
    elif isinstance(wrong, TimeoutError):
        cure = "wait longer"
    return {"what": words, "cure": cure}
