"""SMTP as a client (RFC 5321, 3): hands over one mail, sans-I/O.

`submission` is a generator that says what to do and is told each reply:

    yields Listen()      one reply is wanted; send it in
    yields Say(data)     send this, then one reply is wanted
    yields SayQuietly    the same, and nobody shall see what: it is a password
    yields StartTls()    begin TLS as the client; send in None

and returns what came of it. Saying QUIT is left to whoever drives it: by then nothing hangs on the answer.
"""

from __future__ import annotations

import base64
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field

from sockwright.errors import PeerError, ServiceError
from sockwright.wire.smtp import Reply, stuff


@dataclass(frozen=True, slots=True)
class Listen:
    pass


@dataclass(frozen=True, slots=True)
class Say:
    data: bytes


@dataclass(frozen=True, slots=True)
class SayQuietly(Say):
    pass


@dataclass(frozen=True, slots=True)
class StartTls:
    pass


@dataclass(frozen=True, slots=True)
class Order:
    """What shall be handed over, and how. `starttls`: required, if-offered, no. `clear_login`: a password may go in
    clear, since nobody else listens on the way."""

    sender: str
    recipients: Sequence[str]
    content: bytes = field(repr=False)
    name: str = "localhost"
    utf8: bool = False
    starttls: str = "if-offered"
    secure: bool = False  # under TLS from the first byte
    user: str = ""
    password: str = field(default="", repr=False)
    clear_login: bool = False


@dataclass(frozen=True, slots=True)
class Handed:
    """The reply to the mail, and the recipients that were refused with the replies to them."""

    reply: Reply
    accepted: tuple[str, ...]
    refused: Mapping[str, Reply]


Steps = Generator[Listen | Say | StartTls, Reply | None, Handed]


def submission(order: Order) -> Steps:
    """Hand one mail over; see the head of this module.

    Raises: ServiceError where the server refuses it or cannot take it, PeerError where it breaks the protocol.
    """
    _expect((yield Listen()), 220, "the greeting")
    offered = yield from _hello(order)
    secure = order.secure
    if not secure and order.starttls != "no":
        if "STARTTLS" in offered:
            _expect((yield Say(b"STARTTLS\r\n")), 220, "STARTTLS")
            yield StartTls()
            secure = True
            offered = yield from _hello(order)  # what was said in clear counts no more (RFC 3207, 4.2)
        elif order.starttls == "required":
            raise ServiceError("the server does not offer STARTTLS, and TLS is required")
    if order.user:
        if not secure and not order.clear_login:
            raise ServiceError("the server offers no TLS, and a password does not go over a network in clear")
        yield from _login(order, offered)
    if order.utf8 and "SMTPUTF8" not in offered:
        raise ServiceError("the server does not know SMTPUTF8, and these addresses need it")
    if not order.content.isascii() and "8BITMIME" not in offered:
        raise ServiceError("the server does not know 8BITMIME, and the content needs it")
    return (yield from _transaction(order, offered))


def _hello(order: Order) -> Generator[Listen | Say | StartTls, Reply | None, Mapping[str, str]]:
    reply = _came((yield Say(f"EHLO {order.name}\r\n".encode())))
    if reply.code == 250:
        words = [line.partition(" ") for line in reply.lines[1:]]
        return {name.upper(): rest for name, _, rest in words}
    _expect((yield Say(f"HELO {order.name}\r\n".encode())), 250, "HELO")
    return {}


def _login(order: Order, offered: Mapping[str, str]) -> Generator[Listen | Say | StartTls, Reply | None, None]:
    mechanisms = offered.get("AUTH", "").upper().split()
    if "PLAIN" in mechanisms:
        said = _coded(f"\0{order.user}\0{order.password}")
        reply = yield SayQuietly(b"AUTH PLAIN " + said + b"\r\n")
    elif "LOGIN" in mechanisms:
        _expect((yield Say(b"AUTH LOGIN\r\n")), 334, "AUTH LOGIN")
        _expect((yield SayQuietly(_coded(order.user) + b"\r\n")), 334, "the user")
        reply = yield SayQuietly(_coded(order.password) + b"\r\n")
    else:
        offers = f"it offers {' '.join(mechanisms)}" if mechanisms else "it offers none"
        raise ServiceError(f"the server offers neither AUTH PLAIN nor LOGIN: {offers}")
    _expect(reply, 235, "the login")


def _transaction(order: Order, offered: Mapping[str, str]) -> Steps:
    parameters = ""
    data = stuff(order.content)
    if "SIZE" in offered:
        parameters += f" SIZE={len(order.content)}"
    if not order.content.isascii():
        parameters += " BODY=8BITMIME"
    if order.utf8:
        parameters += " SMTPUTF8"
    _expect((yield Say(f"MAIL FROM:<{order.sender}>{parameters}\r\n".encode())), 250, "the sender")
    accepted: list[str] = []
    refused: dict[str, Reply] = {}
    for one in order.recipients:
        reply = _came((yield Say(f"RCPT TO:<{one}>\r\n".encode())))
        if reply.code in (250, 251, 252):
            accepted.append(one)
        else:
            refused[one] = reply
    if not accepted:
        raise ServiceError(f"every recipient was refused: {next(iter(refused.values()))}")
    _expect((yield Say(b"DATA\r\n")), 354, "DATA")
    done = _expect((yield Say(data)), 250, "the mail")
    return Handed(done, tuple(accepted), refused)


def _coded(text: str) -> bytes:
    return base64.b64encode(text.encode())


def _came(reply: Reply | None) -> Reply:
    assert reply is not None, "whoever drives a submission sends the reply in"
    return reply


def _expect(reply: Reply | None, code: int, what: str) -> Reply:
    reply = _came(reply)
    if reply.code == code or (reply.code // 100 == 2 and code // 100 == 2):
        return reply
    if reply.code // 100 in (4, 5):
        raise ServiceError(f"the server refuses {what}: {reply}")
    raise PeerError(f"{code} was expected after {what}, and {str(reply)[:200]!r} came", section="RFC 5321, 4.3.2")
