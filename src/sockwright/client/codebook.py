"""The codebook's client: lists of words to a `codebook` over any protocol, the lists of plain words back.

Over tcp, lists go out one behind the other without waiting for answers, so a million words take a few seconds. A list
that text can say is a line of text, any other is JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec

from sockwright import client
from sockwright.client.talk import WAIT, Frame, Talk
from sockwright.endpoint import Endpoint
from sockwright.errors import ConfigError, PeerError, ServiceError
from sockwright.wire.framing import framing

# Words in one list: few enough that an answer comes at once, many enough that lists cost nothing.
BATCH = 1_000
# Bytes of words in one list: over UDP it must fit into a datagram, and so must the answer.
BATCH_BYTES = 16_384
# Lists on their way: what is asked for and not yet answered waits in the server's memory or in ours.
ON_THE_WAY = 64

Plain = list[str | None]


def decode(
    endpoint: Endpoint, words: Iterable[str], *, book: str = "", encode: bool = False, wait: float = WAIT
) -> Iterator[tuple[Sequence[str], Plain]]:
    """Yield lists of words with what each means, None where that is not known, in order.

    Raises: ServiceError for a refusal; OSError, TimeoutError, PeerError where there is no answer.
    """
    lists = _lists(words)
    match endpoint.protocol:
        case "tcp":
            return _over_stream(endpoint, lists, book, encode, wait)
        case "udp" | "http" | "xmlrpc":
            return ((each, _call(endpoint, each, book, encode, wait)) for each in lists)
    raise ConfigError(f"{endpoint.scheme} has no codebook", cure="tcp, udp, http, https and xmlrpc have")


def _lists(words: Iterable[str]) -> Iterator[list[str]]:
    """Cut `words` into lists."""
    source = iter(words)
    while batch := list(islice(source, BATCH)):
        some: list[str] = []
        size = 0
        for word in batch:
            size += len(word.encode("utf-8", "surrogatepass")) + 1
            if size > BATCH_BYTES and some:
                yield some
                some, size = [], 0
            some.append(word)
        yield some


def request_of(words: Sequence[str], book: str = "", encode: bool = False) -> bytes:
    """Return the line, without its end, that asks for `words`."""
    try:
        text = " ".join(words).encode()
        if book or encode:
            return msgspec.json.encode({"words": words, **({"book": book} if book else {}), "encode": encode})
        if text[:1] in (b"[", b"{") or len(text.split()) != len(words):
            return msgspec.json.encode(words)
    except UnicodeEncodeError:
        raise ServiceError("half of a surrogate pair is no character; give the words as UTF-8") from None
    return text


def answer_of(line: bytes, words: Sequence[str]) -> Plain:
    """Return what `line` answers to `words`.

    Raises: ServiceError where it is a refusal, PeerError where it is no answer.
    """
    plain: Plain
    line = line.removesuffix(b"\n").removesuffix(b"\r")
    if line.startswith(b"error: "):
        raise ServiceError(line[7:].decode(errors="backslashreplace"))
    try:
        if line[:1] == b"[":
            plain = msgspec.json.decode(line, type=list[str | None])
        else:
            plain = [None if word[:1] == "?" else word for word in line.decode().split(" ")]
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        raise PeerError(f"this is no codebook's answer: {line[:60]!r} ({wrong})") from None
    if len(plain) != len(words):
        raise PeerError(f"{len(words)} words were asked for and {len(plain)} came back: {line[:60]!r}")
    return plain


class _Lists:
    """What is to be said over the connection; not more than ON_THE_WAY lists before their answers."""

    def __init__(self, lists: Iterator[list[str]], book: str, encode: bool) -> None:
        self.asked = 0
        self.waiting: list[list[str]] = []
        self._book = book
        self._encode = encode
        self._lists = lists
        self._next = next(lists, None)
        self.over = self._next is None

    def take(self) -> bytes | None:
        if self._next is None or len(self.waiting) >= ON_THE_WAY:
            return None
        words = self._next
        self.waiting.append(words)
        self.asked += 1
        self._next = next(self._lists, None)
        self.over = self._next is None
        return request_of(words, self._book, self._encode) + b"\n"


def _over_stream(
    endpoint: Endpoint, lists: Iterator[list[str]], book: str, encode: bool, wait: float
) -> Iterator[tuple[Sequence[str], Plain]]:
    outgoing = _Lists(lists, book, encode)
    if outgoing.over:
        return
    with client.connect(endpoint, wait) as connection:
        talk = Talk(connection, outgoing, wait=wait, framing=framing("line"), half_close=False)
        for event in talk.events():
            if isinstance(event, Frame):
                words = outgoing.waiting.pop(0)
                yield words, answer_of(event.data, words)
        if outgoing.waiting or not outgoing.over:
            if talk.ended == "idle":
                raise TimeoutError(f"{endpoint} did not answer within {wait:g} s")
            raise ConnectionResetError(f"{endpoint} hung up with {len(outgoing.waiting)} lists unanswered")


def _call(endpoint: Endpoint, words: Sequence[str], book: str, encode: bool, wait: float) -> Plain:
    """Ask over a protocol in which a list is one call."""
    url: Any = endpoint
    if endpoint.protocol == "udp":
        from sockwright.client.exchanges import exchange

        came = exchange(url, [request_of(words, book, encode)], wait=wait)
        return answer_of(came.content, words)
    name = "encode" if encode else "decode"
    if endpoint.protocol == "xmlrpc":
        from sockwright.client.xmlrpc import call_method

        values = (list(words), book) if book else (list(words),)
        return msgspec.convert(call_method(url, name, *values, wait=wait), Plain)
    from dataclasses import replace

    from sockwright.client.http import request

    if endpoint.path in ("", "/"):
        endpoint = replace(endpoint, path=f"/call/codebook.{name}")
    answer = request("POST", endpoint, json={"words": list(words), "book": book}, wait=wait)
    content = msgspec.json.decode(answer.content)
    if answer.status != 200:
        raise ServiceError(str(content.get("error", content)) if isinstance(content, dict) else str(content))
    return msgspec.convert(content, Plain)
