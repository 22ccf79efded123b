"""The envelope of one mail, as MAIL and RCPT build it up (RFC 5321, 3.3): what is taken, and each refusal."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sockwright.errors import PeerError
from sockwright.protocols.smtp_site import Limits, refusal
from sockwright.wire.smtp import Path, decode_path

SENDER_OK = b"250 2.1.0 OK\r\n"
RECIPIENT_OK = b"250 2.1.5 OK\r\n"
SENDER_TWICE = b"503 5.5.1 there is a sender already; RSET forgets it\r\n"
NEEDS_SENDER = b"503 5.5.1 MAIL comes first\r\n"
NEEDS_RECIPIENT = b"503 5.5.1 RCPT comes first\r\n"
NEEDS_UTF8 = b"553 5.6.7 such an address needs SMTPUTF8\r\n"

_SIZE = re.compile(r"[0-9]{1,20}\Z")


def path_behind(word: str, text: str) -> Path | bytes:
    """Return the path that stands behind `MAIL` or `RCPT`, or the refusal where there is none.

    `word` is what comes before it, ` FROM:` or ` TO:`.
    """
    if text[: len(word)].upper() != word:
        example = "MAIL FROM:<ann@example.org>" if word == " FROM:" else "RCPT TO:<bob@example.org>"
        return f"501 5.5.4 write it like {example}\r\n".encode()
    try:
        return decode_path(text[len(word) :])
    except PeerError as wrong:
        return refusal(501, "5.1.7" if word == " FROM:" else "5.1.3", str(wrong))


class Envelope:
    """Reverse-path (None: not said yet) and forward-paths of the mail that is being agreed on."""

    __slots__ = ("recipients", "sender", "utf8")

    def __init__(self) -> None:
        self.sender: str | None = None
        self.recipients: list[str] = []
        self.utf8 = False

    def forget(self) -> None:
        """Begin anew, as RSET does."""
        self.sender = None
        self.recipients = []
        self.utf8 = False

    def mail(self, path: Path, limits: Limits, extended: bool) -> bytes:
        """Take the reverse-path and answer MAIL. `extended`: EHLO was said, so parameters may stand behind it."""
        if path.parameters:
            wrong = _parameters_refused(path.parameters, limits)
            if wrong is not None:
                return wrong
            if not extended:
                return b"555 5.5.4 parameters come after EHLO, not after HELO\r\n"
        utf8 = "SMTPUTF8" in path.parameters
        if not utf8 and not path.address.isascii():
            return NEEDS_UTF8
        self.utf8 = utf8
        self.sender = path.address
        return SENDER_OK

    def rcpt(self, path: Path, limits: Limits) -> bytes:
        """Take one forward-path more and answer RCPT."""
        if not path.address:
            return b"501 5.1.3 nobody can be written to as <>\r\n"
        if path.parameters:
            return refusal(555, "5.5.4", f"the parameter {next(iter(path.parameters))} is not known here")
        if not self.utf8 and not path.address.isascii():
            return NEEDS_UTF8
        if len(self.recipients) >= limits.recipients:
            return refusal(452, "4.5.3", f"{limits.recipients} recipients of one mail are the limit")
        self.recipients.append(path.address)
        return RECIPIENT_OK


def _parameters_refused(parameters: Mapping[str, str | None], limits: Limits) -> bytes | None:
    for name, value in parameters.items():
        match name, value:
            case "SIZE", str() if _SIZE.match(value):
                if int(value) > limits.size:
                    return refusal(552, "5.3.4", f"a mail has {limits.size} bytes at most")
            case "BODY", str() if value.upper() in ("7BIT", "8BITMIME"):
                pass
            case ("SMTPUTF8", None) | ("AUTH", str()):
                pass
            case (("SIZE" | "BODY" | "SMTPUTF8" | "AUTH"), _):
                return refusal(501, "5.5.4", f"{name}={value} makes no sense" if value else f"{name} lacks a value")
            case _:
                return refusal(555, "5.5.4", f"the parameter {name} is not known here")
    return None
