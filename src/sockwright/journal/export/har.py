"""HTTP Archive 1.2: the HTTP exchanges of the journal, for browsers and other HTTP tools.

Times are those of the chunks that carried each message. `send` is from the first to the last byte of the request,
`wait` until the response begins, `receive` until it ends; name resolution and connecting are not ours to see (-1).
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, BinaryIO
from urllib.parse import parse_qsl, urlsplit

import msgspec

from sockwright import __version__
from sockwright.journal.connections import Connection
from sockwright.journal.exchanges import Exchange, Message, exchanges_of
from sockwright.journal.transcript import Transcript

# Bytes that a compressed body may unpack to; more is left as it came.
MOST_UNPACKED = 20 << 20

_encode = msgspec.json.Encoder().encode


def write(transcripts: Iterable[Transcript], out: BinaryIO) -> int:
    creator = {"name": "sockwright", "version": __version__}
    out.write(b'{"log":{"version":"1.2","creator":' + _encode(creator) + b',"pages":[],"entries":[')
    count = 0
    first = True
    for transcript in transcripts:
        entries = list(entries_of(transcript))
        for entry in entries:
            out.write((b"\n" if first else b",\n") + _encode(entry))
            first = False
        count += bool(entries)
    out.write(b"\n]}}\n")
    return count


def entries_of(transcript: Transcript) -> Iterator[dict[str, Any]]:
    """Yield HAR's entries for the exchanges of one connection."""
    connection = transcript.connection
    for exchange in exchanges_of(transcript):
        request, response = exchange.request, exchange.response
        send = request.ended - request.began
        wait = max(response.began - request.ended, 0.0) if response else 0.0
        receive = max(response.ended - response.began, 0.0) if response else 0.0
        timings: dict[str, float] = {"blocked": -1, "dns": -1, "connect": -1, "ssl": -1}
        timings |= {"send": _ms(send), "wait": _ms(wait), "receive": _ms(receive)}
        yield {
            "startedDateTime": datetime.fromtimestamp(request.began, UTC).isoformat(timespec="milliseconds"),
            "time": round(timings["send"] + timings["wait"] + timings["receive"], 3),
            "request": _request(exchange, connection),
            "response": _response(response),
            "cache": {},
            "timings": timings,
            "serverIPAddress": _server(connection),
            "connection": str(connection.number),
            **({"comment": _comment(exchange)} if _comment(exchange) else {}),
        }


def _ms(seconds: float) -> float:
    return round(seconds * 1e3, 3)


def _server(connection: Connection) -> str:
    opened = connection.opened
    return (opened.peer if opened.role == "client" else opened.local).rpartition(":")[0].strip("[]")


def _comment(exchange: Exchange) -> str:
    said: list[str] = []
    if exchange.response is None:
        said.append("there is no response in the journal")
    for name, message in (("request", exchange.request), ("response", exchange.response)):
        if message is not None and message.is_cut:
            said.append(f"the {name} is cut: its end is not in the journal")
    return "; ".join(said)


def _request(exchange: Exchange, connection: Connection) -> dict[str, Any]:
    message = exchange.request
    method, target, version = message.start
    url = _url(target, message.field("host"), connection)
    described: dict[str, Any] = {
        "method": method,
        "url": url,
        "httpVersion": version,
        "cookies": _cookies(message, "cookie"),
        "headers": _fields(message),
        "queryString": [
            {"name": name, "value": value} for name, value in parse_qsl(_query(url), keep_blank_values=True)
        ],
        "headersSize": message.head_size,
        "bodySize": message.size,
    }
    if message.body or message.is_cut:
        kind = message.field("content-type")
        text, encoding = _body_text(message.body, kind)
        described["postData"] = {"mimeType": kind, "params": _parameters(kind, text), "text": text}
        said = [f"encoded as {encoding}"] if encoding else []  # HAR has no field for that in a request
        said += ["cut: the journal holds only this much"] if message.is_cut else []
        if said:
            described["postData"]["comment"] = "; ".join(said)
    return described


def _url(target: str, host: str, connection: Connection) -> str:
    if "://" in target:
        return target
    scheme = "https" if connection.opened.tls else "http"
    opened = connection.opened
    authority = host or (opened.peer if opened.role == "client" else opened.local)
    return f"{scheme}://{authority}{target if target.startswith('/') else '/' + target}"


def _query(url: str) -> str:
    try:
        return urlsplit(url).query
    except ValueError:
        return url.partition("?")[2]


def _response(message: Message | None) -> dict[str, Any]:
    if message is None:  # as browsers write a request that was never answered
        return {
            "status": 0,
            "statusText": "",
            "httpVersion": "",
            "cookies": [],
            "headers": [],
            "content": {"size": 0, "mimeType": ""},
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": -1,
        }
    version, status, reason = message.start
    return {
        "status": int(status),
        "statusText": reason,
        "httpVersion": version,
        "cookies": _cookies(message, "set-cookie"),
        "headers": _fields(message),
        "content": _content(message),
        "redirectURL": message.field("location"),
        "headersSize": message.head_size,
        "bodySize": message.size,
    }


def _content(message: Message) -> dict[str, Any]:
    kind = message.field("content-type")
    body = message.body
    comments = ["cut: the journal holds only this much"] if message.is_cut else []
    coding = message.field("content-encoding").strip().lower()
    content: dict[str, Any] = {"size": len(body), "mimeType": kind}
    if coding and coding != "identity" and body:
        unpacked = _unpacked(body, coding)
        if unpacked is None:
            comments.append(f"still in its content coding, {coding}")
        else:
            content["compression"] = len(unpacked) - len(body)
            content["size"] = len(unpacked)
            body = unpacked
    if body:
        content["text"], encoding = _body_text(body, kind)
        if encoding:
            content["encoding"] = encoding
    if comments:
        content["comment"] = "; ".join(comments)
    return content


def _unpacked(body: bytes, coding: str) -> bytes | None:
    """Return `body` without its content coding, as far as it goes; None where that cannot be undone here."""
    windows: Sequence[int] = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}.get(coding, ())
    for window in windows:
        try:
            unpacked = zlib.decompressobj(window).decompress(body, MOST_UNPACKED + 1)
        except zlib.error:
            continue
        return unpacked if len(unpacked) <= MOST_UNPACKED else None
    return None


def _body_text(body: bytes, kind: str) -> tuple[str, str]:
    """Return a body as text, and HAR's name for how it is encoded: "" or "base64"."""
    charset = kind.lower().partition("charset=")[2].partition(";")[0].strip(" \"'") or "utf-8"
    try:
        text = body.decode(charset)
    except (LookupError, ValueError):  # a charset nobody knows, or bytes that are not in it
        return base64.b64encode(body).decode(), "base64"
    if "\0" in text or any("\ud800" <= sign <= "\udfff" for sign in text):
        return base64.b64encode(body).decode(), "base64"
    return text, ""


def _parameters(kind: str, text: str) -> list[dict[str, str]]:
    if not kind.lower().startswith("application/x-www-form-urlencoded"):
        return []
    return [{"name": name, "value": value} for name, value in parse_qsl(text, keep_blank_values=True)]


def _fields(message: Message) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in message.fields]


def _cookies(message: Message, field: str) -> list[dict[str, Any]]:
    cookies: list[dict[str, Any]] = []
    for name, value in message.fields:
        if name.lower() != field:
            continue
        pairs = value.split(";")
        for pair in pairs if field == "cookie" else pairs[:1]:
            key, equals, content = pair.strip().partition("=")
            if equals:
                cookies.append({"name": key, "value": content} | (_attributes(pairs[1:]) if field != "cookie" else {}))
    return cookies


def _attributes(pairs: Sequence[str]) -> dict[str, Any]:
    known: dict[str, Any] = {}
    for pair in pairs:
        key, _, value = pair.strip().partition("=")
        match key.lower():
            case "path" | "domain":
                known[key.lower()] = value
            case "httponly":
                known["httpOnly"] = True
            case "secure":
                known["secure"] = True
    return known
