"""What is spoken on a relayed connection, from its first bytes."""

from __future__ import annotations

import pytest

from sockwright.journal.recognise import protocol_of


@pytest.mark.parametrize(
    ("client", "server", "name"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"", "http"),
        (b"POST /RPC2 HTTP/1.1\r\n\r\n<?xml version='1.0'?><methodCall>", b"", "xmlrpc"),
        (b"", b"220 mail.example ESMTP\r\n", "smtp"),
        (b"EHLO x\r\n", b"220 mail\r\n", "smtp"),
        (b"USER x\r\n", b"220 ProFTPD\r\n", "lines"),
        (b"\x16\x03\x01\x02\x00\x01", b"", "tls"),
        (b'{"a": 1}\n', b"", "json-lines"),
        ("привет\n".encode(), b"", "lines"),
        (b"\x00\x01\x02", b"\xff", ""),
        (b"no end of line", b"", ""),
    ],
)
def test_first_bytes_tell(client: bytes, server: bytes, name: str) -> None:
    assert protocol_of(client, server) == name
