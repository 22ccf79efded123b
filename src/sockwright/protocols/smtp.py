"""SMTP as a server (RFC 5321): one dialogue, sans-I/O. What becomes of a mail is the service's business.

    greeted --EHLO, HELO--> ready --MAIL--> sender --RCPT--> rcpt --DATA--> content --CRLF.CRLF--> keeping --.
                              ^                                                                              |
                              '--------------------------- 250 or a refusal ---------------------------------'

RSET, EHLO and HELO lead back to ready, whatever was said of a mail is forgotten. While a mail is kept, the commands
that came behind it wait (PIPELINING, RFC 2920). STARTTLS forgets everything, commands behind it included
(RFC 3207, 4.2). Refusals are in the bytes of the dialogue, which the journal holds; notes say only what bytes do not.

Here are order and lines; `smtp_envelope` has MAIL and RCPT, `smtp_login` AUTH, `smtp_site` limits and what is offered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
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
from sockwright.errors import ConfigError
from sockwright.protocols import Terms
from sockwright.protocols.smtp_envelope import NEEDS_RECIPIENT, NEEDS_SENDER, SENDER_TWICE, Envelope, path_behind
from sockwright.protocols.smtp_login import Login
from sockwright.protocols.smtp_site import (
    NEEDS_HELLO,
    NEEDS_LOGIN,
    NEEDS_TLS,
    NO_ARGUMENTS,
    READY,
    Limits,
    Site,
    refusal,
)
from sockwright.wire.mail import Mail
from sockwright.wire.smtp import Content, Path, longest_line

# What browsers say first: any page can make one speak to a port of this machine.
_HTTP = re.compile(rb"(?:GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH|PRI) ")
_CONTROLS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")

GO_ON = b"354 End with CRLF . CRLF\r\n"
UNKNOWN = b"500 5.5.2 there is no such command\r\n"

# Command lines that were understood before are looked up: their number and the length of each are bounded.
KNOWN, KNOWN_LENGTH = 4096, 256


class Smtp(Dialogue):
    """One peer that brings mail."""

    __slots__ = (
        "_buffer",
        "_content",
        "_envelope",
        "_errors",
        "_extended",
        "_helo",
        "_keeping",
        "_login",
        "_mails",
        "_said_all",
        "_secure",
        "_session_end",
        "_site",
        "_skipping",
        "_stopping",
        "_tls_begun",
    )

    def __init__(self, site: Site) -> None:
        super().__init__()
        self._site = site
        self._secure = site.tls == "on"
        self._tls_begun = False
        self._mails = self._errors = 0
        self._said_all = self._stopping = False
        self._session_end = 0.0
        self._envelope = Envelope()
        self._forget()

    def _forget(self) -> None:
        """Begin anew, as after STARTTLS."""
        self._buffer = b""
        self._skipping = False  # an endless line is passed over up to its end
        self._content: Content | None = None
        self._keeping = False
        self._helo = ""
        self._login = Login(self._site)
        self._extended = False
        self._envelope.forget()

    def _wait(self, now: float) -> None:
        """Set the time by which something must come."""
        limits = self._site.limits
        until = now + (limits.command if self._content is None else limits.content)
        self.deadline = until if until < self._session_end else self._session_end

    # -- events

    def opened(self, now: float) -> Actions:
        self.deadline = now + self._site.limits.command
        if self._tls_begun:  # the client speaks first now
            self._secure = True
            return NOTHING
        self._session_end = now + self._site.limits.session
        return (self._site.greeting,)

    def timely(self, data: bytes, now: float) -> bytes | None:
        """Answer one command that is answered by bytes alone: the hot path. All else is for `feed`."""
        if (
            self._content is not None
            or self._buffer
            or self._keeping
            or self._errors
            or self._skipping
            or self._login.expects is not None
        ):
            return None
        known = self._site.known.get(data) or self._learned(data)
        if known is None:
            return None
        answer = known[0](self, known[1])
        if answer[0] >= 52:  # "4" and "5"
            self._errors += 1
        self._wait(now)
        return answer

    def _learned(self, data: bytes) -> tuple[_Answer, str | Path] | None:
        """Return how to answer `data` where it is one whole command that `_QUICK` has, and can be understood."""
        end = len(data) - 2
        handler = _QUICK.get(data[:4].upper())
        if (
            handler is None
            or data[4:5] not in b" \r"
            or data.find(b"\n") != end + 1
            or data.find(b"\r") != end
            or end + 2 > self._site.limits.command_line
            or _bytes_refused(data[:end]) is not None
        ):
            return None
        text = data[4:end].decode()
        said = path_behind(_PATHS[handler], text) if handler in _PATHS else text
        if isinstance(said, bytes):
            return None
        known = handler, said
        if len(data) <= KNOWN_LENGTH:
            if len(self._site.known) >= KNOWN:
                self._site.known.clear()
            self._site.known[data] = known
        return known

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
            if self._login.expects is not None and line.endswith(b"\r"):
                self._say(self._login.go_on(line[:-1]), actions)
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
        wrong = _bytes_refused(line)
        if wrong is not None:
            self._say(wrong, actions)
            return True
        word, _, rest = line.partition(b" ")
        verb = word.upper()
        text = rest.decode()
        if verb in _QUICK:
            self._say(self._quick(verb, " " + text if text else ""), actions)
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

    def _quick(self, verb: bytes, text: str) -> bytes:
        handler = _QUICK[verb]
        if handler not in _PATHS:
            return handler(self, text)
        # Order comes before form: who has not said who they are is told that, whatever the path looks like.
        refused = self._order(handler)
        if refused is not None:
            return refused
        path = path_behind(_PATHS[handler], text)
        return path if isinstance(path, bytes) else handler(self, path)

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
        self._envelope.forget()
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
        if not self._extended:
            return b"503 5.5.1 EHLO comes first\r\n"
        if not self._secure and self._site.tls == "required":
            return NEEDS_TLS
        if self._login.user or self._envelope.sender is not None:
            return b"503 5.5.1 AUTH once, and not inside a mail\r\n"
        return self._login.begin(text)

    # -- a mail

    def _order(self, handler: _Answer) -> bytes | None:
        """Return the refusal where MAIL or RCPT come too early or too late."""
        if not self._helo:
            return NEEDS_HELLO
        if handler is Smtp._rcpt:
            return NEEDS_SENDER if self._envelope.sender is None else None
        if not self._secure and self._site.tls == "required":
            return NEEDS_TLS
        if self._site.users and not self._login.user:
            return NEEDS_LOGIN
        return SENDER_TWICE if self._envelope.sender is not None else None

    def _mail(self, path: Any) -> bytes:
        refused = self._order(Smtp._mail)
        if refused is not None:
            return refused
        limits = self._site.limits
        if self._mails >= limits.mails:
            return refusal(452, "4.5.3", f"{limits.mails} mails on one connection are enough; come again")
        return self._envelope.mail(path, limits, self._extended)

    def _rcpt(self, path: Any) -> bytes:
        refused = self._order(Smtp._rcpt)
        return refused if refused is not None else self._envelope.rcpt(path, self._site.limits)

    def _data(self, text: Any) -> bytes:
        if text.strip():
            return NO_ARGUMENTS
        if self._envelope.sender is None:
            return NEEDS_SENDER if self._helo else NEEDS_HELLO
        if not self._envelope.recipients:
            return NEEDS_RECIPIENT
        self._content = Content(self._site.limits.size)
        return GO_ON

    def _take_content(self, data: bytes, now: float, actions: list[Action]) -> None:
        content = self._content
        assert content is not None
        rest = content.feed(data)
        if rest is None:
            return
        self._content = None
        limits, envelope = self._site.limits, self._envelope
        sender, recipients = envelope.sender or "", tuple(envelope.recipients)
        envelope.forget()
        whole, wrong = (b"", "") if content.too_large else content.whole()
        if content.too_large:
            self._say(refusal(552, "5.3.4", f"a mail has {limits.size} bytes at most, this had more"), actions)
        elif len(whole) > limits.content_line and longest_line(whole) > limits.content_line:
            self._say(refusal(552, "5.6.0", f"a line has {limits.content_line} bytes at most"), actions)
        else:
            if wrong:
                actions.append(Note("malformed", {"rule": "RFC 5321, 2.3.8", "message": f"{wrong}; kept as it came"}))
            mail = Mail(sender, recipients, whole, now, str(self.peer), self._helo, self._login.user, self._secure)
            self._keeping = True
            self._buffer = rest
            actions.append(Invoke(self._site.service, (Arguments(values=(mail,)),)))
            return
        if not self._over(actions):
            self._commands(rest, now, actions)

    # -- the rest

    def _rset(self, text: Any) -> bytes:
        if text.strip():
            return NO_ARGUMENTS
        self._envelope.forget()
        return READY

    def _noop(self, text: Any) -> bytes:
        return READY

    def _vrfy(self, text: str) -> bytes:
        if not text.strip():
            return b"501 5.5.4 VRFY whom?\r\n"
        return b"252 2.5.0 mail for anybody is taken here\r\n"


def _bytes_refused(line: bytes) -> bytes | None:
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
_Answer = Callable[[Smtp, Any], bytes]
_QUICK: Mapping[bytes, _Answer] = {
    b"MAIL": Smtp._mail,
    b"RCPT": Smtp._rcpt,
    b"DATA": Smtp._data,
    b"RSET": Smtp._rset,
    b"NOOP": Smtp._noop,
}
# Those that are followed by a path, and what stands before it.
_PATHS: Mapping[_Answer, str] = {Smtp._mail: " FROM:", Smtp._rcpt: " TO:"}
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
