"""Which protocol is spoken on a relayed connection: found from its first recorded bytes, in the writer's thread.

A guess that is only told, never acted on: no byte depends on it. The bytes that decide are the first of each side;
who speaks first decides where they could be several things.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from time import time

from sockwright.journal.batch import Batch
from sockwright.journal.connections import SPEAKS
from sockwright.journal.records import ENDED, NOTE, OPENED, RECEIVED, SENT, Entry, Record

# Bytes of each side that are looked at; an XML-RPC call shows itself behind its head.
LOOKED_AT = 4096

_REQUEST = re.compile(rb"[A-Z][A-Z-]{1,20} [!-~]{1,4000} HTTP/1\.[01]\r?\n")
_BANNER = re.compile(rb"220[ -][ -~\x80-\xff]*\r?\n")
_SMTP = re.compile(rb"(?:EHLO|HELO|LHLO|QUIT|NOOP|MAIL FROM:)\b", re.IGNORECASE)
_JSON_LINE = re.compile(rb"\s*[{\[].*[}\]]\s*\r?\n", re.DOTALL)


def protocol_of(client: bytes, server: bytes) -> str:
    """Return what the first bytes of the two sides look like: http, xmlrpc, smtp, tls, json-lines, lines; ""."""
    if client[:2] == b"\x16\x03" and len(client) > 5:
        return "tls"
    if _REQUEST.match(client):
        head, _, body = client.partition(b"\r\n\r\n")
        return "xmlrpc" if head.startswith(b"POST ") and b"<methodCall" in body else "http"
    if _BANNER.match(server) and (not client or _SMTP.match(client)):
        return "smtp" if client or b"SMTP" in server.upper() else ""
    for said in (client, server):
        if said and _JSON_LINE.match(said):
            return "json-lines"
    if any(_is_text_line(said) for said in (client, server) if said):
        return "lines"
    return ""


def _is_text_line(said: bytes) -> bool:
    line, newline, _ = said.partition(b"\n")
    if not newline:
        return False
    try:
        return line.decode().rstrip("\r").isprintable()
    except UnicodeDecodeError:
        return False


class Recogniser:
    """Follows the journal; adds a note to each relayed connection whose protocol can be seen."""

    def __init__(self, append: Callable[[Record], None]) -> None:
        self._append = append
        self._open: dict[int, list[bytes]] = {}  # number -> what client and server said first, while undecided

    def __call__(self, entries: Sequence[Entry]) -> None:
        records = entries.records if isinstance(entries, Batch) else [record for _, record in entries]
        rare = entries.rare if isinstance(entries, Batch) else records
        for record in rare:
            if record[0] == OPENED and record[3].role == "tap" and record[3].proto == "tcp":
                self._open[record[1]] = [b"", b""]
        if not self._open:  # the usual case under load: nothing to look for
            return
        for kind, number, _, payload, *_ in records:
            if kind in (RECEIVED, SENT) and number in self._open:
                self._heard(number, kind == SENT, payload)
        for record in rare:
            if record[0] == ENDED:
                self._open.pop(record[1], None)

    def _heard(self, number: int, by_server: bool, data: bytes) -> None:
        said = self._open[number]
        said[by_server] = (said[by_server] + data)[:LOOKED_AT]
        name = protocol_of(said[0], said[1])
        # A POST may yet turn out to be a call; two sides that both said much and nothing known stay "tcp".
        waits = name in ("", "http", "lines") and not (said[0] and said[1])
        if name == "http" and not said[0].startswith(b"POST "):
            waits = False
        if not waits or min(map(len, said)) >= LOOKED_AT:
            del self._open[number]
            if name:
                self._append((NOTE, number, time(), (SPEAKS, {"protocol": name}), 0))
