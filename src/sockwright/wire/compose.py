"""A mail to be sent, made of what a person says: addresses, subject, texts, attachments.

The standard library writes the MIME; what is here is addresses, in every script.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass, field
from email import policy
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import getaddresses


@dataclass(frozen=True, slots=True)
class Letter:
    """What shall be sent. Addresses as a person writes them: `Анна <anna@example.org>`, several apart by commas."""

    sender: str
    to: str = ""
    cc: str = ""
    bcc: str = ""
    subject: str = ""
    body: str = ""
    html: str = ""
    attachments: Sequence[tuple[str, bytes]] = field(default_factory=tuple)  # name, content


@dataclass(frozen=True, slots=True)
class Composed:
    """The envelope and the content. `utf8`: no server can take it that does not know SMTPUTF8 (RFC 6531)."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    utf8: bool


def addresses_of(text: str) -> list[Address]:
    """Return the addresses in `text`; a domain in another script becomes what DNS calls it.

    Raises: ValueError naming what is none.
    """
    found = []
    for name, spec in getaddresses([text]):
        local, at, domain = spec.rpartition("@")
        if not at:
            if spec != text.strip():  # the library is generous, and would send to half of a misspelt address
                raise ValueError(f"{text!r} is no address; write it like ann@example.org")
            local, domain = spec, ""
        if not local or any(sign.isspace() or sign in "<>,\0" for sign in local.strip('"') + domain):
            raise ValueError(f"{spec or text!r} is no address; write it like ann@example.org")
        if local.isascii() and not domain.isascii():
            try:
                domain = domain.encode("idna").decode()
            except UnicodeError as wrong:
                raise ValueError(f"the domain {domain!r} cannot be: {wrong}") from None
        found.append(Address(name, local, domain))
    return found


def compose(letter: Letter, date: str, message_id: str) -> Composed:
    """Return the mail that `letter` asks for, with these values of Date and Message-ID. Bcc is in the envelope alone.

    Raises: ValueError for what cannot be said in a mail.
    """
    sender = addresses_of(letter.sender)
    if len(sender) != 1:
        raise ValueError(f"{letter.sender!r} is not one address")
    to, cc, bcc = (addresses_of(text) if text else [] for text in (letter.to, letter.cc, letter.bcc))
    recipients = tuple(dict.fromkeys(_spec(one) for one in (*to, *cc, *bcc)))
    if not recipients:
        raise ValueError("nobody is named who shall get it: to=ann@example.org")
    utf8 = not all(text.isascii() for text in (_spec(sender[0]), *recipients))
    # Texts in base64 or quoted-printable pass by every server there is.
    message = EmailMessage(policy=(policy.SMTPUTF8 if utf8 else policy.SMTP).clone(cte_type="7bit"))
    message["From"] = sender[0]
    for name, addresses in (("To", to), ("Cc", cc)):
        if addresses:
            message[name] = addresses
    message["Date"] = date
    message["Message-ID"] = message_id
    if letter.body or not letter.html:
        message.set_content(letter.body)
        if letter.html:
            message.add_alternative(letter.html, subtype="html")
    else:
        message.set_content(letter.html, subtype="html")
    for name, content in letter.attachments:
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        major, _, minor = kind.partition("/")
        message.add_attachment(content, maintype=major, subtype=minor, filename=name)
    return Composed(_spec(sender[0]), recipients, _subject(letter.subject) + message.as_bytes(), utf8)


def _subject(text: str) -> bytes:
    """Return the field. Not by `EmailMessage`, which loses the blank between two encoded words where it folds."""
    if "\r" in text or "\n" in text:
        raise ValueError("a subject is one line, without a line end in it")
    value = Header(text, "us-ascii" if text.isascii() else "utf-8", header_name="Subject").encode(linesep="\r\n")
    return f"Subject: {value}\r\n".encode()


def _spec(address: Address) -> str:
    return address.addr_spec if address.domain else address.username
