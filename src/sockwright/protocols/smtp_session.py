"""What a mail server knows of one peer, and what it answers to each command: bytes in, bytes out.

Order is looked at before form: who has not said who they are is told that, whatever the rest of the line looks like.
What is more than an answer (the content, TLS, the end of it all) is for the dialogue in `smtp`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from sockwright.protocols.smtp_envelope import NEEDS_RECIPIENT, NEEDS_SENDER, SENDER_TWICE, Envelope, path_behind
from sockwright.protocols.smtp_login import Login
from sockwright.protocols.smtp_site import (
    NEEDS_HELLO,
    NEEDS_LOGIN,
    NEEDS_TLS,
    NO_ARGUMENTS,
    READY,
    Site,
    refusal,
)
from sockwright.wire.smtp import Path

GO_ON = b"354 End with CRLF . CRLF\r\n"
UNKNOWN = b"500 5.5.2 there is no such command\r\n"
TLS_ON = b"503 5.5.1 TLS is on already\r\n"
TLS_NOT_HERE = b"502 5.5.1 STARTTLS is not offered here\r\n"

_CONTROLS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")

# Command lines that were understood before are looked up: their number and the length of each are bounded.
KNOWN, KNOWN_LENGTH = 4096, 256


class Session:
    """One peer, from its greeting on. `secure`: under TLS; `mails`: how many it has brought."""

    __slots__ = ("envelope", "extended", "helo", "host", "login", "mails", "secure", "site")

    def __init__(self, site: Site) -> None:
        self.site = site
        self.secure = site.tls == "on"
        self.mails = 0
        self.host = ""
        self.envelope = Envelope()
        self.forget()

    def forget(self) -> None:
        """Begin anew, as after STARTTLS."""
        self.helo = ""
        self.extended = False
        self.login = Login(self.site)
        self.envelope.forget()

    # -- answers

    def answer(self, verb: bytes, text: str) -> bytes | None:
        """Answer a command, `text` being what stands behind its verb; None for what is no command here."""
        handler = _QUICK.get(verb)
        if handler is None:
            other = _OTHERS.get(verb)
            return other(self, text) if other is not None else None
        text = " " + text if text else ""
        if handler not in _PATHS:
            return handler(self, text)
        refused = self._order(handler)
        if refused is not None:
            return refused
        path = path_behind(_PATHS[handler], text)
        return path if isinstance(path, bytes) else handler(self, path)

    def at_once(self, data: bytes) -> bytes | None:
        """Answer `data` where it is one whole command that came before or is easily understood: the hot path."""
        known = self.site.known.get(data) or self._learned(data)
        return known[0](self, known[1]) if known is not None else None

    def _learned(self, data: bytes) -> tuple[_Answer, str | Path] | None:
        """Return how to answer `data` where it is one whole command that `_QUICK` has, and can be understood."""
        end = len(data) - 2
        handler = _QUICK.get(data[:4].upper())
        if (
            handler is None
            or data[4:5] not in b" \r"
            or data.find(b"\n") != end + 1
            or data.find(b"\r") != end
            or end + 2 > self.site.limits.command_line
            or bytes_refused(data[:end]) is not None
        ):
            return None
        text = data[4:end].decode()
        said = path_behind(_PATHS[handler], text) if handler in _PATHS else text
        if isinstance(said, bytes):
            return None
        known = handler, said
        if len(data) <= KNOWN_LENGTH:
            if len(self.site.known) >= KNOWN:
                self.site.known.clear()
            self.site.known[data] = known
        return known

    # -- who is there

    def _hello(self, text: str, extended: bool) -> bytes:
        name = text.strip()
        if not name:
            return b"501 5.5.4 say who you are: EHLO name\r\n"
        self.envelope.forget()
        self.helo = name
        self.extended = extended
        first = f"{self.site.name} greets {self.host or 'you'}\r\n".encode()
        if not extended:
            return b"250 " + first
        return b"250-" + first + self.site.extensions[self.secure]

    def starttls(self, text: str) -> bytes | None:
        """Return the refusal of STARTTLS; None where TLS may begin."""
        if text:
            return NO_ARGUMENTS
        if self.secure:
            return TLS_ON
        return TLS_NOT_HERE if self.site.tls not in ("if-offered", "required") else None

    def _auth(self, text: str) -> bytes:
        if not self.extended:
            return b"503 5.5.1 EHLO comes first\r\n"
        if not self.secure and self.site.tls == "required":
            return NEEDS_TLS
        if self.login.user or self.envelope.sender is not None:
            return b"503 5.5.1 AUTH once, and not inside a mail\r\n"
        return self.login.begin(text)

    # -- a mail

    def _order(self, handler: _Answer) -> bytes | None:
        """Return the refusal where MAIL or RCPT come too early or too late."""
        if not self.helo:
            return NEEDS_HELLO
        if handler is Session._rcpt:
            return NEEDS_SENDER if self.envelope.sender is None else None
        if not self.secure and self.site.tls == "required":
            return NEEDS_TLS
        if self.site.users and not self.login.user:
            return NEEDS_LOGIN
        return SENDER_TWICE if self.envelope.sender is not None else None

    def _mail(self, path: Any) -> bytes:
        refused = self._order(Session._mail)
        if refused is not None:
            return refused
        limits = self.site.limits
        if self.mails >= limits.mails:
            return refusal(452, "4.5.3", f"{limits.mails} mails on one connection are enough; come again")
        return self.envelope.mail(path, limits, self.extended)

    def _rcpt(self, path: Any) -> bytes:
        refused = self._order(Session._rcpt)
        return refused if refused is not None else self.envelope.rcpt(path, self.site.limits)

    def _data(self, text: Any) -> bytes:
        if text.strip():
            return NO_ARGUMENTS
        if self.envelope.sender is None:
            return NEEDS_SENDER if self.helo else NEEDS_HELLO
        if not self.envelope.recipients:
            return NEEDS_RECIPIENT
        return GO_ON

    # -- the rest

    def _rset(self, text: Any) -> bytes:
        if text.strip():
            return NO_ARGUMENTS
        self.envelope.forget()
        return READY

    def _noop(self, text: Any) -> bytes:
        return READY

    def _vrfy(self, text: str) -> bytes:
        if not text.strip():
            return b"501 5.5.4 VRFY whom?\r\n"
        return b"252 2.5.0 mail for anybody is taken here\r\n"


def bytes_refused(line: bytes) -> bytes | None:
    """Return the refusal of a line that no command may look like."""
    if _CONTROLS.search(line):
        return b"500 5.5.2 a command holds no control characters; its end is CR LF\r\n"
    if not line.isascii():
        try:
            line.decode()
        except UnicodeDecodeError:
            return b"500 5.5.2 that is not UTF-8\r\n"
    return None


# How a command is answered by bytes alone, given what stands behind its verb: the text, or the path it was read as.
_Answer = Callable[[Session, Any], bytes]
_QUICK: Mapping[bytes, _Answer] = {
    b"EHLO": lambda session, text: session._hello(text, True),
    b"HELO": lambda session, text: session._hello(text, False),
    b"MAIL": Session._mail,
    b"RCPT": Session._rcpt,
    b"DATA": Session._data,
    b"RSET": Session._rset,
    b"NOOP": Session._noop,
}
# Those that are followed by a path, and what stands before it.
_PATHS: Mapping[_Answer, str] = {Session._mail: " FROM:", Session._rcpt: " TO:"}
_HELP = b"214 2.0.0 EHLO HELO MAIL RCPT DATA RSET NOOP VRFY STARTTLS AUTH QUIT: RFC 5321\r\n"
_NOT_HERE = b"502 5.5.1 not offered here\r\n"
_OTHERS: Mapping[bytes, Callable[[Session, str], bytes]] = {
    b"AUTH": lambda session, text: session._auth(text),
    b"VRFY": lambda session, text: session._vrfy(text),
    b"HELP": lambda session, text: _HELP,
    **dict.fromkeys((b"EXPN", b"TURN", b"ETRN", b"BDAT", b"SEND", b"SOML", b"SAML"), lambda session, text: _NOT_HERE),
}
