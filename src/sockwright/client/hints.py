"""What a peer seems to speak, by the first bytes it said: so that an error can name its cure."""

from __future__ import annotations


def looks_like(first: bytes) -> str:
    """Return "TLS", "HTTP", "SMTP", "SSH", or an empty string."""
    # A TLS record: its type (change cipher spec, alert, handshake, data), then version 3.0 to 3.4 (RFC 8446, 5.1).
    if len(first) >= 3 and first[0] in (20, 21, 22, 23) and first[1] == 3 and first[2] <= 4:
        return "TLS"
    if first.startswith((b"HTTP/1.", b"HTTP/2")):
        return "HTTP"
    if first.startswith(b"SSH-"):
        return "SSH"
    if first[:4] in (b"220 ", b"220-", b"421 ", b"554 "):
        return "SMTP"
    return ""
