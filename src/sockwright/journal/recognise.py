"""Which protocol is spoken on a relayed connection: found from the first bytes of each side.

A guess that is only told, never acted on: no byte depends on it.
"""

from __future__ import annotations

import re

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
