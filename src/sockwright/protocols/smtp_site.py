"""What all SMTP dialogues at one endpoint share: limits, name, TLS, who may log in; and how a reply is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sockwright.binding import Service


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes, seconds, counts."""

    # One mail, as SIZE tells it: what common providers take is 25 to 50 MB, what tests send is small.
    size: int = 10 * 1024 * 1024
    # A command with its end. The standard's 512 and what extensions add (RFC 5321, 4.5.3.1.4), with room.
    command_line: int = 2048
    # A line of content. The standard says 1,000, programs send longer ones, and it is kept as it came.
    content_line: int = 1024 * 1024
    # At least 100 must be taken (RFC 5321, 4.5.3.1.8); above this 452, and the client comes again with the rest.
    recipients: int = 1000
    # Refused commands on one connection: then it is a guesser or a broken loop.
    errors: int = 20
    # Mails on one connection: a load test sends tens of thousands, a runaway loop does not stop.
    mails: int = 100_000
    # Silence between commands, and inside the content.
    command: float = 60.0
    content: float = 120.0
    # One connection from its beginning to its end.
    session: float = 900.0


READY = b"250 2.0.0 OK\r\n"
NEEDS_HELLO = b"503 5.5.1 EHLO or HELO comes first\r\n"
NEEDS_TLS = b"530 5.7.0 STARTTLS comes first\r\n"
NEEDS_LOGIN = b"530 5.7.0 AUTH comes first\r\n"
NO_ARGUMENTS = b"501 5.5.4 that takes no arguments\r\n"


def refusal(code: int, detail: str, words: str) -> bytes:
    """Return a reply on one line, whatever `words` hold."""
    clean = " ".join(words.split())[:400]
    return f"{code} {detail} {clean}\r\n".encode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Site:
    """What all dialogues at one endpoint share. `users`: who may log in, with which password; empty: anybody."""

    service: Service
    limits: Limits
    name: str = "sockwright"
    tls: str = "no"  # STARTTLS: no, if-offered, required; "on" where TLS is there from the first byte
    users: Mapping[str, str] | None = None
    # Whole command lines that were understood before: how they are answered, and what they say.
    known: dict[bytes, tuple[Any, Any]] = field(default_factory=dict, repr=False)
    # The first thing that is said, and the reply to EHLO but for its first line: in clear, and under TLS.
    greeting: bytes = field(init=False, repr=False)
    extensions: tuple[bytes, bytes] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        greeting = f"220 {self.name} ESMTP: takes every mail, delivers none\r\n".encode()
        object.__setattr__(self, "greeting", greeting)
        object.__setattr__(self, "extensions", (self._extensions(False), self._extensions(True)))

    def _extensions(self, secure: bool) -> bytes:
        words = ["PIPELINING", f"SIZE {self.limits.size}", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"]
        if not secure and self.tls in ("if-offered", "required"):
            words.append("STARTTLS")
        words += ["AUTH PLAIN LOGIN", "HELP"]
        lines = [f"250-{word}\r\n" for word in words]
        lines[-1] = lines[-1].replace("-", " ", 1)
        return "".join(lines).encode()
