"""SMTP as a server (RFC 5321): one dialogue, sans-I/O. What becomes of a mail is the service's business.

    greeted --EHLO, HELO--> ready --MAIL--> sender --RCPT--> rcpt --DATA--> content --CRLF.CRLF--> keeping --.
                              ^                                                                              |
                              '--------------------------- 250 or a refusal ---------------------------------'

RSET, EHLO and HELO lead back to ready, whatever was said of a mail is forgotten. While a mail is kept, the commands
that came behind it wait (PIPELINING, RFC 2920). STARTTLS forgets everything, commands behind it included
(RFC 3207, 4.2). Refusals are in the bytes of the dialogue, which the journal holds; notes say only what bytes do not.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sockwright import config
from sockwright.binding import Arguments, Outcome, Refusal, Service
from sockwright.conversation import (
    NOTHING,
    Action,
    Actions,
    Close,
    Dialogue,
    Invoke,
    Note,
    Opening,
    StartTls,
    failed,
)
from sockwright.errors import ConfigError, PeerError
from sockwright.protocols import Terms
from sockwright.wire.mail import Mail
from sockwright.wire.smtp import Content, breaches, decode_path, longest_line


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


SIZE_PARAMETER = re.compile(r"[0-9]{1,20}\Z")
# What browsers say first: any page can make one speak to a port of this machine.
_HTTP = re.compile(rb"(?:GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH|PRI) ")
_CONTROLS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")

READY = b"250 2.0.0 OK\r\n"
SENDER_OK = b"250 2.1.0 OK\r\n"
RECIPIENT_OK = b"250 2.1.5 OK\r\n"
GO_ON = b"354 End with CRLF . CRLF\r\n"
ORDER_HELO = b"503 5.5.1 EHLO or HELO comes first\r\n"
NEEDS_TLS = b"530 5.7.0 STARTTLS comes first\r\n"
NEEDS_LOGIN = b"530 5.7.0 AUTH comes first\r\n"
UNKNOWN = b"500 5.5.2 there is no such command\r\n"
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

    def extensions(self, secure: bool) -> bytes:
        """Return the reply to EHLO, but for its first line."""
        words = ["PIPELINING", f"SIZE {self.limits.size}", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"]
        if not secure and self.tls in ("if-offered", "required"):
            words.append("STARTTLS")
        words += ["AUTH PLAIN LOGIN", "HELP"]
        lines = [f"250-{word}\r\n" for word in words]
        lines[-1] = lines[-1].replace("-", " ", 1)
        return "".join(lines).encode()


class Smtp(Dialogue):
    """One peer that brings mail."""

    __slots__ = (
        "_buffer",
        "_content",
        "_errors",
        "_extended",
        "_helo",
        "_keeping",
        "_login",
        "_login_steps",
        "_mails",
        "_recipients",
        "_said_all",
        "_secure",
        "_sender",
        "_session_end",
        "_site",
        "_skipping",
        "_stopping",
        "_tls_begun",
        "_utf8",
    )

    def __init__(self, site: Site) -> None:
        super().__init__()
        self._site = site
        self._secure = site.tls == "on"
        self._tls_begun = False
        self._mails = self._errors = 0
        self._said_all = self._stopping = False
        self._session_end = 0.0
        self._forget()

    def _forget(self) -> None:
        """Begin anew, as after STARTTLS."""
        self._buffer = b""
        self._skipping = False  # an endless line is passed over up to its end
        self._content: Content | None = None
        self._keeping = False
        self._helo = self._login = ""
        self._login_steps: Callable[[bytes], bytes] | None = None
        self._extended = False
        self._reset()

    def _reset(self) -> None:
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._utf8 = False

    def _wait(self, now: float) -> None:
        """Set the time by which something must come."""
        limits = self._site.limits
        self.deadline = min(now + (limits.command if self._content is None else limits.content), self._session_end)

    # -- events

    def opened(self, now: float) -> Actions:
        self.deadline = now + self._site.limits.command
        if self._tls_begun:  # the client speaks first now
            self._secure = True
            return NOTHING
        self._session_end = now + self._site.limits.session
        return (f"220 {self._site.name} ESMTP: takes every mail, delivers none\r\n".encode(),)

    def timely(self, data: bytes, now: float) -> bytes | None:
        """Answer one command that is answered by bytes alone: the hot path. All else is for `feed`."""
        end = len(data) - 2
        if self._content is not None or self._buffer or self._keeping or self._login_steps is not None:
            return None
        handler = _QUICK.get(data[:4].upper())
        if (
            handler is None
            or self._skipping
            or self._errors
            or data[4:5] not in b" \r"
            or data.find(b"\n") != end + 1
            or data.find(b"\r") != end
            or end + 2 > self._site.limits.command_line
        ):
            return None
        answer = self._refused_bytes(data[:end])
        if answer is None:
            answer = handler(self, data[4:end].decode(), now)
        if answer[0] >= 52:  # "4" and "5"
            self._errors += 1
        self._wait(now)
        return answer

    def feed(self, data: bytes, now: float) -> Actions:
        if self._keeping:
            self._buffer += data
            self.congested = True
            return NOTHING
        actions: list[Action] = []
        if self._content is None:
            if self._buffer:
                data = self._buffer + data
                self._buffer = b""
            self._commands(data, now, actions)
        else:
            self._take_content(data, now, actions)
        if self.deadline is not None:
            self._wait(now)
        return actions

    def half_closed(self, now: float) -> Actions:
        self._said_all = True
        if self._keeping:
            return NOTHING
        if self._content is not None:
            note = Note("refused", {"message": f"cut off after {self._content.size} bytes of content: nothing is kept"})
            self._content = None
            return (note, Close())
        return (Close(),)

    def answered(self, ticket: int, outcomes: Sequence[Outcome], now: float) -> Actions:
        self._keeping = self.congested = False
        outcome = outcomes[0]
        actions: list[Action] = []
        if type(outcome) is Refusal:
            if outcome.trace:
                actions.append(failed(outcome))
            code, detail = (451, "4.3.0") if outcome.code >= 500 else (554, "5.7.1")
            actions.append(refusal(code, detail, outcome.message))
            self._errors += 1
        elif type(outcome) is int:
            actions.append(b"250 2.0.0 kept as number %d\r\n" % outcome)
        else:
            actions.append(READY)
        self._mails += 1
        self._wait(now)
        if self._stopping:
            return (*actions, *self.stopping(now))
        data, self._buffer = self._buffer, b""
        if data:
            self._commands(data, now, actions)
        if self._said_all and not self._keeping:
            actions.append(Close())
        return actions

    def expired(self, now: float) -> Actions:
        if self._keeping:
            self.deadline = now + self._site.limits.command
            return NOTHING
        self.deadline = None
        limits = self._site.limits
        if now >= self._session_end:
            words = f"this session has lasted {config.duration_text(limits.session)}, which is the limit"
        elif self._content is not None:
            words = f"nothing came for {config.duration_text(limits.content)} inside the content; nothing is kept"
        else:
            words = f"nothing came for {config.duration_text(limits.command)}"
        return (refusal(421, "4.4.2", words), Close(words, how="time-out"))

    def stopping(self, now: float) -> Actions:
        if self._keeping:
            self._stopping = True
            return NOTHING
        return (refusal(421, "4.3.2", "shutting down"), Close("shutting down", how="stopped"))

    # -- lines

    def _commands(self, data: bytes, now: float, actions: list[Action]) -> None:
        """Answer the commands in `data`, in their order; what is not a whole line yet is held."""
        limits = self._site.limits
        at = 0
        while not self._keeping:
            end = data.find(b"\n", at)
            if end < 0:
                rest = data[at:]
                if self._skipping:
                    return
                if len(rest) > limits.command_line:
                    self._skipping = True
                    self._say(refusal(500, "5.5.6", f"a command has {limits.command_line} bytes at most"), actions)
                else:
                    self._buffer = rest
                return
            line = data[at:end]
            at = end + 1
            if self._skipping:
                self._skipping = False
                continue
            if self._login_steps is not None and line.endswith(b"\r"):
                steps, self._login_steps = self._login_steps, None
                self._say(steps(line[:-1]), actions)
            elif len(line) + 1 > limits.command_line:
                self._say(refusal(500, "5.5.6", f"a command has {limits.command_line} bytes at most"), actions)
            elif not self._command(line, now, actions):
                return
            if self._over(actions):
                return
            if self._content is not None:
                if at < len(data):
                    self._take_content(data[at:], now, actions)
                return
        self._buffer = data[at:]

    def _over(self, actions: list[Action]) -> bool:
        if self._errors < self._site.limits.errors:
            return False
        words = f"{self._errors} refused commands on one connection"
        actions += (refusal(421, "4.7.0", words), Close(words, how="limit"))
        self.deadline = None
        return True

    def _say(self, reply: bytes, actions: list[Action]) -> None:
        if reply[0] >= 52:  # "4" and "5"
            self._errors += 1
        actions.append(reply)

    def _refused_bytes(self, line: bytes) -> bytes | None:
        """Return the refusal of a line that no command may look like."""
        if _CONTROLS.search(line):
            return b"500 5.5.2 a command holds no control characters; its end is CR LF\r\n"
        if not line.isascii():
            try:
                line.decode()
            except UnicodeDecodeError:
                return b"500 5.5.2 that is not UTF-8\r\n"
        return None

    def _command(self, line: bytes, now: float, actions: list[Action]) -> bool:
        """Answer one command; return False when nothing that follows counts."""
        if not line.endswith(b"\r"):
            if self._is_http(line, actions):
                return False
            # Whoever sends lone LFs and is believed can hide commands from those who look for CR LF.
            note = {"rule": "RFC 5321, 2.3.8", "message": "a command ended with a lone LF"}
            actions.append(Note("malformed", note))
            self._say(b"500 5.5.2 a line ends with CR LF, not with LF alone\r\n", actions)
            return True
        line = line[:-1]
        wrong = self._refused_bytes(line)
        if wrong is not None:
            self._say(wrong, actions)
            return True
        word, _, rest = line.partition(b" ")
        verb = word.upper()
        text = rest.decode()
        if verb in _QUICK:
            self._say(_QUICK[verb](self, " " + text if text else "", now), actions)
        elif verb == b"QUIT":
            if text:
                self._say(NO_ARGUMENTS, actions)
                return True
            actions += (b"221 2.0.0 bye\r\n", Close("QUIT"))
            self.deadline = None
            return False
        elif verb == b"STARTTLS":
            return self._start_tls(text, actions)
        elif verb in _OTHERS:
            self._say(_OTHERS[verb](self, text), actions)
        elif self._is_http(line, actions):
            return False
        else:
            self._say(UNKNOWN, actions)
        return True

    def _is_http(self, line: bytes, actions: list[Action]) -> bool:
        if not _HTTP.match(line):
            return False
        words = "this is SMTP, and that looks like HTTP"
        actions += (Note("refused", {"message": words}), refusal(554, "5.5.1", words), Close(words, how="limit"))
        self.deadline = None
        return True

    # -- who is there

    def _hello(self, text: str, extended: bool) -> bytes:
        name = text.strip()
        if not name:
            return b"501 5.5.4 say who you are: EHLO name\r\n"
        self._reset()
        self._helo = name
        self._extended = extended
        first = f"{self._site.name} greets {self.peer.host or 'you'}\r\n".encode()
        if not extended:
            return b"250 " + first
        return b"250-" + first + self._site.extensions(self._secure)

    def _start_tls(self, text: str, actions: list[Action]) -> bool:
        if text:
            self._say(NO_ARGUMENTS, actions)
        elif self._secure:
            self._say(b"503 5.5.1 TLS is on already\r\n", actions)
        elif self._site.tls not in ("if-offered", "required"):
            self._say(b"502 5.5.1 STARTTLS is not offered here\r\n", actions)
        else:
            self._forget()
            self._tls_begun = True
            actions += (b"220 2.0.0 go ahead\r\n", StartTls())
            return False
        return True

    def _auth(self, text: str) -> bytes:
        mechanism, _, first = text.partition(" ")
        if not self._extended:
            return b"503 5.5.1 EHLO comes first\r\n"
        if not self._secure and self._site.tls == "required":
            return NEEDS_TLS
        if self._login or self._sender is not None:
            return b"503 5.5.1 AUTH once, and not inside a mail\r\n"
        match mechanism.upper():
            case "PLAIN":
                if first:
                    return self._plain(first.encode())
                self._login_steps = self._plain
                return b"334 \r\n"
            case "LOGIN":
                if first:
                    return self._login_user(first.encode())
                self._login_steps = self._login_user
                return b"334 VXNlcm5hbWU6\r\n"  # "Username:"
            case "":
                return b"501 5.5.4 AUTH PLAIN or AUTH LOGIN\r\n"
        return b"504 5.5.4 offered are PLAIN and LOGIN\r\n"

    def _plain(self, line: bytes) -> bytes:
        said = _decoded(line)
        parts = said.split("\0") if said is not None else []
        if len(parts) != 3:
            return _no_login(line)
        return self._check(parts[1] or parts[0], parts[2])

    def _login_user(self, line: bytes) -> bytes:
        user = _decoded(line)
        if user is None:
            return _no_login(line)

        def password(second: bytes) -> bytes:
            said = _decoded(second)
            return _no_login(second) if said is None else self._check(user, said)

        self._login_steps = password
        return b"334 UGFzc3dvcmQ6\r\n"  # "Password:"

    def _check(self, user: str, password: str) -> bytes:
        users = self._site.users
        if users and users.get(user) != password:
            return b"535 5.7.8 user and password do not match\r\n"
        self._login = user or "-"
        return b"235 2.7.0 welcome\r\n"

    # -- a mail

    def _mail(self, text: str, now: float) -> bytes:
        if not self._helo:
            return ORDER_HELO
        if not self._secure and self._site.tls == "required":
            return NEEDS_TLS
        if self._site.users and not self._login:
            return NEEDS_LOGIN
        if self._sender is not None:
            return b"503 5.5.1 there is a sender already; RSET forgets it\r\n"
        if text[:6].upper() != " FROM:":
            return b"501 5.5.4 write it like MAIL FROM:<ann@example.org>\r\n"
        limits = self._site.limits
        if self._mails >= limits.mails:
            return refusal(452, "4.5.3", f"{limits.mails} mails on one connection are enough; come again")
        try:
            path = decode_path(text[6:])
        except PeerError as wrong:
            return refusal(501, "5.1.7", str(wrong))
        utf8 = False
        for name, value in path.parameters.items():
            match name, value:
                case "SIZE", str() if SIZE_PARAMETER.match(value):
                    if int(value) > limits.size:
                        return refusal(552, "5.3.4", f"a mail has {limits.size} bytes at most")
                case "BODY", str() if value.upper() in ("7BIT", "8BITMIME"):
                    pass
                case "SMTPUTF8", None:
                    utf8 = True
                case "AUTH", str():
                    pass
                case (("SIZE" | "BODY" | "SMTPUTF8" | "AUTH"), _):
                    return refusal(501, "5.5.4", f"{name}={value} makes no sense" if value else f"{name} lacks a value")
                case _:
                    return refusal(555, "5.5.4", f"the parameter {name} is not known here")
        if path.parameters and not self._extended:
            return b"555 5.5.4 parameters come after EHLO, not after HELO\r\n"
        if not utf8 and not path.address.isascii():
            return b"553 5.6.7 such an address needs SMTPUTF8\r\n"
        self._utf8 = utf8
        self._sender = path.address
        return SENDER_OK

    def _rcpt(self, text: str, now: float) -> bytes:
        if self._sender is None:
            return b"503 5.5.1 MAIL comes first\r\n" if self._helo else ORDER_HELO
        if text[:4].upper() != " TO:":
            return b"501 5.5.4 write it like RCPT TO:<bob@example.org>\r\n"
        try:
            path = decode_path(text[4:])
        except PeerError as wrong:
            return refusal(501, "5.1.3", str(wrong))
        if not path.address:
            return b"501 5.1.3 nobody can be written to as <>\r\n"
        if path.parameters:
            return refusal(555, "5.5.4", f"the parameter {next(iter(path.parameters))} is not known here")
        if not self._utf8 and not path.address.isascii():
            return b"553 5.6.7 such an address needs SMTPUTF8\r\n"
        if len(self._recipients) >= self._site.limits.recipients:
            return refusal(452, "4.5.3", f"{self._site.limits.recipients} recipients of one mail are the limit")
        self._recipients.append(path.address)
        return RECIPIENT_OK

    def _data(self, text: str, now: float) -> bytes:
        if text.strip():
            return NO_ARGUMENTS
        if self._sender is None:
            return b"503 5.5.1 MAIL comes first\r\n" if self._helo else ORDER_HELO
        if not self._recipients:
            return b"503 5.5.1 RCPT comes first\r\n"
        self._content = Content(self._site.limits.size)
        return GO_ON

    def _take_content(self, data: bytes, now: float, actions: list[Action]) -> None:
        content = self._content
        assert content is not None
        rest = content.feed(data)
        if rest is None:
            return
        self._content = None
        limits = self._site.limits
        sender, recipients = self._sender or "", tuple(self._recipients)
        self._reset()
        whole = b"" if content.too_large else content.whole()
        if content.too_large:
            self._say(refusal(552, "5.3.4", f"a mail has {limits.size} bytes at most, this had more"), actions)
        elif len(whole) > limits.content_line and longest_line(whole) > limits.content_line:
            self._say(refusal(552, "5.6.0", f"a line has {limits.content_line} bytes at most"), actions)
        else:
            wrong = breaches(whole)
            if wrong:
                actions.append(Note("malformed", {"rule": "RFC 5321, 2.3.8", "message": f"{wrong}; kept as it came"}))
            peer = str(self.peer)
            mail = Mail(sender, recipients, whole, now, peer, self._helo, self._login, self._secure)
            self._keeping = True
            self._buffer = rest
            actions.append(Invoke(self._site.service, (Arguments(values=(mail,)),)))
            return
        if not self._over(actions):
            self._commands(rest, now, actions)

    # -- the rest

    def _rset(self, text: str, now: float) -> bytes:
        if text.strip():
            return NO_ARGUMENTS
        self._reset()
        return READY

    def _noop(self, text: str, now: float) -> bytes:
        return READY

    def _vrfy(self, text: str) -> bytes:
        if not text.strip():
            return b"501 5.5.4 VRFY whom?\r\n"
        return b"252 2.5.0 mail for anybody is taken here\r\n"


def _decoded(line: bytes) -> str | None:
    """Return what a line of base64 says; None where it is none."""
    try:
        return base64.b64decode(b"" if line == b"=" else line, validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def _no_login(line: bytes) -> bytes:
    return b"501 5.7.0 given up, as you wish\r\n" if line == b"*" else b"501 5.5.2 that is no base64 of a login\r\n"


# Commands whose answer is bytes and nothing else, by their first four letters.
_QUICK: Mapping[bytes, Callable[[Smtp, str, float], bytes]] = {
    b"MAIL": Smtp._mail,
    b"RCPT": Smtp._rcpt,
    b"DATA": Smtp._data,
    b"RSET": Smtp._rset,
    b"NOOP": Smtp._noop,
}
_HELP = b"214 2.0.0 EHLO HELO MAIL RCPT DATA RSET NOOP VRFY STARTTLS AUTH QUIT: RFC 5321\r\n"
_NOT_HERE = b"502 5.5.1 not offered here\r\n"
_OTHERS: Mapping[bytes, Callable[[Smtp, str], bytes]] = {
    b"EHLO": lambda smtp, text: smtp._hello(text, True),
    b"HELO": lambda smtp, text: smtp._hello(text, False),
    b"AUTH": lambda smtp, text: smtp._auth(text),
    b"VRFY": lambda smtp, text: smtp._vrfy(text),
    b"HELP": lambda smtp, text: _HELP,
    **dict.fromkeys((b"EXPN", b"TURN", b"ETRN", b"BDAT", b"SEND", b"SOML", b"SAML"), lambda smtp, text: _NOT_HERE),
}


def _takes_mail(service: Service) -> bool:
    return len(service.parameters) == 1 and not service.is_session and service.parameters[0].type in (Mail, Any)


def open_with(terms: Terms) -> Opening:
    """Return what makes a dialogue for each peer; the first service that takes one value is handed each `Mail`.

    `terms.extra` may hold `secure` (TLS from the first byte), `starttls` (no, if-offered, required), `users` (who may
    log in, with which password) and `greeting` (our name).

    Raises: ConfigError where no service can take a mail.
    """
    limits = config.overridden(Limits(), terms.limits)
    service = next((one for one in terms.services if _takes_mail(one)), None)
    if service is None:
        name = terms.services[0].name if terms.services else "nothing"
        raise ConfigError(
            f"{name} cannot take mail", cure="--do mailsink keeps it; a function of yours takes one sockwright.Mail"
        )
    tls = "on" if terms.extra.get("secure") else str(terms.extra.get("starttls", "no"))
    if tls not in ("on", "no", "if-offered", "required"):
        raise ConfigError(f"starttls={tls} makes no sense", cure="write starttls=required, if-offered or no")
    site = Site(service, limits, str(terms.extra.get("greeting") or "sockwright"), tls, terms.extra.get("users"))
    return partial(Smtp, site)
